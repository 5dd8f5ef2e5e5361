package session

import (
	"context"
	"sync/atomic"
	"testing"

	"chattok/internal/budget"
	"chattok/internal/sequence"
)

// countingStore is a Store of one log with so many entries, which counts how often it is read.
type countingStore struct {
	Store
	length int64
	reads  atomic.Int64
}

func (s *countingStore) LogEvents(_ context.Context, q LogQuery) (LogRun, error) {
	s.reads.Add(1)
	run := LogRun{After: q.After, Through: min(s.length, q.Before-1)}
	for place := q.After + 1; place <= run.Through; place++ {
		run.Events = append(run.Events, &LogEvent{Place: place, Entry: &ChatEntry{SessionID: q.SessionID, Seq: place, Place: place}})
	}
	return run, nil
}

// TestFeedTailIsReadOnce: a new feed holds no entry. The first reader that asks for the log's end brings it into the window;
// after it gave way, the next one does.
func TestFeedTailIsReadOnce(t *testing.T) {
	const size = sequence.ChunkSize
	store := &countingStore{length: size + 50}
	b := budget.New(1 << 20)
	f := newLogFeed(store, b, &Session{ID: "s"}, store.length, newLogChunks(store, b))
	if b.Used() != 0 {
		t.Errorf("%d bytes before anybody asks", b.Used())
	}
	for turn := range 3 {
		if _, gone := f.Read(nil, size+10, 100); !gone {
			t.Fatalf("turn %d: entries are there before anybody asks", turn)
		}
		entries, next, err := f.Older(t.Context(), size+10)
		if err != nil || len(entries) != 40 || next != size+50 || entries[0].Place != size+11 {
			t.Fatalf("turn %d: %d entries, %v", turn, len(entries), err)
		}
		if entries, gone := f.Read(nil, size, 100); gone || len(entries) != 50 || entries[0].Place != size+1 {
			t.Fatalf("turn %d: %d entries are in the window, gone %v", turn, len(entries), gone)
		}
		if got := store.reads.Load(); got != int64(turn+1) {
			t.Errorf("turn %d: %d reads", turn, got)
		}
		f.GiveWay(false)
	}
}
