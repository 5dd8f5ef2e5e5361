package sequence

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"chattok/internal/budget"
)

// ChunkSize is how many events of the past are read at once. Chunks begin at fixed positions, so that readers at different
// positions share them: a thousand readers of a log read each of its chunks once between them.
const ChunkSize = 128

// someBytes is how much one reader takes of a chunk at once, about. A chunk may be of megabytes, which a reader would keep for as long as it
// delivers it, beside the budget.
const someBytes = 256 << 10

// Some returns the first events of a chunk, someBytes of them at most but one at least. Where these are not all, they are in a slice of their
// own, which does not keep the others. size is that of NewChunks.
func Some[T any](events []T, size func(T) int) []T {
	bytes := 0
	for n, e := range events {
		if bytes += size(e); n > 0 && bytes > someBytes {
			return slices.Clone(events[:n])
		}
	}
	return events
}

// Chunks reads the past of many sequences, each named by a K, in chunks of ChunkSize events. Readers that ask for the same
// chunk at the same time share one read; a whole chunk is kept as long as the Budget has room for it. It is safe for
// concurrent use.
type Chunks[K comparable, T any] struct {
	read   func(ctx context.Context, sequence K, after, before int64) ([]T, error)
	size   func(T) int // about the bytes of an event
	budget *budget.Budget
	reads  atomic.Int64

	mu        sync.Mutex
	sequences map[K]map[int64]*chunk[K, T] // by number: chunk n has positions n*ChunkSize+1 to (n+1)*ChunkSize
}

type chunk[K comparable, T any] struct {
	all      *Chunks[K, T]
	sequence K
	number   int64
	kept     *budget.Kept
	removed  bool          // it is not among all's any more; guarded by all.mu
	ready    chan struct{} // closed when events and err are set
	events   []T
	err      error
}

// NewChunks returns an empty Chunks whose bytes count to b. read returns the events at the positions between after and
// before, both exclusive: fewer than asked for at the sequence's end.
func NewChunks[K comparable, T any](b *budget.Budget, size func(T) int,
	read func(ctx context.Context, sequence K, after, before int64) ([]T, error)) *Chunks[K, T] {
	return &Chunks[K, T]{read: read, size: size, budget: b, sequences: make(map[K]map[int64]*chunk[K, T])}
}

// Read returns the whole chunk that has the event after a position, and how many of its events to skip to get there. Its
// error is that of the read, or ctx's cause.
func (c *Chunks[K, T]) Read(ctx context.Context, sequence K, after int64) (events []T, skip int, err error) {
	number := after / ChunkSize
	k, mine := c.lookup(sequence, number)
	if mine {
		c.fill(context.WithoutCancel(ctx), k) // others share the read, so it must not end with this caller
	}
	select {
	case <-k.ready:
	case <-ctx.Done():
		return nil, 0, context.Cause(ctx)
	}
	return k.events, int(after - number*ChunkSize), k.err
}

// Reads returns how many chunks were read since the start.
func (c *Chunks[K, T]) Reads() int64 { return c.reads.Load() }

// Drop forgets the chunk that has a position, because an event in it has changed. One that is being read is for those alone who
// asked for it before.
func (c *Chunks[K, T]) Drop(sequence K, position int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.sequences[sequence][(position-1)/ChunkSize]; ok {
		k.remove()
	}
}

// DropAll is Drop for all chunks of a sequence.
func (c *Chunks[K, T]) DropAll(sequence K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.sequences[sequence] {
		k.remove()
	}
}

// lookup returns the chunk with this number, and whether the caller has to fill it.
func (c *Chunks[K, T]) lookup(sequence K, number int64) (k *chunk[K, T], mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	chunks := c.sequences[sequence]
	if k, ok := chunks[number]; ok {
		k.kept.Touch()
		return k, false
	}
	if chunks == nil {
		chunks = make(map[int64]*chunk[K, T])
		c.sequences[sequence] = chunks
	}
	k = &chunk[K, T]{all: c, sequence: sequence, number: number, ready: make(chan struct{})}
	k.kept = c.budget.Keep(k)
	chunks[number] = k
	return k, true
}

func (c *Chunks[K, T]) fill(ctx context.Context, k *chunk[K, T]) {
	c.reads.Add(1)
	from := k.number * ChunkSize
	k.events, k.err = c.read(ctx, k.sequence, from, from+ChunkSize+1)
	if len(k.events) < ChunkSize { // an error, or the end of the sequence, which grows: not to be kept
		c.mu.Lock()
		k.remove()
		c.mu.Unlock()
		close(k.ready)
		return
	}
	bytes := 0
	for _, e := range k.events {
		bytes += c.size(e)
	}
	close(k.ready)
	k.kept.Add(int64(bytes)) // other chunks may give way, so without the lock
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.removed {
		k.kept.Add(-k.kept.Bytes())
	}
}

// remove takes the chunk out of its Chunks, whose lock is held.
func (k *chunk[K, T]) remove() {
	if k.removed {
		return
	}
	k.removed = true
	chunks := k.all.sequences[k.sequence]
	if delete(chunks, k.number); len(chunks) == 0 {
		delete(k.all.sequences, k.sequence)
	}
	k.kept.Add(-k.kept.Bytes())
}

// GiveWay forgets the chunk. One that is still being read keeps no bytes yet, and is not asked to give way.
func (k *chunk[K, T]) GiveWay(bool) {
	if !k.all.mu.TryLock() {
		return
	}
	defer k.all.mu.Unlock()
	k.remove()
}
