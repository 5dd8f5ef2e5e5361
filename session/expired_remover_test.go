package session

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// expiringStore is a Store of sessions whose entries get old. Its transactions take the time that real ones would.
type expiringStore struct {
	Store
	mu      sync.Mutex      // never held while time passes
	ids     []string        // of all sessions, in their order
	entries map[string]int  // that are old
	due     int             // sessions that have some
	broken  map[string]bool // sessions from which nothing can be removed
	soon    map[string]bool // sessions whose entries are old only where they are kept for an hour at most
	holder  string          // of the lease
	until   time.Time
	gaveUp  int // how often the lease was given up

	busy    time.Duration // all transactions
	longest time.Duration
	commits int
	read    int // calls of LastSeqs
}

func (s *expiringStore) add(sessions, entries int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range sessions {
		id := fmt.Sprintf("%09d", len(s.entries))
		s.ids, s.entries[id] = append(s.ids, id), entries
	}
	s.due += sessions
}

func (s *expiringStore) HoldLease(_ context.Context, _, node string, length time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case length == 0 && s.holder == node:
		s.gaveUp++
		s.until = time.Time{}
		return false, nil
	case length == 0 || s.holder != node && now.Before(s.until):
		return false, nil
	}
	s.holder, s.until = node, now.Add(length)
	return true, nil
}

func (s *expiringStore) RetentionDue(_ context.Context, general time.Duration, after string, limit int) (ids []string, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, found := slices.BinarySearch(s.ids, after)
	if found {
		at++
	}
	for ; at < len(s.ids) && len(ids) < limit; at++ {
		if next = s.ids[at]; s.entries[next] > 0 && (general <= time.Hour || !s.soon[next]) {
			ids = append(ids, next)
		}
	}
	if at == len(s.ids) {
		next = ""
	}
	return ids, next, nil
}

func (s *expiringStore) RemoveExpired(
	_ context.Context, _ string, ids []string, _ time.Duration, limit int,
) (removed []Removal, left []string, err error) {
	s.mu.Lock()
	broken := slices.ContainsFunc(ids, func(id string) bool { return s.broken[id] })
	s.mu.Unlock()
	if broken {
		return nil, nil, Errorf(CodeUnavailable, "the store is failing")
	}
	removed, left, took := s.remove(ids, limit)
	time.Sleep(took)
	return removed, left, nil
}

// remove removes entries, and returns how long that is to take.
func (s *expiringStore) remove(ids []string, limit int) (removed []Removal, left []string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took = time.Millisecond // to sync it
	for i, id := range ids {
		if limit == 0 {
			left = append(left, ids[i:]...)
			break
		}
		n := min(s.entries[id], limit)
		took += 200*time.Microsecond + time.Duration(n)*15*time.Microsecond
		s.entries[id] -= n
		removed = append(removed, Removal{SessionID: id, Entries: n})
		if n > 0 && s.entries[id] == 0 {
			s.due--
		}
		if limit -= n; limit == 0 {
			left = append(left, id)
		}
	}
	s.busy, s.longest, s.commits = s.busy+took, max(s.longest, took), s.commits+1
	return removed, left, took
}

func (s *expiringStore) LastSeqs(context.Context, []string) (map[string]LastSeqs, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read++
	return nil, nil
}

// countingBus is a Bus of one node that counts messages.
type countingBus struct {
	Bus
	mu           sync.Mutex
	fronts, feed int
	nodes        bool // whether there may be other nodes
}

func (b *countingBus) SingleNode() bool { return !b.nodes }

func (b *countingBus) Publish(_ context.Context, m Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.Front != nil {
		b.fronts++
	}
	if m.Feed != nil {
		b.feed++
	}
	return nil
}

// startRemoving runs an expiredRemover until the test ends.
func startRemoving(t *testing.T, store *expiringStore, bus *countingBus) {
	startRemovingOn(t, store, bus, "n", time.Hour, slog.DiscardHandler)
}

func startRemovingOn(t *testing.T, store *expiringStore, bus *countingBus, node string, keep time.Duration, log slog.Handler) {
	cfg := Config{Store: store, Bus: bus, Metrics: noMetrics{}, Retention: keep, Lease: time.Minute, Tick: time.Second,
		Now: time.Now, Log: slog.New(log)}
	r := newExpiredRemover(cfg, node, &publisher{bus: bus, log: cfg.Log}, newSequencer(cfg, node, func(FeedNews) {}))
	done := make(chan struct{})
	go func() { defer close(done); r.run() }()
	t.Cleanup(func() { r.close(); <-done })
}

// TestRemovalShare: removing takes a tenth of the time at most, whether a few sessions have many old entries or many sessions have few,
// once or all the time. Its transactions are short, have many sessions each, and the nodes are told of each session once.
func TestRemovalShare(t *testing.T) {
	for _, c := range []struct {
		name              string
		sessions, entries int // at first
		each              int // sessions in each second that follows
		during            time.Duration
		left              int // sessions that still have some in the end, at most
		most              int // transactions
	}{
		{"one large session", 1, 50_000, 0, 2 * time.Minute, 0, 200},
		{"many small sessions", 5000, 2, 0, 3 * time.Minute, 0, 350},
		{"some in each second", 0, 1, 200, 20 * time.Second, 400, 300},
		{"more than there is time for", 0, 1, 1000, 20 * time.Second, 20_000 - 6000, 480},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, bus := &expiringStore{entries: make(map[string]int)}, new(countingBus)
				store.add(c.sessions, c.entries)
				startRemoving(t, store, bus)
				for began := time.Now(); time.Since(began) < c.during; {
					store.add(c.each, c.entries)
					time.Sleep(time.Second)
					synctest.Wait()
					if spent := time.Since(began); store.busy > spent/removalShare+store.longest {
						t.Fatalf("of %v, %v went into removing", spent, store.busy)
					}
				}
				t.Logf("%v in %d transactions, %v the longest; %d sessions left; %d messages", store.busy, store.commits, store.longest, store.due, bus.fronts)
				if store.longest > 2*removalTime || store.commits > c.most || store.read > 0 {
					t.Errorf("%d transactions of up to %v, %d reads of where a log ends", store.commits, store.longest, store.read)
				}
				if store.due > c.left {
					t.Errorf("%d sessions have old entries still, want %d at most", store.due, c.left)
				}
				if done := len(store.entries) - store.due; c.entries <= 2 && bus.fronts > done || bus.fronts != bus.feed {
					t.Errorf("%d messages about logs and %d about the feed for %d sessions", bus.fronts, bus.feed, done)
				}
			})
		})
	}
}

// TestRemovalThatFails: sessions from which nothing can be removed keep no other from its turn, are tried again, and are a warning once.
func TestRemovalThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, bus, log := &expiringStore{entries: make(map[string]int), broken: make(map[string]bool)}, new(countingBus), new(bytes.Buffer)
		store.add(3000, 2)
		for _, at := range []int{0, 1, 500, 1700, 2999} {
			store.broken[store.ids[at]] = true
		}
		startRemovingOn(t, store, bus, "n", time.Hour, slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if store.due != len(store.broken) {
			t.Errorf("%d sessions have old entries still, want %d", store.due, len(store.broken))
		}
		if n := strings.Count(log.String(), "can't be removed"); n != 1 || !strings.Contains(log.String(), store.ids[0]) {
			t.Errorf("%d warnings: %s", n, log)
		}
		store.mu.Lock()
		clear(store.broken)
		store.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if store.due != 0 {
			t.Errorf("%d sessions have old entries still after all is well again", store.due)
		}
	})
}

// TestRemovalTurns: a node that always finds something to remove lets another one have its turn, which keeps entries for a shorter time.
// Where there is no other node it keeps the lease.
func TestRemovalTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, bus := &expiringStore{entries: make(map[string]int), soon: make(map[string]bool)}, &countingBus{nodes: true}
		store.add(100, 1_000_000)
		store.add(200, 10)
		for _, id := range store.ids[100:] {
			store.soon[id] = true
		}
		startRemovingOn(t, store, bus, "long", 2*time.Hour, slog.DiscardHandler)
		time.Sleep(time.Minute) // it has the lease
		startRemovingOn(t, store, bus, "short", time.Hour, slog.DiscardHandler)
		time.Sleep(time.Hour)
		synctest.Wait()
		if store.due != 100 {
			t.Errorf("%d sessions have old entries still, want 100", store.due)
		}
		if longest := slices.Max(slices.Collect(maps.Values(store.entries))); longest == 1_000_000 {
			t.Error("some session has not had its turn")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		store, bus := &expiringStore{entries: make(map[string]int)}, new(countingBus)
		store.add(2, 1_000_000)
		startRemoving(t, store, bus)
		time.Sleep(10 * removalTurn)
		synctest.Wait()
		if store.gaveUp != 0 {
			t.Errorf("the only node gave the lease up %d times", store.gaveUp)
		}
	})
}
