package session

import (
	"context"
	"math/rand/v2"
	"testing"

	"chattok/internal/budget"
	"chattok/internal/sequence"
)

// memoryLog is a Store of one log with changes. Where gate is set, a read of the log is told by begun, and its answer, which is the
// log as it was at the beginning, waits for gate.
type memoryLog struct {
	Store
	events      []*LogEvent // by place; nil where superseded
	entries     []*ChatEntry
	begun, gate chan struct{}
}

func (m *memoryLog) LogEvents(_ context.Context, q LogQuery) (LogRun, error) {
	last := int64(len(m.events))
	if q.Before > 0 {
		last = min(last, q.Before-1)
	}
	run := LogRun{After: q.After, Through: max(q.After, last)}
	for place := q.After + 1; place <= last; place++ {
		e := m.events[place-1]
		if e == nil {
			continue
		}
		now := *e
		now.Entry, now.Superseded = m.entries[e.Entry.Seq-1], 0
		if run.Events = append(run.Events, &now); len(run.Events) == q.Limit {
			run.Through = place
			break
		}
	}
	if m.gate != nil {
		m.begun <- struct{}{}
		<-m.gate
	}
	return run, nil
}

// add adds an entry and returns the run of it.
func (m *memoryLog) add() LogRun {
	place := int64(len(m.events) + 1)
	e := &ChatEntry{SessionID: "s", Seq: int64(len(m.entries) + 1), Place: place, Version: 1}
	m.entries = append(m.entries, e)
	return m.append(&LogEvent{Place: place, Entry: e})
}

// change changes an entry and returns the run of it.
func (m *memoryLog) change(seq int64) LogRun {
	place := int64(len(m.events) + 1)
	next := *m.entries[seq-1]
	before := next.Changed
	next.Version++
	next.Changed = place
	m.entries[seq-1] = &next
	if before > 0 {
		m.events[before-1] = nil
	}
	return m.append(&LogEvent{Place: place, Change: EntryEdited, Entry: &next, Superseded: before})
}

func (m *memoryLog) append(e *LogEvent) LogRun {
	m.events = append(m.events, e)
	return LogRun{After: e.Place - 1, Through: e.Place, Events: []*LogEvent{e}}
}

// next returns the events after a place as a reader of the feed gets them.
func (f *logFeed) next(t *testing.T, after int64) ([]*LogEvent, int64) {
	t.Helper()
	events, gone := f.Read(nil, after, 100)
	if !gone {
		return events, after + int64(len(events))
	}
	events, next, err := f.Older(t.Context(), after)
	if err != nil {
		t.Fatal(err)
	}
	return events, next
}

// check reads a feed from a place on, and checks that it has exactly the events of the log, each with its entry as it is.
func (m *memoryLog) check(t *testing.T, f *logFeed, after int64) {
	t.Helper()
	got := make(map[int64]*LogEvent)
	for at := after; at < int64(len(m.events)); {
		events, next := f.next(t, at)
		if next <= at {
			t.Fatalf("after %d the reader comes to %d", at, next)
		}
		for i, e := range events {
			if e == nil {
				continue
			}
			if e.Place != at+int64(i)+1 {
				t.Fatalf("event %d is at %d", e.Place, at+int64(i)+1)
			}
			got[e.Place] = e
		}
		at = next
	}
	for place := after + 1; place <= int64(len(m.events)); place++ {
		e, want := got[place], m.events[place-1]
		if (e == nil) != (want == nil) {
			t.Fatalf("after %d: at %d there is %+v, want %+v", after, place, e, want)
		}
		if e != nil && (e.Entry.Version != m.entries[e.Entry.Seq-1].Version || e.Change != want.Change) {
			t.Fatalf("after %d: at %d version %d of entry %d, which has version %d", after, place, e.Entry.Version, e.Entry.Seq,
				m.entries[e.Entry.Seq-1].Version)
		}
	}
}

// TestFeedOfChanges: whatever of a log with many changes comes by the bus or is fetched, and whatever the window and the chunks hold,
// a reader gets every event that is not superseded, with its entry as it is.
func TestFeedOfChanges(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 0))
		store := &memoryLog{}
		b := budget.New(1 << 20)
		chunks := newLogChunks(store, b)
		f := newLogFeed(store, b, &Session{ID: "s"}, 0, chunks)
		for range 1500 {
			var run LogRun
			if n := int64(len(store.entries)); n == 0 || random.IntN(3) == 0 {
				run = store.add()
			} else {
				run = store.change(max(1, n-random.Int64N(1+random.Int64N(n))))
			}
			if random.IntN(4) == 0 { // the message is lost
				continue
			}
			if f.extend(run) {
				for f.Newest() < run.Through {
					fetched, err := store.LogEvents(t.Context(), LogQuery{SessionID: "s", After: f.Newest(), Limit: 1 + random.IntN(20)})
					if err != nil {
						t.Fatal(err)
					}
					f.extend(fetched)
				}
			}
			switch random.IntN(20) {
			case 0:
				store.check(t, f, random.Int64N(f.Newest()))
			case 1:
				store.check(t, f, 0)
			case 2:
				f.GiveWay(false)
			case 3: // the room is closed, and opened later
				f.close()
				f = newLogFeed(store, b, &Session{ID: "s"}, int64(len(store.events)), chunks)
			}
		}
		store.check(t, f, 0)
		for _, e := range store.entries {
			if known := f.entry(e.Seq); known != nil && known != e {
				t.Errorf("an entry is known as %+v", known)
			}
		}
		if e := f.entry(int64(len(store.entries))); e != store.entries[len(store.entries)-1] {
			t.Errorf("the newest entry is known as %+v", e)
		}
	}
}

// TestFeedFarBehind: a run with more places than a feed keeps leaves the newest in the window.
func TestFeedFarBehind(t *testing.T) {
	store := &memoryLog{}
	b := budget.New(0)
	f := newLogFeed(store, b, &Session{ID: "s"}, 0, newLogChunks(store, b))
	f.extend(store.add())
	for range 10 * feedEvents {
		store.change(1)
	}
	fetched, _ := store.LogEvents(t.Context(), LogQuery{SessionID: "s", After: 1, Limit: 10})
	if gap := f.extend(fetched); gap || f.Newest() != 10*feedEvents+1 {
		t.Errorf("gap %v, newest %d", gap, f.Newest())
	}
	reads := f.chunks.Reads()
	store.check(t, f, 0)
	if n := f.chunks.Reads() - reads; n > 3 {
		t.Errorf("%d chunks were read for two events", n)
	}
}

// TestChunkThatIsBeingRead: where an entry changes while a chunk with it is being read, whoever asks afterwards gets the new version,
// and the old one is kept nowhere. The chunk is a whole one, or the log's last, which would go into the window.
func TestChunkThatIsBeingRead(t *testing.T) {
	for _, length := range []int{sequence.ChunkSize, 20} {
		store := &memoryLog{begun: make(chan struct{}), gate: make(chan struct{})}
		for range length {
			store.add()
		}
		b := budget.New(0)
		f := newLogFeed(store, b, &Session{ID: "s"}, int64(length), newLogChunks(store, b))
		slow := make(chan []*LogEvent)
		go func() {
			events, _, err := f.Older(t.Context(), 0)
			if err != nil {
				t.Error(err)
			}
			slow <- events
		}()
		<-store.begun
		f.extend(store.change(3)) // while the read has the log as it was before
		store.gate <- struct{}{}
		if events := <-slow; events[2].Entry.Version != 1 {
			t.Errorf("the read that had begun has version %d", events[2].Entry.Version)
		}
		store.gate = nil
		store.check(t, f, 0)
		store.check(t, f, 0) // by now in the window, or a chunk
	}
}
