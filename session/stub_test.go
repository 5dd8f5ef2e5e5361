package session

import (
	"context"
	"strings"
	"sync"
	"time"
)

// stubStore is a Store with one session, s, whose log has length entries of 8 KiB. Where gate is set, reading the roster waits
// for it.
type stubStore struct {
	Store
	length int64
	gate   chan struct{}

	mu       sync.Mutex
	largest  int // group of connections in one call
	attached map[string]bool
	touched  int
	lastSeqs int // calls of LastSeqs
}

func (s *stubStore) ParallelCommits() int { return 1 }

func (s *stubStore) Session(context.Context, string) (*Session, error) {
	return &Session{ID: "s", Epoch: 7, MediaMode: MediaRelayed}, nil
}

func (s *stubStore) Roster(context.Context, string) (Roster, error) {
	if s.gate != nil {
		<-s.gate
	}
	return Roster{}, nil
}

func (s *stubStore) LastSeqs(_ context.Context, ids []string) (map[string]LastSeqs, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastSeqs++
	return map[string]LastSeqs{"s": {Epoch: 7}}, nil
}

func (s *stubStore) LogEvents(_ context.Context, q LogQuery) (LogRun, error) {
	run := LogRun{After: q.After, Through: q.After}
	for place := q.After + 1; place <= s.length && (q.Before == 0 || place < q.Before) && len(run.Events) < q.Limit; place++ {
		run.Events = append(run.Events, &LogEvent{Place: place, Entry: stubEntry(place)})
		run.Through = place
	}
	return run, nil
}

func stubEntry(seq int64) *ChatEntry {
	return &ChatEntry{SessionID: "s", Epoch: 7, Seq: seq, Place: seq, Version: 1, ConnectionID: "c", Body: strings.Repeat("x", 8<<10)}
}

func (s *stubStore) Attach(_ context.Context, _ string, ids []string) (map[string]error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.largest = max(s.largest, len(ids))
	for _, id := range ids {
		s.attached[id] = true
	}
	return nil, nil
}

func (s *stubStore) Detach(_ context.Context, _ string, ids []string, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.largest = max(s.largest, len(ids))
	for _, id := range ids {
		delete(s.attached, id)
	}
	return nil
}

func (s *stubStore) Touch(_ context.Context, ids []string, _, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.largest = max(s.largest, len(ids))
	s.touched += len(ids)
	return nil
}

// stubBus is a Bus whose messages come from the test: receive gets the function that the one open room subscribes.
type stubBus struct {
	receive chan func(Message)
	lost    chan struct{}
}

func (b *stubBus) Publish(context.Context, Message) error { return nil }
func (b *stubBus) SingleNode() bool                       { return b.lost == nil }
func (b *stubBus) Lost() <-chan struct{}                  { return b.lost }
func (b *stubBus) Err() error                             { return nil }

func (b *stubBus) Subscribe(_ string, receive func(Message)) (func(), error) {
	b.receive <- receive
	return func() {}, nil
}
