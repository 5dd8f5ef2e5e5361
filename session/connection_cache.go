package session

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of the connections that a node remembers.
const (
	cachedConnections     = 1 << 16
	cachedConnectionBytes = 32 << 20 // of the memory that they take, which no other budget counts
)

// cachedConnectionOverhead is about as many bytes as a remembered connection takes beside its texts.
const cachedConnectionOverhead = 400

// connectionCache remembers connections and whether they have ended. It forgets by generations: when the
// young one is full, in number or in bytes, it becomes the old one, and connections that are used again move up.
type connectionCache struct {
	limit      int // connections of a generation
	limitBytes int // of a generation, a connection of which may exceed it
	now        func() time.Time
	// maxAge is how long a connection is believed to live after the Store said so, since other nodes may end it; 0 for ever.
	maxAge time.Duration

	mu    sync.RWMutex
	young map[string]*cachedConnection
	old   map[string]*cachedConnection
	bytes int // of the young generation
	// erased are the subjects of erasures of a moment ago: what was read of them before must not be remembered.
	erased []erasedSubject
}

// erasedSubject is whom an erasure is about, and when this node forgot them.
type erasedSubject struct {
	PendingErasure
	at time.Time
}

// erasedFor is longer than a read of the Store may take that began before its subject was erased.
const erasedFor = time.Minute

type cachedConnection struct {
	state ConnectionState
	at    time.Time   // when the Store said so
	used  atomic.Bool // since takeUsed
}

func newConnectionCache(limit, limitBytes int, maxAge time.Duration, now func() time.Time) *connectionCache {
	return &connectionCache{limit: limit / 2, limitBytes: limitBytes / 2, maxAge: maxAge, now: now, young: make(map[string]*cachedConnection)}
}

// size returns how many bytes a connection takes in the cache under its id.
func (k *cachedConnection) size(id string) int {
	c := k.state.Connection
	size := cachedConnectionOverhead + len(id) + len(c.ID) + len(c.SessionID)
	for _, text := range []*string{c.UserID, c.Data} {
		if text != nil {
			size += len(*text)
		}
	}
	return size
}

// get returns a connection and whether it had ended when this node last heard of it.
func (c *connectionCache) get(id string) (ConnectionState, bool) {
	k := c.find(id)
	if k == nil {
		return ConnectionState{}, false
	}
	return k.state, true
}

// recent returns a connection that has ended, or that the Store told of so recently that its data can be believed.
func (c *connectionCache) recent(id string) (ConnectionState, bool) {
	k := c.find(id)
	if k == nil || !k.state.settled() && c.maxAge > 0 && c.now().Sub(k.at) > c.maxAge {
		return ConnectionState{}, false
	}
	return k.state, true
}

// fresh returns a connection and whether it has ended, where that can be believed now.
func (c *connectionCache) fresh(id string) (ConnectionState, bool) {
	k := c.find(id)
	if k == nil {
		return ConnectionState{}, false
	}
	k.used.Store(true)
	if !k.state.Destroyed && c.maxAge > 0 && c.now().Sub(k.at) > c.maxAge {
		return ConnectionState{}, false
	}
	return k.state, true
}

func (c *connectionCache) find(id string) *cachedConnection {
	c.mu.RLock()
	k := c.young[id]
	old := k == nil && c.old[id] != nil
	c.mu.RUnlock()
	if !old {
		return k
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k = c.lookup(id)
	if k != nil {
		c.add(id, k)
	}
	return k
}

// lookup returns a connection of either generation. c.mu is held.
func (c *connectionCache) lookup(id string) *cachedConnection {
	if k := c.young[id]; k != nil {
		return k
	}
	return c.old[id]
}

// put remembers a state that the Store told now. A connection that has ended stays so, and its newest data stays, whatever is
// put later.
func (c *connectionCache) put(id string, state ConnectionState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state.Connection = c.known(state.Connection)
	if k := c.lookup(id); k != nil {
		state.Destroyed = state.Destroyed || k.state.Destroyed
		state.SessionDeleted = state.SessionDeleted || k.state.SessionDeleted
		if k.state.Connection.DataRevision > state.Connection.DataRevision {
			state.Connection = k.state.Connection
		}
	}
	c.add(id, &cachedConnection{state: state, at: c.now()})
}

// update remembers a connection's new data, where the connection is known.
func (c *connectionCache) update(connection *Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.lookup(connection.ID)
	if k == nil || k.state.Connection.DataRevision > connection.DataRevision {
		return
	}
	state := k.state
	state.Connection = c.known(connection)
	changed := &cachedConnection{state: state, at: k.at}
	changed.used.Store(k.used.Load())
	c.add(connection.ID, changed)
}

// end says that a connection has ended of which the Store knows no more.
func (c *connectionCache) end(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.lookup(id); k != nil {
		c.add(id, &cachedConnection{state: ConnectionState{Connection: k.state.Connection, Destroyed: true}, at: c.now()})
	}
}

// forget forgets the connections of a session, so that the Store is asked when they are used next.
func (c *connectionCache) forget(sessionID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, generation := range []map[string]*cachedConnection{c.old, c.young} {
		maps.DeleteFunc(generation, func(_ string, k *cachedConnection) bool { return k.state.Connection.SessionID == sessionID })
	}
	c.countBytes()
}

// countBytes counts the bytes of the young generation anew. c.mu is held.
func (c *connectionCache) countBytes() {
	c.bytes = 0
	for id, k := range c.young {
		c.bytes += k.size(id)
	}
}

// erase forgets who the subjects of erasures were.
func (c *connectionCache) erase(subjects []PendingErasure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.erased = slices.DeleteFunc(c.erased, func(e erasedSubject) bool { return now.Sub(e.at) > erasedFor })
	for _, p := range subjects {
		c.erased = append(c.erased, erasedSubject{p, now})
	}
	for _, generation := range []map[string]*cachedConnection{c.old, c.young} {
		for id, k := range generation {
			if nobody := c.known(k.state.Connection); nobody != k.state.Connection {
				state := k.state
				state.Connection = nobody
				generation[id] = &cachedConnection{state: state, at: k.at}
			}
		}
	}
	c.countBytes()
}

// known returns a connection as it may be remembered: without what tells who it was, where it was erased. c.mu is held.
func (c *connectionCache) known(connection *Connection) *Connection {
	for i := range c.erased {
		if c.erased[i].Subject(connection) {
			return connection.Anonymous()
		}
	}
	return connection
}

// clear forgets all connections, so that the Store is asked when they are used next.
func (c *connectionCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old, c.bytes = make(map[string]*cachedConnection), nil, 0
}

// add puts a connection into the young generation. c.mu is held.
func (c *connectionCache) add(id string, k *cachedConnection) {
	size := k.size(id)
	before := 0 // bytes of the value that k replaces
	if replaced := c.young[id]; replaced != nil {
		before = replaced.size(id)
	}
	if len(c.young) >= c.limit || c.bytes+size-before > c.limitBytes {
		c.old, c.young, c.bytes, before = c.young, make(map[string]*cachedConnection), 0, 0
	}
	c.young[id] = k
	c.bytes += size - before
}

// takeUsed returns the live connections that fresh was asked for since the last call, except guests, which never end.
func (c *connectionCache) takeUsed() (ids []string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, generation := range []map[string]*cachedConnection{c.old, c.young} {
		for id, k := range generation {
			if k.used.Swap(false) && !k.state.Destroyed && !k.state.Connection.Guest {
				ids = append(ids, id)
			}
		}
	}
	return ids
}
