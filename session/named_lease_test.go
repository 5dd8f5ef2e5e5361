package session

import (
	"context"
	"errors"
	"testing"
	"time"
)

// leaseStore is a Store whose HoldLease answers as the test says. It counts how often it is asked.
type leaseStore struct {
	Store
	held  bool
	err   error
	asked int
	given int // calls that gave the lease up
}

func (s *leaseStore) HoldLease(_ context.Context, _, _ string, length time.Duration) (bool, error) {
	if length == 0 {
		s.given++
		return false, s.err
	}
	s.asked++
	return s.held && s.err == nil, s.err
}

// An answer about a lease, also a refusal, holds for a third of it; an error is no answer.
func TestNamedLease(t *testing.T) {
	store, now, down := &leaseStore{}, time.Unix(1000, 0), errors.New("down")
	l := newNamedLease(Config{Store: store, Lease: 9 * time.Second, Now: func() time.Time { return now }}, "task", "n")
	for i, step := range []struct {
		after time.Duration
		held  bool  // what the Store says
		err   error // or fails with
		doubt bool
		asked bool // the Store is to be asked
		want  bool
	}{
		{held: false, asked: true, want: false},
		{after: 2 * time.Second, held: true, asked: false, want: false},
		{after: time.Second, held: true, asked: true, want: true},
		{after: 2 * time.Second, held: false, asked: false, want: true},
		{doubt: true, held: true, asked: true, want: true},
		{after: 3 * time.Second, err: down, asked: true, want: false},
		{held: true, asked: true, want: true},
		{after: 3 * time.Second, held: false, asked: true, want: false},
		{doubt: true, held: true, asked: true, want: true},
	} {
		now = now.Add(step.after)
		store.held, store.err, store.asked = step.held, step.err, 0
		if step.doubt {
			l.doubt()
		}
		held, err := l.hold(t.Context())
		if held != step.want || err != step.err || (store.asked == 1) != step.asked || store.asked > 1 {
			t.Errorf("step %d: held %v, %v, the Store was asked %d times; want %+v", i, held, err, store.asked, step)
		}
	}
	if err := l.giveUp(t.Context()); err != nil || store.given != 1 {
		t.Errorf("a lease that is held is given up %d times, %v", store.given, err)
	}
	other := newNamedLease(Config{Store: store, Lease: 9 * time.Second, Now: func() time.Time { return now }}, "task", "m")
	if err := other.giveUp(t.Context()); err != nil || store.given != 1 {
		t.Errorf("a lease that is not held is given up too: %v", err)
	}
}
