package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pingInterval is how long the Store's answer to a Ping counts: a Ping is a write.
	pingInterval = time.Second
	// pingPatience is how long a probe of readiness waits for the Store.
	pingPatience = 2 * time.Second
	// commitFailure is how long a failed commit makes the service not ready, unless a later one succeeds: a Ping's small
	// write may find room where entries find none.
	commitFailure = 5 * time.Second
)

// health answers whether the service can serve: by a Ping of the Store that all probes share, and by how the last commit of
// entries went.
type health struct {
	store      Store
	now        func() time.Time
	background *background
	serving    atomic.Bool // Run is past its start and before its end

	mu       sync.Mutex
	pingedAt time.Time
	pingErr  error
	pinging  chan struct{} // closed when the Ping under way is answered; nil while none is

	commitErr error // of the last commit of entries
	commitAt  time.Time
}

// ready returns nil, or why the service can't serve. Errors: UNAVAILABLE.
func (h *health) ready(ctx context.Context) error {
	if !h.serving.Load() {
		return Errorf(CodeUnavailable, "the server is starting or stopping")
	}
	if answered := h.ping(); answered != nil {
		late := time.NewTimer(pingPatience)
		defer late.Stop()
		select {
		case <-answered:
		case <-late.C:
			return Errorf(CodeUnavailable, "the database does not answer in time")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pingErr == nil && h.commitErr != nil && h.now().Sub(h.commitAt) < commitFailure {
		return h.commitErr
	}
	return h.pingErr
}

// ping starts a Ping where the last answer no longer counts. It returns a channel that is closed when the Ping under way is
// answered, or nil where the last answer counts.
func (h *health) ping() (answered <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pinging == nil && (h.pingedAt.IsZero() || h.now().Sub(h.pingedAt) >= pingInterval) {
		done := make(chan struct{})
		h.pinging = done
		h.background.run(func(ctx context.Context) { h.askStore(ctx, done) })
	}
	return h.pinging
}

func (h *health) askStore(ctx context.Context, answered chan struct{}) {
	err := h.store.Ping(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pingErr, h.pingedAt, h.pinging = err, h.now(), nil
	close(answered)
}

// committed notes how a commit of entries went.
func (h *health) committed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commitErr, h.commitAt = err, h.now()
}
