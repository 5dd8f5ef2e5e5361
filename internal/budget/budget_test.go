package budget

import (
	"slices"
	"sync"
	"testing"
)

// shelf is a Keeper of one thing.
type shelf struct {
	kept *Kept
	hard bool // it gives way only when GiveWay is hard
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

// TestLeastUsedGivesWay: above the limit, the Keepers that were not used give way, and no more of them than needed.
func TestLeastUsedGivesWay(t *testing.T) {
	b := New(1000)
	all := shelves(b, 10, 100)
	if got := full(all); len(got) != 10 || b.Used() != 1000 {
		t.Fatalf("%v are kept, %d bytes", got, b.Used())
	}
	all = append(all, shelves(b, 1, 100)...) // all were used, so the hand goes round once and takes the oldest
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

// TestReserved: reserved bytes stay, and make all that is kept give way, the hard ones last.
func TestReserved(t *testing.T) {
	b := New(1000)
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

// TestLockedIsPassedBy: a Keeper that is locked is not waited for, not even by itself.
func TestLockedIsPassedBy(t *testing.T) {
	b := New(100)
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

// TestAtOnce: the sum stays right while many Keepers grow, give way and end at the same time.
func TestAtOnce(t *testing.T) {
	b := New(10_000)
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			for range 20 {
				s := &shelf{}
				s.kept = b.Keep(s)
				for range 100 {
					s.mu.Lock()
					s.kept.Add(300)
					s.kept.Touch()
					s.mu.Unlock()
				}
				s.kept.Drop()
			}
		})
	}
	working.Wait()
	if b.Used() != 0 || b.ring != 0 {
		t.Errorf("%d bytes in %d Keepers are left", b.Used(), b.ring)
	}
}
