package session

import (
	"context"
	"log/slog"
)

// removalLimit is how many rows of a deleted session one transaction removes.
const removalLimit = 200

// deletedRemover removes what deleted sessions have stored, on one goroutine at a time.
type deletedRemover struct {
	store      Store
	background *background
	log        *slog.Logger
	again      again
}

// wake removes what there is to remove. It does not wait.
func (r *deletedRemover) wake() { r.again.wake(r.background, r.run) }

// run removes until nothing is left, or the Store fails; then the next tick wakes it again.
func (r *deletedRemover) run(ctx context.Context) {
	for r.again.goOn() {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = r.store.RemoveDeleted(ctx, removalLimit); err != nil && ctx.Err() == nil {
				r.log.Warn("can't remove what a deleted session has stored; trying again later", "error", err)
			}
		}
	}
}
