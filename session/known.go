package session

import "sync"

// knownConnections is how many connections a node remembers.
const knownConnections = 1 << 16

// connectionCache remembers connections, which never change, and whether they have ended. It forgets by generations:
// when the young one is full it becomes the old one, and what is used moves up.
type connectionCache struct {
	limit int // a generation

	mu    sync.RWMutex
	young map[string]ConnectionState
	old   map[string]ConnectionState
}

func newConnectionCache(limit int) *connectionCache {
	return &connectionCache{limit: limit / 2, young: make(map[string]ConnectionState)}
}

func (c *connectionCache) get(id string) (ConnectionState, bool) {
	c.mu.RLock()
	state, young := c.young[id]
	old := false
	if !young {
		state, old = c.old[id]
	}
	c.mu.RUnlock()
	if old {
		c.put(id, state)
	}
	return state, young || old
}

// put remembers a state; one that has ended stays so, whatever comes later.
func (c *connectionCache) put(id string, state ConnectionState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young[id].Destroyed || c.old[id].Destroyed {
		state.Destroyed = true
	}
	if len(c.young) >= c.limit {
		c.old, c.young = c.young, make(map[string]ConnectionState)
	}
	c.young[id] = state
}

// Ended says whether this node knows that a connection has ended. It does not wait.
func (s *Service) Ended(connectionID string) bool {
	state, ok := s.known.get(connectionID)
	return ok && state.Destroyed
}
