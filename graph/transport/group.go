package transport

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"chattok/internal/budget"
)

// Limits of a group.
const (
	shardMembers  = 64            // members that one worker serves in one pass
	takeEvents    = 256           // events that a member takes at once
	takeBytes     = 64 << 10      // of events in one write, about
	largeEvent    = 4 * takeBytes // bytes above which an event is written on a goroutine of its own
	directStreams = 8             // HTTP streams that the source wakes itself

	passTime = 10 * time.Millisecond // after which a pass renders no more events, and its shard waits for another turn
)

// groups holds all groups, and the queue of their shards that workers serve.
type groups struct {
	combine time.Duration
	answers *Answers // nil: answers are not bounded
	// rendering is StreamConfig.Render.
	rendering func(ctx context.Context) (done func(), err error)

	budget   *budget.Budget
	most     int           // groups that one caller may be a member of
	passTime time.Duration // the constant of the same name; less in tests
	run      func(func())  // runs a function on a goroutine that Streams waits for
	queue    shardQueue

	mu        sync.Mutex
	byKey     map[string]*group
	callers   memberships[string, *group]
	addresses memberships[netip.Prefix, string]
	networks  memberships[netip.Prefix, *group]
	buckets   map[netip.Prefix]*bucket // of the addresses from which all members of a group are
}

// newGroups returns no groups yet; run runs a function on a goroutine that is waited for.
func newGroups(c StreamConfig, run func(func())) *groups {
	g := &groups{combine: c.Combine, answers: c.Answers, rendering: c.Render, budget: budget.New(0), most: c.MaxSelections, passTime: passTime, run: run,
		byKey: make(map[string]*group), callers: make(memberships[string, *group]), addresses: make(memberships[netip.Prefix, string]),
		networks: make(memberships[netip.Prefix, *group]),
		buckets:  make(map[netip.Prefix]*bucket)}
	if c.Answers != nil {
		g.budget = c.Answers.budget
	}
	g.queue.ready.L = &g.queue.mu
	return g
}

// group is all subscriptions with the same selection of the same source. An event is executed once, by ordinary gqlgen
// execution of the first member's operation, and all members get its bytes.
type group struct {
	all    *groups
	key    string
	topic  Topic  // of the first member; those of all members read the same source
	stop   func() // ends the watch over the source
	cancel context.CancelFunc

	members atomic.Int64 // changed with groups.mu held
	client  netip.Prefix // from which all members so far came; not valid where they have several, or one that is not counted; guarded by groups.mu
	bucket  atomic.Pointer[bucket]

	placing sync.Mutex // held while members and HTTP streams are added and removed; taken before shard.mu
	shards  atomic.Pointer[[]*shard]
	direct  atomic.Pointer[[]chan<- struct{}] // the first HTTP streams, which the source wakes itself

	execution
}

// membership is a place in a group. Until it is withdrawn, the group's execution goes on and the source stays open.
type membership struct {
	group  *group
	topic  Topic
	caller string       // whose subscriptions it counts to; "" for nobody's
	client netip.Prefix // the address that it counts to; not valid where it counts to none

	spelling string // of what it selects
}

// join makes m a member of the group at p, and opens the group where there is none. Errors: RATE_LIMITED where the
// caller, or its address, is a member of too many groups; the topic is closed then.
func (g *groups) join(m *membership, exec graphql.GraphExecutor, opCtx *graphql.OperationContext, p place) error {
	m.topic, m.caller, m.client, m.spelling = p.topic, p.caller, p.client, p.spelling
	g.mu.Lock()
	defer g.mu.Unlock()
	m.group = g.byKey[p.key]
	if err := g.full(m); err != nil {
		p.topic.close()
		return err
	}
	if m.group == nil {
		m.group = g.open(exec, opCtx, p)
		g.byKey[p.key] = m.group
	}
	m.group.members.Add(1)
	m.group.mix(p.client)
	g.count(m)
	return nil
}

// open opens a group. Its execution carries the first member's operation, and a caller only where all members are of
// one connection.
func (g *groups) open(exec graphql.GraphExecutor, opCtx *graphql.OperationContext, p place) *group {
	opened := &group{all: g, key: p.key, topic: p.topic, client: p.client}
	opened.bucket.Store(g.bucketOf(p.client))
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
	opened.stop = p.topic.watch(combining(g.combine, opened.wake))
	return opened
}

// withdraw ends a membership, once. The group ends with its last member.
func (m *membership) withdraw() {
	g := m.group
	g.all.mu.Lock()
	g.all.forget(m)
	last := g.members.Add(-1) == 0
	if last {
		delete(g.all.byKey, g.key)
		g.leaveBucket()
	}
	g.all.mu.Unlock()
	if last {
		g.stop()
		g.cancel()
		g.rendered.kept.Drop()
	}
	m.topic.close()
}

// goLive puts a member that has caught up into a shard, and queues the shard for the events that have come meanwhile.
func (g *group) goLive(m *member) {
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

// wake queues every shard and wakes HTTP streams, because the source has more. The source holds its lock meanwhile, so
// wake does not block, and its cost grows with the shards and not with the members.
func (g *group) wake() {
	for _, stream := range *g.direct.Load() {
		wakeStream(stream)
	}
	for _, h := range *g.shards.Load() {
		g.all.queue.put(h)
	}
}

// listen wakes an HTTP stream by a channel with room for one value, until stop is called. The source wakes the first
// streams itself; workers wake the others.
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
