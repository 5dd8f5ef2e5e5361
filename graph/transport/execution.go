package transport

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
)

// keptBuffer is the length of a response above which gqlgen's operation is begun anew: an operation keeps a buffer of
// its longest response.
const keptBuffer = 64 << 10

// execution executes the events of a group, one at a time, and keeps their bytes. It runs on the goroutine of the
// reader that asks, and other readers of the group wait; so no resolver may wait for anything, see MayWait. An event
// with a resolver that has to wait is executed again on a goroutine of its own, and holds up only the readers that have
// come to it.
type execution struct {
	group     *group
	operation sharedOperation

	mu       sync.Mutex
	waiting  bool      // an event is executed without mu, and no other event can be
	settled  sync.Cond // signals that waiting has become false
	late     lateEvent
	rendered renderedEvents
}

// sharedOperation is the running gqlgen operation of a group.
type sharedOperation struct {
	exec      graphql.GraphExecutor
	op        *graphql.OperationContext
	base      context.Context    // ends with the group
	stop      context.CancelFunc // ends the operation, which is begun anew now and then
	ctx       context.Context
	ctxNoWait context.Context // ctx in which nothing may wait
	noWait    noWait          // of ctxNoWait
	responses graphql.ResponseHandler
	push      func(event any) bool
}

// lateEvent is the last event that had to be waited for, with its result for the readers that waited. A result that
// failed is for them alone; others execute the event again.
type lateEvent struct {
	event    any
	rendered rendered
}

// begin starts the operation. It carries the first member's selection, never the member's identity.
func (e *execution) begin(ctx context.Context, exec graphql.GraphExecutor, opCtx *graphql.OperationContext) {
	e.operation = sharedOperation{exec: exec, base: ctx, op: opCtx}
	e.rendered.budget = e.group.all.budget
	e.rendered.kept = e.group.all.budget.Keep(e)
	e.settled.L = &e.mu
	e.operation.dispatch(e.group.topic)
}

// dispatch starts the operation; one that ran before is stopped.
func (o *sharedOperation) dispatch(topic Topic) {
	if o.stop != nil {
		o.stop()
	}
	ctx, stop := context.WithCancel(o.base)
	o.stop = stop
	ctx, o.push = topic.events(ctx)
	o.responses, o.ctx = o.exec.DispatchOperation(ctx, o.op)
	o.ctxNoWait = o.noWait.in(o.ctx)
}

// render returns the bytes of events, and executes those that are not kept. It stops when there is enough for a write,
// after an event that it has executed when it is later than until, unless that is the zero time, at an event that fails, and
// before an event that has to be waited for: then blocked is true, and the group is woken when that event has been executed.
// waited says that the call before was blocked at the first of events.
func (e *execution) render(dst []rendered, events []any, waited bool, until time.Time) (all []rendered, blocked bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rendered.kept.Touch()
	late := e.late // for the reader that waited, also where an event was replaced meanwhile
	waited = waited && late.event != nil
	e.dropReplaced()
	bytes := 0
	for _, event := range events {
		if event == nil {
			dst, waited = append(dst, rendered{}), false
			continue
		}
		r, ok := e.rendered.events[event]
		if !ok && waited && late.event == event {
			r, ok = late.rendered, true
		}
		waited = false
		over := false
		if !ok {
			if r, ok = e.executeLocked(event); !ok {
				return dst, true
			}
			over = !until.IsZero() && !time.Now().Before(until)
		}
		dst = append(dst, r)
		if bytes += len(r.payload); r.final || over || bytes > takeBytes {
			break
		}
	}
	return dst, false
}

// settle waits until no event is executed that has to be waited for, or ctx is done.
func (e *execution) settle(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.settled.Broadcast()
	})
	defer stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.waiting && ctx.Err() == nil {
		e.settled.Wait()
	}
}

// renderInTurn renders the first of some events, at least one, once there is room for their bytes among the answers under way, and in a
// turn of the reader's, so that many who begin at old cursors don't keep everybody waiting; release gives the room back. It renders nothing where ctx is done first. While it waits for an event, it has no room: others need it.
func (e *execution) renderInTurn(ctx context.Context, client netip.Prefix, events []any) (bytes []rendered, release func()) {
	a := e.group.all.answers
	blocked := false
	for n := int64(2 * takeBytes); ; {
		for a != nil && !a.rendered.acquire(ctx, client, n) {
			if ctx.Err() != nil {
				return nil, func() {}
			}
		}
		done, given := e.group.all.takeTurn(ctx)
		if given == nil {
			bytes, blocked = e.render(nil, events, blocked, time.Now().Add(passTime))
			done()
		}
		if len(bytes) == 0 {
			if a != nil {
				a.rendered.release(client, n)
			}
			if e.settle(ctx); ctx.Err() != nil {
				return nil, func() {}
			}
			continue
		}
		if a == nil {
			return bytes, func() {}
		}
		length := int64(0)
		for _, r := range bytes {
			length += int64(len(r.payload))
		}
		if length <= n {
			return bytes, func() { a.rendered.release(client, n) }
		}
		// The bytes are dropped while it waits for more room: holding them would take memory that is not counted.
		bytes = nil
		a.rendered.release(client, n)
		n = length
	}
}

// takeTurn waits for a turn to render.
func (g *groups) takeTurn(ctx context.Context) (done func(), err error) {
	if g.rendering == nil {
		return func() {}, nil
	}
	return g.rendering(ctx)
}

// executeLocked executes an event; ok is false where it has to be waited for. mu is held.
func (e *execution) executeLocked(event any) (r rendered, ok bool) {
	if e.waiting {
		return r, false
	}
	e.operation.noWait.refused.Store(false)
	made := e.group.topic.replaced()
	r = e.execute(e.operation.ctxNoWait, event)
	if e.operation.noWait.refused.Load() {
		e.waiting = true
		e.group.all.run(func() { e.executeLate(event) })
		return r, false
	}
	e.keep(event, r, made)
	return r, true
}

// executeLate executes an event that has to be waited for, however long the store takes: an event that is told with a part that can't be
// read now would be taken for one without that part.
func (e *execution) executeLate(event any) {
	var made int64
	var r rendered
	for try := 1; ; try++ {
		made = e.group.topic.replaced()
		r = e.group.all.answers.inTurn(e.operation.ctx, e.operation.op, func() rendered { return e.execute(e.operation.ctx, event) })
		if !r.passing || !retryRead.Pause(try, e.operation.base.Done()) {
			break
		}
	}
	e.mu.Lock()
	e.waiting = false
	before := cap(e.late.rendered.payload)
	e.late = lateEvent{event, r}
	e.rendered.count(cap(r.payload)-before, e.ended())
	e.keep(event, r, made)
	e.settled.Broadcast()
	e.mu.Unlock()
	e.group.wake()
}

// execute turns a panic into an error where gqlgen does not; on this goroutine it would end the process.
func (e *execution) execute(ctx context.Context, event any) (r rendered) {
	defer func() {
		if cause := recover(); cause != nil {
			r = newRendered(&graphql.Response{Errors: gqlerror.List{gqlerr.OfPanic(e.operation.ctx, e.operation.exec, cause)}})
		}
	}()
	if err := e.group.topic.gap(event); err != nil {
		return newRendered(e.operation.exec.DispatchError(e.operation.ctx, gqlerror.List{gqlerror.WrapPath(nil, err)}))
	}
	if !e.operation.push(event) {
		return rendered{final: true} // the last member has left
	}
	response := e.operation.responses(ctx)
	switch {
	case response == nil || len(response.Data) <= keptBuffer:
		return newRendered(response)
	case e.ended():
		return rendered{final: true} // nobody is there to take it
	}
	e.operation.dispatch(e.group.topic)
	return takeRendered(response)
}

// ended says whether the group has ended; nothing is counted to its budget any more then.
func (e *execution) ended() bool { return e.operation.base.Err() != nil }

// dropReplaced drops all kept bytes where an event was replaced since they were made: those of the event itself, and those of
// others that show it, as an entry shows the one that it answers. mu is held.
func (e *execution) dropReplaced() {
	if made := e.group.topic.replaced(); e.rendered.made != made {
		e.rendered.made = made
		e.late = lateEvent{}
		e.rendered.clear()
	}
}

// keep keeps the bytes of an event where other readers may ask for it, unless an event was replaced since they were made. mu is
// held.
func (e *execution) keep(event any, r rendered, made int64) {
	if r.final || r.failed || e.group.members.Load() < 2 || made != e.group.topic.replaced() || made != e.rendered.made {
		return
	}
	e.rendered.add(event, r, e.ended())
}

// GiveWay drops the kept events; they are executed again when a reader asks.
func (e *execution) GiveWay(bool) {
	if !e.mu.TryLock() {
		return
	}
	defer e.mu.Unlock()
	e.late = lateEvent{}
	e.rendered.clear()
}
