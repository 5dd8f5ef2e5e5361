package session

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pingStore is a Store whose Ping waits for gate, and whose commits of entries fail with fail where that is set.
type pingStore struct {
	Store
	gate  chan struct{}
	pings atomic.Int32
	fail  error
}

func (s *pingStore) ParallelCommits() int { return 1 }

func (s *pingStore) Ping(context.Context) error {
	s.pings.Add(1)
	<-s.gate
	return nil
}

func (s *pingStore) AppendEntries(_ context.Context, entries []NewEntry) []EntryResult {
	results := make([]EntryResult, len(entries))
	for i, e := range entries {
		results[i].Err = s.fail
		if s.fail == nil {
			results[i].Entry = &ChatEntry{SessionID: e.SessionID, Seq: 1}
		}
	}
	return results
}

// TestReadyOfASlowStore: probes are answered in time though the Store is not, and all of them share one Ping.
func TestReadyOfASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &pingStore{gate: make(chan struct{})}
		s := NewService(Config{Store: store, Bus: &stubBus{}})
		s.health.serving.Store(true)
		begun := time.Now()
		for range 2 {
			var probes sync.WaitGroup
			for range 10 {
				probes.Go(func() {
					if err := s.Ready(t.Context()); CodeOf(err) != CodeUnavailable {
						t.Errorf("ready while the store does not answer: %v", err)
					}
				})
			}
			probes.Wait()
		}
		if took := time.Since(begun); took != 2*pingPatience || store.pings.Load() != 1 {
			t.Errorf("20 probes took %v and asked %d times", took, store.pings.Load())
		}
		close(store.gate)
		synctest.Wait()
		if err := s.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		s.background.end()
	})
}

// TestReadyAfterAFailedCommit: after a failed commit the service is not ready, though a Ping passes, until a commit succeeds or
// commitFailure has passed.
func TestReadyAfterAFailedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &pingStore{gate: make(chan struct{})}
		close(store.gate)
		s := NewService(Config{Store: store, Bus: &stubBus{}})
		s.health.serving.Store(true)
		commit := func(err error) {
			store.fail = err
			s.log.commit([]logWrite{{sessionID: "s", entry: &NewEntry{SessionID: "s", Body: "x"}}})
		}
		ready := func(want Code) {
			t.Helper()
			if err := s.Ready(t.Context()); CodeOf(err) != want {
				t.Errorf("%v, want %q", err, want)
			}
		}
		ready("")
		commit(Unavailable(context.DeadlineExceeded))
		ready(CodeUnavailable)
		commit(Errorf(CodeBadUserInput, "no"))
		ready(CodeUnavailable)
		commit(nil)
		ready("")
		commit(Unavailable(context.DeadlineExceeded))
		time.Sleep(commitFailure)
		ready("")
		s.background.end()
	})
}
