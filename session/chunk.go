package session

import (
	"context"
	"sync"
	"sync/atomic"
)

// ChunkEntries is how many entries the Store is asked for at once when a reader is behind. Chunks lie at fixed places
// of the log, so that readers at different places share them: a storm of readers costs the Store as many reads as the
// log has chunks, not as there are readers.
const ChunkEntries = 128

// chunkCache reads chunks through the Store, each once for all that ask at the same time, and keeps what was read as long
// as the node's Budget has room for it.
type chunkCache struct {
	store  Store
	budget *Budget
	reads  atomic.Int64 // of the Store

	mu     sync.Mutex
	chunks map[chunkKey]*chunk
}

type chunkKey struct {
	session string
	epoch   Epoch
	number  int64 // holds the entries number*ChunkEntries+1 … (number+1)*ChunkEntries
}

type chunk struct {
	cache   *chunkCache
	key     chunkKey
	kept    *Kept
	ready   chan struct{} // closed when entries and err are set
	entries []*ChatEntry
	err     error
}

func newChunkCache(store Store, budget *Budget) *chunkCache {
	return &chunkCache{store: store, budget: budget, chunks: make(map[chunkKey]*chunk)}
}

// read returns the chunk that holds the entry after a position, and how many of its entries do not come after it.
func (c *chunkCache) read(ctx context.Context, s *Session, after int64) (entries []*ChatEntry, skip int, err error) {
	key := chunkKey{s.ID, s.Epoch, after / ChunkEntries}
	k, mine := c.lookup(key)
	if mine {
		// The read serves others too, so it must not end with this caller.
		c.fill(context.WithoutCancel(ctx), k)
	}
	select {
	case <-k.ready:
	case <-ctx.Done():
		return nil, 0, context.Cause(ctx)
	}
	return k.entries, int(after - key.number*ChunkEntries), k.err
}

// lookup returns the chunk with this key, and whether the caller has to fill it.
func (c *chunkCache) lookup(key chunkKey) (k *chunk, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.chunks[key]; ok {
		k.kept.Touch()
		return k, false
	}
	k = &chunk{cache: c, key: key, ready: make(chan struct{})}
	k.kept = c.budget.Keep(k)
	c.chunks[key] = k
	return k, true
}

func (c *chunkCache) fill(ctx context.Context, k *chunk) {
	c.reads.Add(1)
	from := k.key.number * ChunkEntries
	k.entries, k.err = c.store.Entries(ctx, EntryQuery{SessionID: k.key.session, Epoch: k.key.epoch,
		After: from, Before: from + ChunkEntries + 1, Limit: ChunkEntries})
	if len(k.entries) < ChunkEntries { // the log's end, which grows, or an error: not to be kept
		c.mu.Lock()
		delete(c.chunks, k.key)
		c.mu.Unlock()
		close(k.ready)
		return
	}
	bytes := 0
	for _, e := range k.entries {
		bytes += entryBytes(e)
	}
	close(k.ready)
	k.kept.Add(int64(bytes))
}

// GiveWay forgets a chunk that has been read.
func (k *chunk) GiveWay(bool) {
	if !k.cache.mu.TryLock() {
		return
	}
	defer k.cache.mu.Unlock()
	delete(k.cache.chunks, k.key)
	k.kept.Add(-k.kept.Bytes())
}
