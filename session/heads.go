package session

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// headGroup is how many sessions' heads one read of the Store asks for at most.
const headGroup = 500

// headReader reads where sessions' sequences end. Whoever asks while a read is under way shares the next one, since that
// one may have begun too early: a storm of readers costs the Store a read of each session at a time.
type headReader struct {
	store Store

	mu     sync.Mutex
	next   map[string]*headRead // asked for, and not begun
	wake   chan struct{}        // has room for one
	closed bool
}

// headRead is one session's head for all who share the read.
type headRead struct {
	done  chan struct{} // closed when the rest is set
	head  Head
	found bool
	err   error
}

func newHeadReader(store Store) *headReader {
	return &headReader{store: store, next: make(map[string]*headRead), wake: make(chan struct{}, 1)}
}

// read returns where a session's sequences ended at some time since the call, and whether there is such a session.
// Errors: UNAVAILABLE.
func (h *headReader) read(ctx context.Context, id string) (head Head, found bool, err error) {
	r, err := h.join(id)
	if err != nil {
		return Head{}, false, err
	}
	select {
	case <-r.done:
		return r.head, r.found, r.err
	case <-ctx.Done():
		return Head{}, false, context.Cause(ctx)
	}
}

func (h *headReader) join(id string) (*headRead, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, Errorf(CodeUnavailable, "the server is stopping; try again")
	}
	r := h.next[id]
	if r == nil {
		r = &headRead{done: make(chan struct{})}
		h.next[id] = r
		h.rouse()
	}
	return r, nil
}

// rouse has run look at what is asked for.
func (h *headReader) rouse() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// run reads until close is called and nothing is asked for.
func (h *headReader) run(ctx context.Context) {
	for range h.wake {
		h.mu.Lock()
		reads, closed := h.next, h.closed
		h.next = make(map[string]*headRead)
		h.mu.Unlock()
		for ids := range slices.Chunk(slices.Collect(maps.Keys(reads)), headGroup) {
			heads, err := h.store.Heads(ctx, ids)
			for _, id := range ids {
				r := reads[id]
				r.err = err
				r.head, r.found = heads[id]
				close(r.done)
			}
		}
		if closed {
			return
		}
	}
}

// close refuses further reads and has run end.
func (h *headReader) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.rouse()
}
