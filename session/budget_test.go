package session

import (
	"slices"
	"sync"
	"testing"
)

// shelf is a keeper of one thing.
type shelf struct {
	kept *Kept
	hard bool // whether it gives way only where it has to
	mu   sync.Mutex
}

func (s *shelf) GiveWay(hard bool) {
	if s.mu.TryLock() {
		if hard || !s.hard {
			s.kept.Add(-s.kept.Bytes())
		}
		s.mu.Unlock()
	}
}

func shelves(b *Budget, n int, bytes int64) (all []*shelf) {
	for range n {
		s := &shelf{}
		s.kept = b.Keep(s)
		s.kept.Add(bytes)
		all = append(all, s)
	}
	return all
}

func full(all []*shelf) (which []int) {
	for i, s := range all {
		if s.kept.Bytes() > 0 {
			which = append(which, i)
		}
	}
	return which
}

// TestBudgetLeastUsedGivesWay: above the limit those give way that nobody used, and no more of them than has to.
func TestBudgetLeastUsedGivesWay(t *testing.T) {
	b := NewBudget(1000)
	all := shelves(b, 10, 100)
	if got := full(all); len(got) != 10 || b.Used() != 1000 {
		t.Fatalf("%v are kept, %d bytes", got, b.Used())
	}
	all = append(all, shelves(b, 1, 100)...) // everything was used once, so the hand goes round once and takes the oldest
	if got := full(all); b.Used() != 1000 || len(got) != 10 {
		t.Fatalf("%v are kept, %d bytes", got, b.Used())
	}
	for _, i := range []int{1, 2, 3} {
		all[i].kept.Touch()
	}
	all = append(all, shelves(b, 3, 100)...)
	if got := full(all); !slices.Contains(got, 1) || !slices.Contains(got, 2) || !slices.Contains(got, 3) || b.Used() != 1000 {
		t.Errorf("%v are kept, %d bytes: 1, 2 and 3 were used", got, b.Used())
	}
	for _, s := range all {
		s.kept.Drop()
	}
	if b.Used() != 0 || b.ring != 0 || b.hand != nil {
		t.Errorf("all were dropped, %d bytes and %d keepers are left", b.Used(), b.ring)
	}
}

// TestBudgetReserved: what is reserved makes the rest give way, also what is hard to lose, and stays.
func TestBudgetReserved(t *testing.T) {
	b := NewBudget(1000)
	all := shelves(b, 10, 100)
	all[4].hard, all[5].hard = true, true
	b.Reserve(800)
	if got := full(all); !slices.Equal(got, []int{4, 5}) || b.Used() != 1000 || b.Reserved() != 800 {
		t.Errorf("%v are kept, %d bytes", got, b.Used())
	}
	b.Reserve(100)
	if got := full(all); len(got) != 1 || b.Used() != 1000 {
		t.Errorf("%v are kept, %d bytes", got, b.Used())
	}
	b.Reserve(-900)
	if b.Used() != 100 || b.Reserved() != 0 {
		t.Errorf("%d bytes, %d reserved", b.Used(), b.Reserved())
	}
}

// TestBudgetPassesTheLocked: a keeper in the middle of something is not waited for, not even by itself.
func TestBudgetPassesTheLocked(t *testing.T) {
	b := NewBudget(100)
	s := shelves(b, 1, 50)[0]
	s.mu.Lock()
	s.kept.Add(100)
	if b.Used() != 150 {
		t.Errorf("%d bytes", b.Used())
	}
	s.mu.Unlock()
	shelves(b, 1, 10)
	if b.Used() > 100 {
		t.Errorf("%d bytes after the next one came", b.Used())
	}
}

// TestBudgetAtOnce has many keepers grow, give way and end at once: the sum stays right.
func TestBudgetAtOnce(t *testing.T) {
	b := NewBudget(10_000)
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			w := NewWindow(b, 0, 64, 4000, func(int) int { return 100 })
			for i := range 2000 {
				w.Append(i, i, i)
				_, _ = w.Read(nil, w.Newest()-2, 2)
				if i%500 == 499 {
					w.close()
					w = NewWindow(b, 0, 64, 4000, func(int) int { return 100 })
				}
			}
			w.close()
		})
	}
	working.Wait()
	if b.Used() != 0 || b.ring != 0 {
		t.Errorf("%d bytes in %d keepers are left", b.Used(), b.ring)
	}
}

// TestWindowGivesWay: readers find what gave way gone, and go on with what comes.
func TestWindowGivesWay(t *testing.T) {
	b := NewBudget(1000)
	w := NewWindow(b, 10, 32, 1000, func(int) int { return 100 })
	w.Append(11, 12, 13, 14, 15)
	other := NewWindow(b, 0, 32, 1000, func(int) int { return 100 })
	other.Append(1, 2, 3, 4, 5, 6, 7, 8)
	if oldest, newest := w.Bounds(); oldest != 16 || newest != 15 || b.Used() != 800 {
		t.Errorf("bounds %d to %d, %d bytes", oldest, newest, b.Used())
	}
	if got, gone := w.Read(nil, 12, 5); len(got) != 0 || !gone {
		t.Errorf("after 12: %v %v", got, gone)
	}
	w.Prepend(15, []int{13, 14, 15})
	w.Prepend(11, []int{10, 11}) // not directly before
	if got, gone := w.Read(nil, 12, 5); !slices.Equal(got, []int{13, 14, 15}) || gone {
		t.Errorf("after 12: %v %v", got, gone)
	}
	if got, gone := w.Read(nil, 11, 5); !gone {
		t.Errorf("after 11: %v", got)
	}
	w.Append(16)
	if got, gone := w.Read(nil, 14, 5); !slices.Equal(got, []int{15, 16}) || gone {
		t.Errorf("after 14: %v %v", got, gone)
	}
}

// TestDearGivesWayLast: what can't be had again stays as long as somebody may wait for it, unless there is nothing else.
func TestDearGivesWayLast(t *testing.T) {
	b := NewBudget(1000)
	w := NewWindow(b, 0, 32, 1000, func(int) int { return 100 })
	w.dear = func(n int) bool { return n > 2 }
	w.Append(1, 2, 3, 4)
	cheap := NewWindow(b, 0, 32, 1000, func(int) int { return 100 })
	cheap.Append(1, 2, 3, 4, 5, 6)
	b.Reserve(700)
	if oldest, newest := w.Bounds(); oldest != 3 || newest != 4 {
		t.Errorf("bounds %d to %d", oldest, newest)
	}
	b.Reserve(200)
	if oldest, newest := w.Bounds(); oldest != 4 || newest != 4 {
		t.Errorf("bounds %d to %d", oldest, newest)
	}
}

// TestFeedTailIsReadOnce: a room just opened holds no entry; the first who asks for the log's end brings it into the
// window, and after it gave way the next one does.
func TestFeedTailIsReadOnce(t *testing.T) {
	store := &countingStore{length: ChunkEntries + 50}
	b := NewBudget(1 << 20)
	f := newFeed(b, &Session{ID: "s"}, store.length, newChunkCache(store, b))
	if b.Used() != 0 {
		t.Errorf("%d bytes before anybody asks", b.Used())
	}
	for turn := range 3 {
		if _, gone := f.Read(nil, ChunkEntries+10, 100); !gone {
			t.Fatalf("turn %d: entries are there before anybody asks", turn)
		}
		entries, err := f.Older(t.Context(), ChunkEntries+10)
		if err != nil || len(entries) != 40 || entries[0].Seq != ChunkEntries+11 {
			t.Fatalf("turn %d: %d entries, %v", turn, len(entries), err)
		}
		if entries, gone := f.Read(nil, ChunkEntries, 100); gone || len(entries) != 50 || entries[0].Seq != ChunkEntries+1 {
			t.Fatalf("turn %d: %d entries are in the window, gone %v", turn, len(entries), gone)
		}
		if got := store.reads.Load(); got != int64(turn+1) {
			t.Errorf("turn %d: %d reads", turn, got)
		}
		f.window.GiveWay(false)
	}
}
