package session

import (
	"slices"
	"sync"
	"testing"
)

func TestWindowKeepsTheNewest(t *testing.T) {
	w := NewWindow(NewBudget(0), 10, 32, 1000, func(int) int { return 1 })
	woken := 0
	stop := w.Watch(func() { woken++ })
	if got, gone := w.Read(nil, 10, 5); len(got) != 0 || gone {
		t.Fatalf("empty: %v %v", got, gone)
	}
	for i := 11; i <= 100; i++ {
		w.Append(i)
	}
	w.Append(101, 102)
	w.Append()
	if woken != 91 {
		t.Errorf("woken %d times, want once for each of 91 appends", woken)
	}
	stop()
	w.Append(103)
	if woken != 91 {
		t.Error("woken after stop")
	}
	if oldest, newest := w.Bounds(); oldest != 72 || newest != 103 {
		t.Errorf("bounds %d to %d, want 72 to 103", oldest, newest)
	}
	if got, gone := w.Read([]int{-1}, 100, 2); !slices.Equal(got, []int{-1, 101, 102}) || gone {
		t.Errorf("after 100: %v %v", got, gone)
	}
	if got, gone := w.Read(nil, 71, 1); !slices.Equal(got, []int{72}) || gone {
		t.Errorf("after 71: %v %v", got, gone)
	}
	if got, gone := w.Read(nil, 70, 1); len(got) != 0 || !gone {
		t.Errorf("after 70, whose next is gone: %v %v", got, gone)
	}
}

func TestWindowIsBoundedInBytes(t *testing.T) {
	w := NewWindow(NewBudget(0), 0, 64, 100, func(n int) int { return n })
	w.Append(40, 40, 40)
	if oldest, newest := w.Bounds(); oldest != 2 || newest != 3 {
		t.Errorf("bounds %d to %d, want 2 to 3", oldest, newest)
	}
	w.Append(500)
	if oldest, newest := w.Bounds(); oldest != 4 || newest != 4 {
		t.Errorf("one that is too large is kept alone, but bounds are %d to %d", oldest, newest)
	}
}

// TestWindowReaders has readers of every pace read what a writer appends: each position's event, none twice.
func TestWindowReaders(t *testing.T) {
	const events = 5000
	w := NewWindow(NewBudget(0), 0, 64, 1<<20, func(int64) int { return 1 })
	var readers sync.WaitGroup
	for pace := range 8 {
		readers.Go(func() {
			for after := int64(0); after < events; {
				got, gone := w.Read(nil, after, pace+1)
				if gone {
					oldest, _ := w.Bounds()
					after = oldest - 1
					continue
				}
				for i, e := range got {
					if e != after+int64(i)+1 {
						t.Errorf("position %d has %d", after+int64(i)+1, e)
						return
					}
				}
				after += int64(len(got))
			}
		})
	}
	for i := int64(1); i <= events; i++ {
		w.Append(i)
	}
	readers.Wait()
}
