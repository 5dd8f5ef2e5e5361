package session

import (
	"context"
	"testing"
	"time"
)

// slowStore is a Store that takes its time to renew a node's lease.
type slowStore struct {
	Store
	pass     func() // what happens meanwhile
	renewals int
}

func (s *slowStore) RenewNode(context.Context, string, time.Duration, NodeReport) (bool, error) {
	s.renewals++
	s.pass()
	return true, nil
}

// A lease counts from when the Store was asked, not from when its answer came.
func TestLeaseCountsFromTheRequest(t *testing.T) {
	now := time.Unix(1000, 0)
	store := &slowStore{pass: func() { now = now.Add(2 * time.Second) }}
	l := newLease(Config{Store: store, Lease: 9 * time.Second, Now: func() time.Time { return now }}, "n", nil, func() NodeReport { return NodeReport{} })
	if err := l.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.pass = func() {}
	for i, want := range []int{1, 2, 2, 2, 3} { // had it counted from the answer: 1, 1, 1, 2, 2
		if err := l.keep(t.Context()); err != nil || store.renewals != want {
			t.Errorf("after %d s: %d renewals, %v, want %d", 2+i, store.renewals, err, want)
		}
		now = now.Add(time.Second)
	}
}
