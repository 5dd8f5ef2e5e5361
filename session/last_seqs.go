package session

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// LastSeqs is where a session's two numbered sequences end.
type LastSeqs struct {
	Epoch    Epoch // the session's
	Seq      int64 // of the newest entry; 0 for an empty log
	Place    int64 // of the log's newest event; 0 for an empty log
	Revision int64 // of the newest roster change; 0 for none
	Front    LogFront
}

// lastSeqsGroup is how many sessions one read of the Store asks for at most.
const lastSeqsGroup = 500

// lastSeqsReader reads where sessions' sequences end, for many callers at once. A call during a read joins the next read,
// since the present one may have begun too early; so a storm of readers costs the Store one read of each session at a time.
type lastSeqsReader struct {
	store Store

	mu     sync.Mutex
	next   map[string]*lastSeqsRead // asked for, and not begun
	wake   hint                     // for run
	closed bool
}

// lastSeqsRead is the read of one session that callers share.
type lastSeqsRead struct {
	done  chan struct{} // closed when the rest is set
	last  LastSeqs
	found bool
	err   error
}

func newLastSeqsReader(store Store) *lastSeqsReader {
	return &lastSeqsReader{store: store, next: make(map[string]*lastSeqsRead), wake: newHint()}
}

// read returns where a session's sequences ended at some time since the call, and whether there is such a session. Errors:
// UNAVAILABLE.
func (r *lastSeqsReader) read(ctx context.Context, id string) (last LastSeqs, found bool, err error) {
	shared, err := r.join(id)
	if err != nil {
		return LastSeqs{}, false, err
	}
	select {
	case <-shared.done:
		return shared.last, shared.found, shared.err
	case <-ctx.Done():
		return LastSeqs{}, false, context.Cause(ctx)
	}
}

// join returns the next read of a session.
func (r *lastSeqsReader) join(id string) (*lastSeqsRead, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errStopping()
	}
	shared := r.next[id]
	if shared == nil {
		shared = &lastSeqsRead{done: make(chan struct{})}
		r.next[id] = shared
		r.wake.tell()
	}
	return shared, nil
}

// run reads until close is called and nothing is asked for.
func (r *lastSeqsReader) run() {
	ctx := context.Background() // many callers share a read
	for range r.wake {
		r.mu.Lock()
		reads, closed := r.next, r.closed
		r.next = make(map[string]*lastSeqsRead)
		r.mu.Unlock()
		for ids := range slices.Chunk(slices.Collect(maps.Keys(reads)), lastSeqsGroup) {
			last, err := r.store.LastSeqs(ctx, ids)
			for _, id := range ids {
				shared := reads[id]
				shared.err = err
				shared.last, shared.found = last[id]
				close(shared.done)
			}
		}
		if closed {
			return
		}
	}
}

// close refuses further reads; run returns when those asked for are done.
func (r *lastSeqsReader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.wake.tell()
}
