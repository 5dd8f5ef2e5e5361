package transport

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"chattok/session"
)

// Limits of a group.
const (
	shardMembers  = 64            // members that one worker serves in one go
	takeEvents    = 256           // that a member takes at once
	takeBytes     = 64 << 10      // of them, about, in one write
	largeEvent    = 4 * takeBytes // bytes above which an event is written on a goroutine of its own
	directStreams = 8             // HTTP streams that are woken by whoever publishes
)

// groups are the groups of a transport, and the workers that serve them.
type groups struct {
	gather  time.Duration
	answers *Answers // nil where nothing bounds them
	budget  *session.Budget
	most    int          // distinct groups of one caller
	run     func(func()) // runs a function on a goroutine that is waited for
	mu      sync.Mutex
	byKey   map[string]*group
	callers map[string]map[*group]int // how often each caller is a member of which
	queue   shardQueue
}

// group is everybody who selects the same of the same events. An event is executed once, by ordinary gqlgen execution
// of the first member's operation, and its bytes are shared.
type group struct {
	all    *groups
	key    string
	topic  *Topic // of the first member; all members' read the same source
	stop   func() // watching
	cancel context.CancelFunc

	members atomic.Int64 // changed with groups.mu held

	placing sync.Mutex // held while members and HTTP streams get or lose their place; before shard.mu
	shards  atomic.Pointer[[]*shard]
	direct  atomic.Pointer[[]chan<- struct{}] // of the first HTTP streams, whose way is short

	execution
}

// shard is some of a group's members, served by one worker at a time, and some HTTP streams, which serve themselves when
// it has woken them.
type shard struct {
	group  *group
	queued atomic.Bool

	mu      sync.Mutex
	members []*member
	streams []chan<- struct{}
}

// membership is a place in a group. It keeps the group's execution going, and the source open, until it is withdrawn.
type membership struct {
	group  *group
	topic  *Topic
	caller string // who is counted; "" for nobody
}

// member is one subscription of a WebSocket in a group: a position, no queue.
type member struct {
	membership
	socket *socket
	op     *operation
	prefix []byte // of its frames' JSON, up to the payload

	shard  *shard      // nil until it is live; guarded by group.placing
	after  int64       // guarded by shard.mu, or owned by catchUp before
	large  bool        // the event after it is one that waits for its turn; owned by catchUp, or guarded by shard.mu
	waited bool        // the event after it has to be waited for; guarded by shard.mu
	ended  bool        // its last frame is being written; guarded by shard.mu
	over   atomic.Bool // set before its last frame is written
	left   atomic.Bool
}

// join makes m a place in the group that this operation belongs to. Errors: RATE_LIMITED where the caller is in as many
// different ones as it may; then the topic is closed.
func (g *groups) join(m *membership, exec graphql.GraphExecutor, opCtx *graphql.OperationContext, p place) error {
	m.topic, m.caller = p.topic, p.caller
	g.mu.Lock()
	defer g.mu.Unlock()
	m.group = g.byKey[p.key]
	if mine := g.callers[p.caller]; p.caller != "" && len(mine) >= g.most && (m.group == nil || mine[m.group] == 0) {
		p.topic.close()
		return session.Errorf(session.CodeRateLimited, "at most %d subscriptions may select something different at once", g.most).
			WithReason(session.ReasonTooManySelections)
	}
	if m.group == nil {
		m.group = g.open(exec, opCtx, p)
		g.byKey[p.key] = m.group
	}
	m.group.members.Add(1)
	if p.caller != "" {
		if g.callers[p.caller] == nil {
			g.callers[p.caller] = make(map[*group]int)
		}
		g.callers[p.caller][m.group]++
	}
	return nil
}

// forget counts a member out. g.mu is held.
func (g *groups) forget(m *membership) {
	mine := g.callers[m.caller]
	if mine == nil {
		return
	}
	if mine[m.group]--; mine[m.group] == 0 {
		delete(mine, m.group)
	}
	if len(mine) == 0 {
		delete(g.callers, m.caller)
	}
}

// open starts a group. Its execution has nothing of the first member's but the operation, unless all members are one
// connection's.
func (g *groups) open(exec graphql.GraphExecutor, opCtx *graphql.OperationContext, p place) *group {
	opened := &group{all: g, key: p.key, topic: p.topic}
	opened.group = opened
	opened.shards.Store(new([]*shard))
	opened.direct.Store(new([]chan<- struct{}))
	as := p.as
	if as == nil {
		as = context.Background()
	}
	ctx, cancel := context.WithCancel(graphql.StartOperationTrace(as))
	opened.cancel = cancel
	opened.begin(ctx, exec, opCtx)
	opened.stop = p.topic.watch(gathering(g.gather, opened.wake))
	return opened
}

// withdraw gives a place up, once. With the last one the group's execution ends.
func (m *membership) withdraw() {
	g := m.group
	g.all.mu.Lock()
	g.all.forget(m)
	last := g.members.Add(-1) == 0
	if last {
		delete(g.all.byKey, g.key)
	}
	g.all.mu.Unlock()
	if last {
		g.stop()
		g.cancel()
		g.kept.Drop()
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

// wake has everybody look for what is new. It does not block, and does little however many they are: it is called while
// the source is held.
func (g *group) wake() {
	for _, stream := range *g.direct.Load() {
		rouse(stream)
	}
	for _, h := range *g.shards.Load() {
		g.all.queue.put(h)
	}
}

// rouse puts a value into a channel that has room for one, unless one is in it.
func rouse(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// listen has an HTTP stream woken by its channel, which has room for one, until stop is called: the first ones at once,
// others by the workers.
func (g *group) listen(wake chan<- struct{}) (stop func()) {
	g.placing.Lock()
	defer g.placing.Unlock()
	if direct := *g.direct.Load(); len(direct) < directStreams {
		grown := append(slices.Clip(direct), wake)
		g.direct.Store(&grown)
		return func() { g.unlisten(wake) }
	}
	shards := *g.shards.Load()
	for _, h := range shards {
		if h.listen(wake) {
			return func() { h.unlisten(wake) }
		}
	}
	h := &shard{group: g, streams: []chan<- struct{}{wake}}
	grown := append(slices.Clip(shards), h)
	g.shards.Store(&grown)
	return func() { h.unlisten(wake) }
}

func (g *group) unlisten(wake chan<- struct{}) {
	g.placing.Lock()
	defer g.placing.Unlock()
	left := slices.DeleteFunc(slices.Clone(*g.direct.Load()), func(other chan<- struct{}) bool { return other == wake })
	g.direct.Store(&left)
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

// newGroups returns the groups of a transport, whose members are woken once in gather at most. run runs a
// function on a goroutine that is waited for.
func newGroups(c StreamConfig, run func(func())) *groups {
	g := &groups{gather: c.Gather, answers: c.Answers, budget: session.NewBudget(0), most: c.MaxSelections, run: run,
		byKey: make(map[string]*group), callers: make(map[string]map[*group]int)}
	if c.Answers != nil {
		g.budget = c.Answers.budget
	}
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
