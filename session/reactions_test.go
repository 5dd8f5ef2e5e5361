package session

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// reactionStore stores reactions to any entry, and notes when and how many at once.
type reactionStore struct {
	mu     sync.Mutex
	on     map[string]bool
	at     []time.Time // of calls that changed something
	order  []string
	wait   []time.Duration // the Waits of the first calls, because another node was in the way
	failed error
}

func (s *reactionStore) store(_ context.Context, changes []NewChange) ([]ChangeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	results := make([]ChangeResult, len(changes))
	if len(s.wait) > 0 {
		for i := range results {
			results[i].Wait = s.wait[0]
		}
		s.wait = s.wait[1:]
		return results, nil
	}
	last := -1
	for i, c := range changes {
		who := c.Actor.ConnectionID
		s.order = append(s.order, fmt.Sprint(who, c.On))
		if s.on[who] != c.On {
			s.on[who], last = c.On, i
		}
	}
	if last >= 0 {
		results[last].Event = &LogEvent{}
		s.at = append(s.at, time.Now())
	}
	return results, nil
}

func newTestReactions(s *reactionStore) (*reactions, *background) {
	s.on = make(map[string]bool)
	b := newBackground()
	return newReactions(b, 1000, s.store), b
}

func reaction(who string, on bool) NewChange {
	return NewChange{SessionID: "s", Seq: 1, Kind: EntryReacted, Name: "x", On: on, Actor: Actor{ConnectionID: who}}
}

// TestStormOfReactions: 100 callers that react to one entry and take it back, for four seconds, make four changes a second; each is
// answered, in order; a lone reaction is stored at once.
func TestStormOfReactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &reactionStore{}
		r, b := newTestReactions(s)
		begun := time.Now()
		var callers sync.WaitGroup
		for i := range 100 {
			callers.Go(func() {
				for n := 0; time.Since(begun) < 4*time.Second; n++ {
					if _, err := r.do(t.Context(), reaction(fmt.Sprint(i), n%2 == 0)); err != nil {
						t.Errorf("caller %d: %v", i, err)
						return
					}
				}
			})
		}
		callers.Wait()
		if n := len(s.at); n < 16 || n > 18 {
			t.Errorf("%d changes in 4 s", n)
		}
		for i := 1; i < len(s.at); i++ {
			if d := s.at[i].Sub(s.at[i-1]); d < ReactionPause {
				t.Errorf("change %d came %v after the one before", i, d)
			}
		}
		if !s.at[0].Equal(begun) {
			t.Errorf("the first was stored after %v", s.at[0].Sub(begun))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(r.entries) != 0 || r.waiting != 0 {
			t.Errorf("%d entries and %d reactions are left", len(r.entries), r.waiting)
		}
		alone := time.Now()
		if _, err := r.do(t.Context(), reaction("new", true)); err != nil || !time.Now().Equal(alone) {
			t.Errorf("a lone reaction took %v, %v", time.Since(alone), err)
		}
		if _, err := r.do(t.Context(), NewChange{SessionID: "s", Seq: 2, Kind: EntryReacted}); err != nil || !time.Now().Equal(alone) {
			t.Errorf("one to another entry took %v, %v", time.Since(alone), err)
		}
		b.end()
	})
}

// TestReactionsWaitForAnotherNode: reactions that another node was in the way of are stored after the time that the store tells, in
// order and with those that came meanwhile.
func TestReactionsWaitForAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &reactionStore{wait: []time.Duration{100 * time.Millisecond, 50 * time.Millisecond}}
		r, b := newTestReactions(s)
		begun := time.Now()
		var callers sync.WaitGroup
		for i, who := range []string{"a", "b", "c"} {
			callers.Go(func() {
				time.Sleep(time.Duration(i) * 60 * time.Millisecond)
				if _, err := r.do(t.Context(), reaction(who, true)); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if got := time.Since(begun); got != 150*time.Millisecond || !slices.Equal(s.order, []string{"atrue", "btrue", "ctrue"}) {
			t.Errorf("%v after %v", s.order, got)
		}
		b.end()
	})
}

// TestReactionsEnd: a reaction that waits when the service stops is refused, and so is one that comes later, or is one too many; one
// whose caller gives up is stored all the same; an error of the store is everybody's.
func TestReactionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &reactionStore{}
		r, b := newTestReactions(s)
		r.limit = 2
		if _, err := r.do(t.Context(), reaction("a", true)); err != nil {
			t.Fatal(err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.do(gone, reaction("gone", true)); err != context.Canceled {
			t.Errorf("who gave up got %v", err)
		}
		time.Sleep(ReactionPause)
		synctest.Wait()
		if !slices.Equal(s.order, []string{"atrue", "gonetrue"}) {
			t.Errorf("stored: %v", s.order)
		}
		var waiting sync.WaitGroup
		for _, who := range []string{"b", "c"} {
			waiting.Go(func() {
				if _, err := r.do(t.Context(), reaction(who, true)); CodeOf(err) != CodeUnavailable {
					t.Errorf("who waits at the end got %v", err)
				}
			})
		}
		synctest.Wait()
		if _, err := r.do(t.Context(), reaction("d", true)); CodeOf(err) != CodeUnavailable {
			t.Errorf("one too many: %v", err)
		}
		r.close()
		waiting.Wait()
		if _, err := r.do(t.Context(), reaction("e", true)); CodeOf(err) != CodeUnavailable {
			t.Errorf("after the end: %v", err)
		}
		b.end()
		if len(s.order) != 2 || r.waiting != 0 {
			t.Errorf("stored %v, %d are waiting", s.order, r.waiting)
		}

		s.failed = Unavailable(nil)
		r, b = newTestReactions(s)
		if _, err := r.do(t.Context(), reaction("a", true)); CodeOf(err) != CodeUnavailable {
			t.Errorf("where the store fails: %v", err)
		}
		b.end()
	})
}
