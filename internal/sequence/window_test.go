package sequence

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"chattok/internal/budget"
)

func TestWindowKeepsTheNewest(t *testing.T) {
	w := NewWindow(budget.New(0), 10, 32, 1000, func(int) int { return 1 })
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
	w := NewWindow(budget.New(0), 0, 64, 100, func(n int) int { return n })
	w.Append(40, 40, 40)
	if oldest, newest := w.Bounds(); oldest != 2 || newest != 3 {
		t.Errorf("bounds %d to %d, want 2 to 3", oldest, newest)
	}
	w.Append(500)
	if oldest, newest := w.Bounds(); oldest != 4 || newest != 4 {
		t.Errorf("an event that is too large is to be kept alone, but bounds are %d to %d", oldest, newest)
	}
}

// TestWindowReaders: readers of every pace read each position's event once while a writer appends.
func TestWindowReaders(t *testing.T) {
	const events = 5000
	w := NewWindow(budget.New(0), 0, 64, 1<<20, func(int64) int { return 1 })
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

// TestWindowsAtOnce: windows that grow, give way and close at the same time leave no byte counted.
func TestWindowsAtOnce(t *testing.T) {
	b := budget.New(10_000)
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			w := NewWindow(b, 0, 64, 4000, func(int) int { return 100 })
			for i := range 2000 {
				w.Append(i, i, i)
				_, _ = w.Read(nil, w.Newest()-2, 2)
				if i%500 == 499 {
					w.Close()
					w = NewWindow(b, 0, 64, 4000, func(int) int { return 100 })
				}
			}
			w.Close()
		})
	}
	working.Wait()
	if b.Used() != 0 {
		t.Errorf("%d bytes are left", b.Used())
	}
}

// TestWindowGivesWay: events that gave way are gone for readers, which go on with those that come later.
func TestWindowGivesWay(t *testing.T) {
	b := budget.New(1000)
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
	w.Prepend(11, []int{10, 11}) // not directly before the oldest
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

// TestProtectedGivesWayLast: protected events stay as long as anything else can give way, and then the older half goes.
func TestProtectedGivesWayLast(t *testing.T) {
	b := budget.New(1000)
	w := NewWindow(b, 0, 32, 1000, func(int) int { return 100 })
	w.Protect(func(n int) bool { return n > 2 })
	w.Append(1, 2, 3, 4)
	other := NewWindow(b, 0, 32, 1000, func(int) int { return 100 })
	other.Append(1, 2, 3, 4, 5, 6)
	b.Reserve(700)
	if oldest, newest := w.Bounds(); oldest != 3 || newest != 4 {
		t.Errorf("bounds %d to %d", oldest, newest)
	}
	b.Reserve(200)
	if oldest, newest := w.Bounds(); oldest != 4 || newest != 4 {
		t.Errorf("bounds %d to %d", oldest, newest)
	}
}

// TestReplace: readers that come to a replaced event get the new one; its bytes are those that are counted; nobody is woken; and
// Replaced tells that something was replaced, be it in the window or not.
func TestReplace(t *testing.T) {
	b := budget.New(0)
	w := NewWindow(b, 10, 32, 100, func(n int) int { return n })
	woken := 0
	defer w.Watch(func() { woken++ })()
	w.Append(11, 12, 13)
	before := w.Replaced()
	w.Replace(12, 40)
	w.Replace(10, 99)
	w.Replace(14, 99)
	if got, _ := w.Read(nil, 10, 5); !slices.Equal(got, []int{11, 40, 13}) || woken != 1 || b.Used() != 64 {
		t.Errorf("%v, woken %d times, %d bytes", got, woken, b.Used())
	}
	if after := w.Replaced(); after != before+3 {
		t.Errorf("Replaced went from %d to %d", before, after)
	}
	w.Replace(13, 60) // more than there is room for
	if oldest, newest := w.Bounds(); oldest != 12 || newest != 13 || b.Used() != 100 {
		t.Errorf("bounds %d to %d, %d bytes", oldest, newest, b.Used())
	}
}

// TestJump: a window that goes on further ahead has nothing of before, and its readers are told so.
func TestJump(t *testing.T) {
	b := budget.New(0)
	w := NewWindow(b, 0, 16, 1000, func(int) int { return 1 })
	w.Append(1, 2, 3)
	w.Jump(50)
	if oldest, newest := w.Bounds(); oldest != 51 || newest != 50 || b.Used() != 0 {
		t.Errorf("bounds %d to %d, %d bytes", oldest, newest, b.Used())
	}
	w.Append(51, 52)
	if got, gone := w.Read(nil, 3, 5); !gone {
		t.Errorf("after 3: %v", got)
	}
	if got, gone := w.Read(nil, 50, 5); !slices.Equal(got, []int{51, 52}) || gone {
		t.Errorf("after 50: %v %v", got, gone)
	}
	var back []int
	w.Backwards(func(n int) bool { back = append(back, n); return n != 52 || len(back) > 5 })
	if !slices.Equal(back, []int{52}) {
		t.Errorf("backwards until 52: %v", back)
	}
}

// TestMapped: a Window in another form has the same positions.
func TestMapped(t *testing.T) {
	w := NewWindow(budget.New(0), 10, 16, 1000, func(int) int { return 1 })
	m := Mapped[int, string]{w, func(n int) string { return string(rune('a' + n)) }}
	w.Append(0, 1, 2)
	if got, gone := m.Read([]string{"x"}, 11, 1); !slices.Equal(got, []string{"x", "b"}) || gone {
		t.Errorf("after 11: %v %v", got, gone)
	}
	if got, gone := m.Read(nil, 9, 1); got != nil || !gone {
		t.Errorf("after 9: %v %v", got, gone)
	}
	if oldest, newest := m.Bounds(); oldest != 11 || newest != 13 {
		t.Errorf("bounds %d to %d", oldest, newest)
	}
}

// TestWindowFinds: the newest event with a key is found as a search through all that are kept finds it, and calls no function of the events.
func TestWindowFinds(t *testing.T) {
	type event struct{ key, number int64 }
	b := budget.New(0)
	w := NewWindow(b, 0, 64, 500, func(e event) int { return 1 + int(e.key) })
	calls := 0
	w.Index(func(e event) int64 {
		calls++
		return e.key
	})
	random := rand.New(rand.NewPCG(1, 1))
	check := func(step string) {
		newest := make(map[int64]event)
		w.Backwards(func(e event) bool {
			if _, ok := newest[e.key]; !ok && e.key > 0 {
				newest[e.key] = e
			}
			return true
		})
		calls = 0
		for key := range int64(200) {
			want, kept := newest[key]
			if got, ok := w.Find(key); got != want || ok != kept {
				t.Fatalf("%s: key %d is found as %v %v, want %v %v", step, key, got, ok, want, kept)
			}
		}
		if calls > 0 {
			t.Fatalf("%s: finding looks at %d events", step, calls)
		}
	}
	number := int64(0)
	next := func(key int64) event {
		number++
		return event{key, number}
	}
	for range 3000 {
		_, newest := w.Bounds()
		switch random.IntN(10) {
		case 0: // the event's place has none any more, where it is the only one with its key
			oldest, _ := w.Bounds()
			w.Replace(oldest, event{})
			check("replaced by none")
		case 1:
			got, _ := w.Read(nil, newest-1, 1)
			if len(got) == 1 {
				w.Replace(newest, next(got[0].key))
			}
			check("replaced")
		case 2:
			if random.IntN(10) == 0 {
				w.Clear()
				check("cleared")
				w.Prepend(newest, []event{next(0), next(7), next(8), next(7)})
				check("prepended")
			}
		case 3:
			if random.IntN(10) == 0 {
				w.GiveWay(false)
				check("given way")
			}
		case 4:
			if random.IntN(20) == 0 {
				w.Jump(newest + 5)
				check("jumped")
			}
		default:
			w.Append(next(random.Int64N(20)), next(newest%150))
			check("appended")
		}
	}
}
