// Package bytecache is a cache that is bounded in bytes and drops what was used least recently. The order is kept by
// hashicorp/golang-lru, which bounds a cache by its number of entries; the bytes are counted here.
package bytecache

import (
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Cache maps strings to values. It is safe for concurrent use.
type Cache[V any] struct {
	limit int64

	mu      sync.Mutex
	used    int64
	entries *simplelru.LRU[string, entry[V]]
}

type entry[V any] struct {
	value V
	bytes int64
}

// New returns an empty Cache of at most limit bytes.
func New[V any](limit int64) *Cache[V] {
	entries, err := simplelru.NewLRU[string, entry[V]](math.MaxInt, nil)
	if err != nil {
		panic(err) // for a size below one
	}
	return &Cache[V]{limit: limit, entries: entries}
}

// Get returns the value of a key and counts as a use of it.
func (c *Cache[V]) Get(key string) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.entries.Get(key)
	return found.value, ok
}

// Add adds a value that takes so many bytes, and drops others until the sum is within the limit. It does nothing where the
// key is there already, and where the value would take more than an eighth of the cache, so that one large value can't
// drive out all others.
func (c *Cache[V]) Add(key string, value V, bytes int64) {
	if bytes > c.limit/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries.Contains(key) {
		return
	}
	c.entries.Add(key, entry[V]{value, bytes})
	for c.used += bytes; c.used > c.limit; {
		_, dropped, _ := c.entries.RemoveOldest()
		c.used -= dropped.bytes
	}
}

// Len returns how many entries there are.
func (c *Cache[V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries.Len()
}

// Bytes returns the sum of the entries' bytes.
func (c *Cache[V]) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}
