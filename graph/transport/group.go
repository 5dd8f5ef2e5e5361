package transport

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// Limits of a group.
const (
	shardMembers   = 64       // members that one worker serves in one go
	takeEvents     = 256      // that a member takes at once
	takeBytes      = 64 << 10 // of them, about, in one write
	renderedEvents = 1024     // whose bytes are kept
	renderedBytes  = 4 << 20
)

// groups are the groups of a transport, and the workers that serve them.
type groups struct {
	gather time.Duration
	mu     sync.Mutex
	byKey  map[string]*group
	queue  shardQueue
}

// group is everybody who selects the same of the same events. An event is executed once, by ordinary gqlgen execution
// of the first member's operation, and its bytes are shared.
type group struct {
	all    *groups
	key    string
	topic  *Topic // of the first member; all members' read the same source
	stop   func() // watching
	cancel context.CancelFunc

	members int // guarded by groups.mu

	placing sync.Mutex // held while members get or lose their shard; before shard.mu
	shards  atomic.Pointer[[]*shard]

	execution
}

// shard is some of a group's members, served by one worker at a time.
type shard struct {
	group  *group
	queued atomic.Bool

	mu      sync.Mutex
	members []*member
}

// execution is the running gqlgen operation of a group.
type execution struct {
	executing sync.Mutex // held while an event is executed
	ctx       context.Context
	responses graphql.ResponseHandler
	push      func(event any) bool
	rendered  map[any]rendered
	order     []any // of rendered, oldest first
	bytes     int
}

// rendered is the JSON of an event's response. final says that it is errors, and that the subscription ends with them:
// an event that could not be executed must not be passed over. Then payload is their list; it is nil where the
// subscription ended of itself.
type rendered struct {
	payload  []byte
	response []byte // the whole of a final one
	final    bool
	failed   bool // in part; the next who ask get another try
}

// membership is a place in a group. It keeps the group's execution going, and the source open, until it is withdrawn.
type membership struct {
	group *group
	topic *Topic
}

// member is one subscription of a WebSocket in a group: a position, no queue.
type member struct {
	membership
	socket *socket
	op     *operation
	prefix []byte // of its frames' JSON, up to the payload

	shard *shard // nil until it is live; guarded by group.placing
	after int64  // guarded by shard.mu, or owned by catchUp before
	ended bool   // its last frame is being written; guarded by shard.mu
	left  atomic.Bool
}

// join makes m a place in the group that this operation belongs to.
func (g *groups) join(m *membership, exec graphql.GraphExecutor, opCtx *graphql.OperationContext, key string, t *Topic) {
	m.topic = t
	g.mu.Lock()
	defer g.mu.Unlock()
	m.group = g.byKey[key]
	if m.group == nil {
		m.group = g.open(exec, opCtx, key, t)
		g.byKey[key] = m.group
	}
	m.group.members++
}

// open starts a group. Its execution has nothing of the first member's but the operation.
func (g *groups) open(exec graphql.GraphExecutor, opCtx *graphql.OperationContext, key string, t *Topic) *group {
	opened := &group{all: g, key: key, topic: t}
	opened.shards.Store(new([]*shard))
	ctx, cancel := context.WithCancel(graphql.StartOperationTrace(context.Background()))
	opened.cancel = cancel
	ctx, opened.push = t.events(ctx)
	opened.responses, opened.ctx = exec.DispatchOperation(ctx, opCtx)
	opened.rendered = make(map[any]rendered)
	opened.stop = t.watch(gathering(g.gather, opened.wake))
	return opened
}

// withdraw gives a place up, once. With the last one the group's execution ends.
func (m *membership) withdraw() {
	g := m.group
	g.all.mu.Lock()
	g.members--
	last := g.members == 0
	if last {
		delete(g.all.byKey, g.key)
	}
	g.all.mu.Unlock()
	if last {
		g.stop()
		g.cancel()
	}
	m.topic.close()
}

// leave ends a membership. It may be called more than once.
func (m *member) leave() {
	if m.left.Swap(true) {
		return
	}
	g := m.group
	g.placing.Lock()
	if m.shard != nil {
		m.shard.remove(m)
		m.shard = nil
	}
	g.placing.Unlock()
	m.socket.streams.subscriptions.Add(-1)
	m.withdraw()
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

// live puts a member that has caught up into a shard. Whatever came meanwhile is found by the shard's next pass, which
// is asked for here.
func (g *group) live(m *member) {
	g.placing.Lock()
	defer g.placing.Unlock()
	if m.left.Load() {
		return
	}
	shards := *g.shards.Load()
	for _, h := range shards {
		if h.add(m) {
			m.shard = h
			break
		}
	}
	if m.shard == nil {
		m.shard = &shard{group: g, members: []*member{m}}
		grown := append(slices.Clip(shards), m.shard)
		g.shards.Store(&grown)
	}
	g.all.queue.put(m.shard)
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

// wake has every shard look for what is new. It does not block: it is called while the source is held.
func (g *group) wake() {
	for _, h := range *g.shards.Load() {
		g.all.queue.put(h)
	}
}

// render returns the bytes of events, executing those that nobody has asked for before. It stops at one that fails.
func (e *execution) render(dst []rendered, events []any) []rendered {
	e.executing.Lock()
	defer e.executing.Unlock()
	for _, event := range events {
		r, ok := e.rendered[event]
		if !ok {
			if r = e.execute(event); !r.final && !r.failed {
				e.keep(event, r)
			}
		}
		dst = append(dst, r)
		if r.final {
			break
		}
	}
	return dst
}

func (e *execution) execute(event any) rendered {
	if !e.push(event) {
		return rendered{final: true} // the last member has left
	}
	return newRendered(e.responses(e.ctx))
}

// newRendered copies a response: gqlgen has one buffer for all of an execution's.
func newRendered(response *graphql.Response) rendered {
	switch {
	case response == nil:
		return rendered{final: true}
	case nothingBut(response):
		return rendered{payload: AppendErrors(nil, response.Errors), response: AppendResponse(nil, response), final: true}
	}
	return rendered{payload: AppendResponse(nil, response), failed: len(response.Errors) > 0}
}

func (e *execution) keep(event any, r rendered) {
	e.rendered[event] = r
	e.order = append(e.order, event)
	e.bytes += len(r.payload)
	for len(e.order) > renderedEvents || e.bytes > renderedBytes && len(e.order) > 1 {
		e.bytes -= len(e.rendered[e.order[0]].payload)
		delete(e.rendered, e.order[0])
		e.order[0] = nil
		e.order = e.order[1:]
	}
}

// newGroups returns the groups of a transport, whose members are woken once in gather at most.
func newGroups(gather time.Duration) *groups {
	g := &groups{gather: gather, byKey: make(map[string]*group)}
	g.queue.ready.L = &g.queue.mu
	return g
}

// shardQueue is the shards that have something to do, each once.
type shardQueue struct {
	mu     sync.Mutex
	ready  sync.Cond
	shards []*shard
	closed bool
}

func (q *shardQueue) put(h *shard) {
	if h.queued.Swap(true) {
		return
	}
	q.mu.Lock()
	q.shards = append(q.shards, h)
	q.mu.Unlock()
	q.ready.Signal()
}

// take waits for a shard; nil when the queue is closed.
func (q *shardQueue) take() *shard {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.shards) == 0 && !q.closed {
		q.ready.Wait()
	}
	if q.closed {
		return nil
	}
	h := q.shards[0]
	q.shards[0] = nil
	q.shards = q.shards[1:]
	h.queued.Store(false) // what comes from here on needs another pass
	return h
}

func (q *shardQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.ready.Broadcast()
}
