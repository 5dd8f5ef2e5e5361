package transport

import (
	"context"
	"sync/atomic"

	"chattok/session"
)

var errMustWait = session.Errorf(session.CodeUnavailable, "this has to be waited for; try again")

// MayWait is called by a resolver below a Shared field before it waits for anything, such as the store. Where it
// returns an error, the resolver must return that error; the resolver is then called again on a goroutine where it may
// wait. A test in package graph calls each resolver below a shared field in a context of NoWait, and fails for one that
// does not ask.
func MayWait(ctx context.Context) error {
	if n, ok := ctx.Value(noWaitKey{}).(*noWait); ok {
		n.refused.Store(true)
		return errMustWait
	}
	return nil
}

// NoWait returns a context in which nothing may wait: MayWait refuses. Shared executions call resolvers in such a
// context, and so do the tests of resolvers.
func NoWait(ctx context.Context) context.Context { return new(noWait).in(ctx) }

// noWait notes that MayWait has refused.
type noWait struct{ refused atomic.Bool }

type noWaitKey struct{}

func (n *noWait) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, noWaitKey{}, n)
}
