package session

import (
	"context"
	"time"
)

// namedLease is the lease of a task that one node at a time does, as this node knows it. It is the task's own: no two goroutines use it
// at once.
type namedLease struct {
	store  Store
	name   string
	node   string
	length time.Duration
	now    func() time.Time

	askedAt time.Time // when the Store answered last; the zero time where the next hold asks it
	held    bool      // as it answered
}

func newNamedLease(cfg Config, name, node string) namedLease {
	return namedLease{store: cfg.Store, name: name, node: node, length: cfg.Lease, now: cfg.Now}
}

// hold says whether this node holds the lease. When a third of the lease has passed since the Store's last answer, it takes the lease
// where that is free, or renews it. Errors: UNAVAILABLE.
func (l *namedLease) hold(ctx context.Context) (held bool, err error) {
	now := l.now()
	if !l.askedAt.IsZero() && now.Sub(l.askedAt) < l.length/3 {
		return l.held, nil
	}
	if held, err = l.store.HoldLease(ctx, l.name, l.node, l.length); err == nil {
		l.askedAt, l.held = now, held
	}
	return held, err
}

// doubt makes the next hold ask the Store, since the lease may be gone, or free.
func (l *namedLease) doubt() { l.askedAt = time.Time{} }

// giveUp lets another node take the lease at once. Errors: UNAVAILABLE; then it ends by itself.
func (l *namedLease) giveUp(ctx context.Context) error {
	if !l.held {
		return nil
	}
	l.held, l.askedAt = false, time.Time{}
	_, err := l.store.HoldLease(ctx, l.name, l.node, 0)
	return err
}
