package session

import (
	"sync"
	"sync/atomic"
	"time"
)

// knownConnections is how many connections a node remembers.
const knownConnections = 1 << 16

// connectionCache remembers connections, which never change, and whether they have ended. It forgets by generations:
// when the young one is full it becomes the old one, and what is used moves up.
type connectionCache struct {
	limit int // a generation
	now   func() time.Time
	// fresh is for how long it may be believed that a connection has not ended, since other nodes may have ended it;
	// 0 for ever.
	fresh time.Duration

	mu    sync.RWMutex
	young map[string]*knownConnection
	old   map[string]*knownConnection
}

type knownConnection struct {
	state ConnectionState
	at    time.Time   // when the Store said so
	used  atomic.Bool // since takeUsed
}

func newConnectionCache(limit int, fresh time.Duration, now func() time.Time) *connectionCache {
	return &connectionCache{limit: limit / 2, fresh: fresh, now: now, young: make(map[string]*knownConnection)}
}

// get returns a connection and whether it had ended when last heard of. What it says of itself holds for ever.
func (c *connectionCache) get(id string) (ConnectionState, bool) {
	k := c.find(id)
	if k == nil {
		return ConnectionState{}, false
	}
	return k.state, true
}

// current is get for what may be believed now.
func (c *connectionCache) current(id string) (ConnectionState, bool) {
	k := c.find(id)
	if k == nil {
		return ConnectionState{}, false
	}
	k.used.Store(true)
	if !k.state.Destroyed && c.fresh > 0 && c.now().Sub(k.at) > c.fresh {
		return ConnectionState{}, false
	}
	return k.state, true
}

func (c *connectionCache) find(id string) *knownConnection {
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

func (c *connectionCache) lookup(id string) *knownConnection {
	if k := c.young[id]; k != nil {
		return k
	}
	return c.old[id]
}

// put remembers a state that the Store told of now; one that has ended stays so, whatever comes later.
func (c *connectionCache) put(id string, state ConnectionState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.lookup(id); k != nil && k.state.Destroyed {
		state.Destroyed = true
	}
	c.add(id, &knownConnection{state: state, at: c.now()})
}

// end says that a connection has ended, of which the Store knows no more.
func (c *connectionCache) end(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.lookup(id); k != nil {
		c.add(id, &knownConnection{state: ConnectionState{Connection: k.state.Connection, Destroyed: true}, at: c.now()})
	}
}

func (c *connectionCache) add(id string, k *knownConnection) {
	if len(c.young) >= c.limit {
		c.old, c.young = c.young, make(map[string]*knownConnection)
	}
	c.young[id] = k
}

// takeUsed returns the connections that were asked for since it was last called and have not ended; guests, whom
// nothing ends, aside.
func (c *connectionCache) takeUsed() (ids []string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, generation := range []map[string]*knownConnection{c.old, c.young} {
		for id, k := range generation {
			if k.used.Swap(false) && !k.state.Destroyed && !k.state.Connection.Guest {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// Ended says whether this node knows that a connection has ended. It does not wait.
func (s *Service) Ended(connectionID string) bool {
	state, ok := s.known.get(connectionID)
	return ok && state.Destroyed
}
