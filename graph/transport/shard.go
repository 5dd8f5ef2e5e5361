package transport

import (
	"slices"
	"sync"
	"sync/atomic"
)

// shard is a part of a group's members, served by one worker at a time, and of its HTTP streams, which the worker
// wakes.
type shard struct {
	group  *group
	queued atomic.Bool
	next   *shard // the one after it in its bucket; guarded by shardQueue.mu

	mu      sync.Mutex
	members []*member
	begin   int // the index of the member that the next pass serves first
	streams []chan<- struct{}
}

func (h *shard) add(m *member) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.members) >= shardMembers {
		return false
	}
	h.members = append(h.members, m)
	return true
}

func (h *shard) remove(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, other := range h.members {
		if other == m {
			h.members[i] = h.members[len(h.members)-1]
			h.members[len(h.members)-1] = nil
			h.members = h.members[:len(h.members)-1]
			return
		}
	}
}

func (h *shard) listen(wake chan<- struct{}) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= shardMembers {
		return false
	}
	h.streams = append(h.streams, wake)
	return true
}

func (h *shard) unlisten(wake chan<- struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.streams, wake); i >= 0 {
		h.streams = slices.Delete(h.streams, i, i+1)
	}
}

// wakeStream puts a value into a channel with room for one, unless there is one in it.
func wakeStream(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
