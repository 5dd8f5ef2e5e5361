package transport

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// Limits of an execution.
const (
	renderedEvents = 1024 // whose bytes are kept
	renderedBytes  = 4 << 20
)

// execution is the running gqlgen operation of a group, which executes one event at a time. Whoever asks for an event does
// so, and others wait, so no resolver may wait for anything; see MayWait. An event with one that has to is executed again
// on a goroutine of its own, and holds up those alone who come to it.
type execution struct {
	group     *group
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
func (e *execution) begin(ctx context.Context, exec graphql.GraphExecutor, opCtx *graphql.OperationContext, t *Topic) {
	e.exec = exec
	ctx, e.push = t.events(ctx)
	e.responses, e.ctx = exec.DispatchOperation(ctx, opCtx)
	e.prompt = context.WithValue(e.ctx, refusingKey{}, &e.refusing)
	e.rendered = make(map[any]rendered)
	e.settled.L = &e.mu
}

// render returns the bytes of events, executing those that nobody has asked for before. It stops at one that fails, and
// before one that has to be waited for: then blocked is true, and the group is woken when that has been done. waited says
// that the call before was blocked at the first of events.
func (e *execution) render(dst []rendered, events []any, waited bool) (all []rendered, blocked bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
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
		if r.final {
			break
		}
	}
	return dst, false
}

// renderAll is render for who may wait.
func (e *execution) renderAll(dst []rendered, events []any) []rendered {
	for blocked := false; ; {
		before := len(dst)
		dst, blocked = e.render(dst, events, blocked)
		if !blocked {
			return dst
		}
		events = events[len(dst)-before:]
		e.mu.Lock()
		for e.waiting {
			e.settled.Wait()
		}
		e.mu.Unlock()
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
	r := e.execute(e.ctx, event)
	e.mu.Lock()
	e.waiting = false
	e.late = lateEvent{event, r}
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
	return newRendered(e.responses(ctx))
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

// keep keeps what is worth it. mu is held.
func (e *execution) keep(event any, r rendered) {
	if r.final || r.failed {
		return
	}
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
