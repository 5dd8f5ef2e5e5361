package session

import (
	"context"
	"time"
)

// sweepLimit is how many connections one sweep ends; more are left to the next.
const sweepLimit = 1000

// sweeper ends the connections whose time has come.
type sweeper struct {
	store       Store
	node        string
	grace, idle time.Duration // see Store.Sweep
	lease       *lease
	publisher   *publisher
	metrics     Metrics
}

// sweep ends the connections that are due, on whatever node they were, and tells every node.
func (s *sweeper) sweep(ctx context.Context) error {
	if !s.lease.maySweep() {
		return nil
	}
	changes, err := s.store.Sweep(ctx, s.node, s.grace, s.idle, sweepLimit)
	if err != nil {
		// The lease may have run out by the database's clock alone: this process's clock stands still while a machine sleeps.
		s.lease.doubt()
		return err
	}
	s.metrics.ConnectionsSwept(len(changes))
	for _, c := range changes {
		s.publisher.change(ctx, c)
	}
	return nil
}
