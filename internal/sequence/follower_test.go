package sequence

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"chattok/internal/budget"
)

// TestDeliver: a reader gets the first events, then those after its position that it may see, and those that left the window
// from Behind, which is called again after an error; at the end the channel is closed and the right released.
func TestDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWindow(budget.New(0), 2, 16, 1000, func(int) int { return 1 })
		w.Append(3, 4)
		fails, released := 2, 0
		f := &Follower[int]{Source: w, After: 0, First: []int{-1}, Sees: func(n int) bool { return n != 3 },
			Behind: func(_ context.Context, after int64) ([]int, int64, error) {
				if fails > 0 {
					fails--
					return nil, after, errors.New("not now")
				}
				return []int{1, 2}, 2, nil
			},
			Release: func() { released++ }}
		ctx, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		out := f.Deliver(ctx)
		var got []int
		for range 4 {
			got = append(got, <-out)
		}
		if waited := time.Since(begun); waited != retry.First+2*retry.First {
			t.Errorf("two errors made it wait for %v", waited)
		}
		synctest.Wait()
		w.Append(5)
		got = append(got, <-out)
		if !slices.Equal(got, []int{-1, 1, 2, 4, 5}) {
			t.Errorf("got %v", got)
		}
		cancel()
		if _, open := <-out; open {
			t.Error("an event after the end")
		}
		f.Close()
		if released != 1 {
			t.Errorf("released %d times", released)
		}
	})
}

// TestNoneIsPassedOver: a reader gets nothing of a position without an event, and goes on after it.
func TestNoneIsPassedOver(t *testing.T) {
	w := NewWindow(budget.New(0), 0, 16, 1000, func(int) int { return 1 })
	w.Append(0, 1, 0, 0, 2)
	f := &Follower[int]{Source: w, None: func(n int) bool { return n == 0 }}
	ctx, cancel := context.WithCancel(t.Context())
	out := f.Deliver(ctx)
	if a, b := <-out, <-out; a != 1 || b != 2 {
		t.Errorf("got %d and %d", a, b)
	}
	cancel()
	for range out {
		t.Error("an event after the end")
	}
}

// TestDeliverEnds: where the sequence ends, a reader gets what comes in the place of the events that are no longer there, and its
// channel is closed where an error says that this is nothing, without waiting.
func TestDeliverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWindow(budget.New(0), 0, 16, 1000, func(int) int { return 1 })
		over := errors.New("over")
		f := &Follower[int]{Source: w, Behind: func(_ context.Context, after int64) ([]int, int64, error) { return nil, after, over },
			Ends: func(err error) bool { return err == over }}
		out := f.Deliver(t.Context())
		w.Append(1)
		if got := <-out; got != 1 {
			t.Errorf("got %d", got)
		}
		begun := time.Now()
		synctest.Wait()
		w.End()
		if _, open := <-out; open || time.Since(begun) > 0 || !w.Ended() {
			t.Errorf("open: %t, after %v", open, time.Since(begun))
		}
		if events, gone := w.Read(nil, 0, 1); !gone || len(events) > 0 {
			t.Errorf("%v can be read after the end", events)
		}
	})
}
