package session

import (
	"context"
	"hash/maphash"
	"sync"
)

// lanes are batches side by side: each session's calls go to one of them, in order, and groups of different lanes are
// committed at the same time.
type lanes[Q, R any] struct {
	batches []*batch[Q, R]
	session func(Q) string
	seed    maphash.Seed
}

// newLanes makes n batches, each of which has limit and waiting for itself; session says whose an item is.
func newLanes[Q, R any](n, limit, waiting int, session func(Q) string, commit func(group []Q) []R) *lanes[Q, R] {
	l := &lanes[Q, R]{session: session, seed: maphash.MakeSeed()}
	for range max(1, n) {
		l.batches = append(l.batches, newBatch(limit, waiting, commit))
	}
	return l
}

// do is batch.do in the lane of item's session.
func (l *lanes[Q, R]) do(ctx context.Context, item Q) (R, error) {
	lane := uint64(0)
	if n := uint64(len(l.batches)); n > 1 {
		lane = maphash.String(l.seed, l.session(item)) % n
	}
	return l.batches[lane].do(ctx, item)
}

// run commits groups until close is called and every lane is empty.
func (l *lanes[Q, R]) run() {
	var running sync.WaitGroup
	for _, b := range l.batches {
		running.Go(b.run)
	}
	running.Wait()
}

func (l *lanes[Q, R]) close() {
	for _, b := range l.batches {
		b.close()
	}
}

// waiting is how many items are queued.
func (l *lanes[Q, R]) waiting() (n int) {
	for _, b := range l.batches {
		n += len(b.queue)
	}
	return n
}
