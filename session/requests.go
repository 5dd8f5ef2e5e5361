package session

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// requests are the connections that made a request since the last flush and have no socket here. The Store is told of them
// together: it keeps a connection without a socket for a while after its last request.
type requests struct {
	store       Store
	idle, grace time.Duration // see Store.Touch

	mu  sync.Mutex
	ids map[string]struct{}
}

func newRequests(cfg Config) *requests {
	return &requests{store: cfg.Store, idle: cfg.Idle, grace: cfg.Grace, ids: make(map[string]struct{})}
}

// add notes a request of a connection.
func (r *requests) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[id] = struct{}{}
}

// remove forgets a connection that has ended.
func (r *requests) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ids, id)
}

// flush tells the Store of the requests. Those that it does not take are told again by the next flush.
func (r *requests) flush(ctx context.Context) error {
	r.mu.Lock()
	ids := slices.Collect(maps.Keys(r.ids))
	clear(r.ids)
	r.mu.Unlock()
	for len(ids) > 0 {
		group := ids[:min(len(ids), presenceGroup)]
		if err := r.store.Touch(ctx, group, r.idle, r.grace); err != nil {
			for _, id := range ids {
				r.add(id)
			}
			return err
		}
		ids = ids[len(group):]
	}
	return nil
}
