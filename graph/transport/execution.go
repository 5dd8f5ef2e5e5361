package transport

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// Limits of an execution.
const (
	renderedOverhead = 128  // bytes that keeping an event takes besides
	renderedEvents   = 1024 // whose bytes are kept
	renderedBytes    = 4 << 20
	// keptBuffer is how long a response may be after which gqlgen's operation goes on: it keeps a buffer that grows to
	// the longest one.
	keptBuffer = 64 << 10
)

// execution is the running gqlgen operation of a group, which executes one event at a time. Whoever asks for an event does
// so, and others wait, so no resolver may wait for anything; see MayWait. An event with one that has to is executed again
// on a goroutine of its own, and holds up those alone who come to it.
type execution struct {
	group     *group
	kept      *session.Kept // of rendered and late
	base      context.Context
	op        *graphql.OperationContext
	stop      context.CancelFunc // of the operation, which is begun anew now and then
	exec      graphql.GraphExecutor
	ctx       context.Context
	prompt    context.Context // ctx for who does not wait
	refusing  refusing        // prompt's
	responses graphql.ResponseHandler
	push      func(event any) bool

	mu       sync.Mutex
	waiting  bool      // an event is being executed without mu, and no other one can be
	settled  sync.Cond // it no longer is
	late     lateEvent
	rendered map[any]rendered
	order    []any // of rendered, oldest first
	bytes    int
}

// lateEvent is the last event that had to be waited for, and what came of it, for those who waited: where it failed,
// others get another try.
type lateEvent struct {
	event    any
	rendered rendered
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

// refusing keeps resolvers from waiting, and notes that one would have had to.
type refusing struct{ refused atomic.Bool }

type refusingKey struct{}

var errMustWait = session.Errorf(session.CodeUnavailable, "this has to be waited for; try again")

// MayWait is called by a resolver of a type that a Shared field has before it waits for anything, such as the store.
// Where it returns an error the resolver must return that; it is called again where it holds up nobody else.
func MayWait(ctx context.Context) error {
	if r, ok := ctx.Value(refusingKey{}).(*refusing); ok {
		r.refused.Store(true)
		return errMustWait
	}
	return nil
}

// begin starts the operation. It has nothing of the member's whose it is but what it selects.
func (e *execution) begin(ctx context.Context, exec graphql.GraphExecutor, opCtx *graphql.OperationContext) {
	e.exec, e.base, e.op = exec, ctx, opCtx
	e.kept = e.group.all.budget.Keep(e)
	e.settled.L = &e.mu
	e.dispatch()
}

// dispatch starts the operation, in the place of one that ran before.
func (e *execution) dispatch() {
	if e.stop != nil {
		e.stop()
	}
	ctx, stop := context.WithCancel(e.base)
	e.stop = stop
	ctx, e.push = e.group.topic.events(ctx)
	e.responses, e.ctx = e.exec.DispatchOperation(ctx, e.op)
	e.prompt = context.WithValue(e.ctx, refusingKey{}, &e.refusing)
}

// render returns the bytes of events, executing those that nobody has asked for before, until there is enough for a write.
// It stops at one that fails, and before one that has to be waited for: then blocked is true, and the group is woken when that has been done. waited says
// that the call before was blocked at the first of events.
func (e *execution) render(dst []rendered, events []any, waited bool) (all []rendered, blocked bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept.Touch()
	bytes := 0
	for _, event := range events {
		r, ok := e.rendered[event]
		if !ok && waited && e.late.event == event {
			r, ok = e.late.rendered, true
		}
		waited = false
		if !ok {
			if r, ok = e.executeLocked(event); !ok {
				return dst, true
			}
		}
		dst = append(dst, r)
		if bytes += len(r.payload); r.final || bytes > takeBytes {
			break
		}
	}
	return dst, false
}

// renderSome is render for who may wait: at least one event is rendered.
func (e *execution) renderSome(dst []rendered, events []any) []rendered {
	for blocked := false; ; {
		dst, blocked = e.render(dst, events, blocked)
		if !blocked || len(dst) > 0 {
			return dst
		}
		e.mu.Lock()
		for e.waiting {
			e.settled.Wait()
		}
		e.mu.Unlock()
	}
}

// renderInTurn renders the first of some events when there is room for their bytes in the answers under way, and returns
// what gives that back. It renders nothing where ctx is done first.
func (e *execution) renderInTurn(ctx context.Context, client netip.Prefix, events []any) (bytes []rendered, release func()) {
	a := e.group.all.answers
	if a == nil {
		return e.renderSome(nil, events), func() {}
	}
	for n := int64(2 * takeBytes); ; {
		for !a.rendered.acquire(ctx, client, n) {
			if ctx.Err() != nil {
				return nil, func() {}
			}
		}
		bytes = e.renderSome(nil, events)
		length := int64(0)
		for _, r := range bytes {
			length += int64(len(r.payload))
		}
		if length <= n {
			return bytes, func() { a.rendered.release(client, n) }
		}
		// Rendered again rather than held while it waits, or those who wait would hold more than there is room for.
		bytes = nil
		a.rendered.release(client, n)
		n = length
	}
}

// executeLocked executes an event, unless one has to be waited for; then ok is false. mu is held.
func (e *execution) executeLocked(event any) (r rendered, ok bool) {
	if e.waiting {
		return r, false
	}
	e.refusing.refused.Store(false)
	r = e.execute(e.prompt, event)
	if e.refusing.refused.Load() {
		e.waiting = true
		e.group.all.run(func() { e.executeLate(event) })
		return r, false
	}
	e.keep(event, r)
	return r, true
}

// executeLate executes an event that has to be waited for.
func (e *execution) executeLate(event any) {
	r := e.group.all.answers.inTurn(e.ctx, e.op, func() rendered { return e.execute(e.ctx, event) })
	e.mu.Lock()
	e.waiting = false
	before := len(e.late.rendered.payload)
	e.late = lateEvent{event, r}
	e.count(len(r.payload) - before)
	e.keep(event, r)
	e.settled.Broadcast()
	e.mu.Unlock()
	e.group.wake()
}

// execute makes errors of a panic where gqlgen does not look: it would end the process.
func (e *execution) execute(ctx context.Context, event any) (r rendered) {
	defer func() {
		if cause := recover(); cause != nil {
			r = newRendered(&graphql.Response{Errors: gqlerror.List{presentPanic(e.ctx, e.exec, cause)}})
		}
	}()
	if !e.push(event) {
		return rendered{final: true} // the last member has left
	}
	r = newRendered(e.responses(ctx))
	if len(r.payload) > keptBuffer && e.base.Err() == nil {
		e.dispatch()
	}
	return r
}

// newRendered copies a response: gqlgen has one buffer for all of an execution's.
func newRendered(response *graphql.Response) rendered {
	switch {
	case response == nil:
		return rendered{final: true}
	case nothingBut(response):
		return rendered{payload: AppendErrors(nil, response.Errors), response: AppendResponse(nil, withoutData(response)), final: true}
	}
	return rendered{payload: AppendResponse(nil, response), failed: len(response.Errors) > 0}
}

// keep keeps what is worth it: what others than the reader that asked may ask for. mu is held.
func (e *execution) keep(event any, r rendered) {
	if r.final || r.failed || e.group.members.Load() < 2 {
		return
	}
	if e.rendered == nil {
		e.rendered = make(map[any]rendered)
	}
	before := e.bytes
	e.rendered[event] = r
	e.order = append(e.order, event)
	e.bytes += len(r.payload) + renderedOverhead
	for len(e.order) > renderedEvents || e.bytes > renderedBytes && len(e.order) > 1 {
		e.drop()
	}
	e.count(e.bytes - before)
	for e.group.all.budget.Over() && len(e.order) > 1 { // which has passed this one by, as it is locked
		before = e.bytes
		e.drop()
		e.count(e.bytes - before)
	}
}

// drop drops the oldest of what is kept. mu is held.
func (e *execution) drop() {
	e.bytes -= len(e.rendered[e.order[0]].payload) + renderedOverhead
	delete(e.rendered, e.order[0])
	e.order[0] = nil
	e.order = e.order[1:]
}

// count counts what is kept, unless the group has ended.
func (e *execution) count(bytes int) {
	if e.base.Err() == nil {
		e.kept.Add(int64(bytes))
	}
}

// GiveWay drops what is kept of rendered events: they are executed again for whoever asks.
func (e *execution) GiveWay(bool) {
	if !e.mu.TryLock() {
		return
	}
	defer e.mu.Unlock()
	e.rendered, e.order, e.bytes, e.late = nil, nil, 0, lateEvent{}
	e.kept.Add(-e.kept.Bytes())
}

// nothingBut says whether a response is errors and no event: the operation could not begin, or an event could not be
// executed, so that its field, which has no null, is null.
func nothingBut(response *graphql.Response) bool {
	data := string(response.Data)
	return len(response.Errors) > 0 && (data == "" || data == "null" || nullField(data))
}

// nullField says whether data is an object of one field that is null, which is how gqlgen spells the data of a
// subscription whose event has a null where there must not be one. JSON's strings have no bare quote in them, and names
// need no escape.
func nullField(data string) bool {
	name, ok := strings.CutPrefix(data, `{"`)
	if !ok {
		return false
	}
	name, ok = strings.CutSuffix(name, `":null}`)
	return ok && !strings.Contains(name, `"`)
}

// withoutData spells the same as GraphQL does: a null that must not be makes null of all data.
func withoutData(response *graphql.Response) *graphql.Response {
	if len(response.Data) == 0 {
		return response
	}
	spelt := *response
	spelt.Data = []byte("null")
	return &spelt
}
