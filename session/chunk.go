package session

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
)

// ChunkEntries is how many entries the Store is asked for at once when a reader is behind. Chunks lie at fixed places
// of the log, so that readers at different places share them: a storm of readers costs the Store as many reads as the
// log has chunks, not as there are readers.
const ChunkEntries = 128

// chunkCache reads chunks through the Store, each once for all that ask at the same time, and keeps the newest used
// within maxBytes.
type chunkCache struct {
	store    Store
	maxBytes int
	reads    atomic.Int64 // of the Store

	mu     sync.Mutex
	chunks map[chunkKey]*list.Element // of *chunk
	used   list.List                  // most recently used first
	bytes  int
}

type chunkKey struct {
	session string
	epoch   Epoch
	number  int64 // holds the entries number*ChunkEntries+1 … (number+1)*ChunkEntries
}

type chunk struct {
	key     chunkKey
	ready   chan struct{} // closed when entries and err are set
	entries []*ChatEntry
	err     error
	bytes   int
}

func newChunkCache(store Store, maxBytes int) *chunkCache {
	return &chunkCache{store: store, maxBytes: maxBytes, chunks: make(map[chunkKey]*list.Element)}
}

// read returns the entries of one chunk that come after position after.
func (c *chunkCache) read(ctx context.Context, s *Session, after int64) ([]*ChatEntry, error) {
	key := chunkKey{s.ID, s.Epoch, after / ChunkEntries}
	k, mine := c.lookup(key)
	if mine {
		// The read serves others too, so it must not end with this caller.
		c.fill(context.WithoutCancel(ctx), k)
	}
	select {
	case <-k.ready:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if k.err != nil {
		return nil, k.err
	}
	skip := int(after - key.number*ChunkEntries)
	return k.entries[min(skip, len(k.entries)):], nil
}

// lookup returns the chunk with this key, and whether the caller has to fill it.
func (c *chunkCache) lookup(key chunkKey) (k *chunk, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.chunks[key]; ok {
		c.used.MoveToFront(at)
		return at.Value.(*chunk), false
	}
	k = &chunk{key: key, ready: make(chan struct{})}
	c.chunks[key] = c.used.PushFront(k)
	return k, true
}

func (c *chunkCache) fill(ctx context.Context, k *chunk) {
	c.reads.Add(1)
	from := k.key.number * ChunkEntries
	k.entries, k.err = c.store.Entries(ctx, EntryQuery{SessionID: k.key.session, Epoch: k.key.epoch,
		After: from, Before: from + ChunkEntries + 1, Limit: ChunkEntries})
	for _, e := range k.entries {
		k.bytes += entryBytes(e)
	}
	// The lock comes first: a chunk that is ready may be evicted, and until here it is not counted.
	c.mu.Lock()
	defer c.mu.Unlock()
	close(k.ready)
	if len(k.entries) < ChunkEntries { // the log's end, which grows, or an error: not to be kept
		c.remove(c.chunks[k.key])
		return
	}
	c.bytes += k.bytes
	for c.bytes > c.maxBytes && c.evict() {
	}
}

// evict removes the chunk that was used longest ago and is not being filled, and says whether there was one.
func (c *chunkCache) evict() bool {
	for at := c.used.Back(); at != nil; at = at.Prev() {
		select {
		case <-at.Value.(*chunk).ready:
			c.bytes -= at.Value.(*chunk).bytes
			c.remove(at)
			return true
		default:
		}
	}
	return false
}

func (c *chunkCache) remove(at *list.Element) {
	delete(c.chunks, at.Value.(*chunk).key)
	c.used.Remove(at)
}
