package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// maxOperationIDBytes bounds an operation's id, which comes with each of its messages.
const maxOperationIDBytes = 128

// operation is one that a client sent and that has not ended. Its fields below id are guarded by socket.mu.
type operation struct {
	id      string
	payload []byte             // until it begins
	cancel  context.CancelFunc // while it runs on its own
	member  *member            // of a group, where its execution is shared
}

// over says whether the client has been told that the operation ended, or is just being told, so that its id is free.
func (op *operation) over() bool { return op.member != nil && op.member.over.Load() }

// forget takes an operation out, and returns what gives up all that it holds; nil for one that is not there any more.
// mu is held, but must not be when end is called.
func (s *socket) forget(op *operation) (end func()) {
	if op == nil || s.operations[op.id] != op {
		return nil
	}
	delete(s.operations, op.id)
	cancel, m := op.cancel, op.member
	return func() {
		if cancel != nil {
			cancel()
		}
		if m != nil {
			m.leave()
		}
	}
}

// handle does what a message asks; the error ends the socket.
func (s *socket) handle(raw []byte) error {
	m, why := parseMessage(raw)
	if why != "" {
		return s.fail(CloseBadRequest, why)
	}
	switch {
	case m.Type == "connection_init":
		return s.init(m)
	case m.Type == "ping" && s.protocol == modern:
		_ = s.send("pong", "", m.Payload)
		return nil
	case m.Type == "pong" && s.protocol == modern:
		return nil
	case m.Type == s.protocol.subscribe:
		return s.subscribe(m)
	case m.Type == s.protocol.complete:
		s.complete(m.ID)
		return nil
	case m.Type == "connection_terminate" && s.protocol.terminates:
		return s.fail(CloseNormal, "")
	}
	return s.fail(CloseBadRequest, "unknown message type")
}

// init looks at connection_init, on a goroutine of its own, so that a second one is seen while it does.
func (s *socket) init(m message) error {
	s.mu.Lock()
	first := s.state == opened
	if first {
		s.state = initialising
	}
	s.mu.Unlock()
	if !first {
		return s.fail(CloseTooManyInits, "connection_init comes once")
	}
	s.streams.initialised(s)
	values, ok := initPayload(m.Payload)
	if !ok {
		return s.fail(CloseBadRequest, "connection_init's payload must be an object, and a token in it a string")
	}
	values = append(values, s.upgraded...)
	s.upgraded = nil
	timer := s.initTimer
	s.initTimer = nil
	if !timer.Stop() {
		s.drain(0) // too late: its function closes the socket, and what it says must get through
		return errClosed
	}
	s.work.Go(func() { s.acknowledge(values) })
	return nil
}

// acknowledge identifies the client by what it sent, at the upgrade and in connection_init, which must be one and the same.
func (s *socket) acknowledge(values []string) {
	ctx, err := s.ctx, error(tokensDiffer())
	if authorization, ok := oneAuthorization(values); ok {
		ctx, err = s.streams.config.Authenticate(s.ctx, authorization)
	}
	var detach func()
	if err == nil {
		detach, err = s.streams.config.Attach(ctx, s.ended)
	}
	if err != nil {
		if s.ctx.Err() == nil {
			s.refuse(err)
		}
		return
	}
	s.mu.Lock()
	s.ctx = ctx
	s.detach = detach
	s.state = acknowledged
	s.working = true // what comes, or has come, waits until the ack is on its way
	s.mu.Unlock()
	_ = s.send("connection_ack", "", nil)
	if s.protocol.keepAlive {
		s.keptAlive.Store(s.streams.awake.Load())
		_ = s.send("ka", "", nil)
	}
	s.workQueue()
}

func (s *socket) refuse(err error) {
	code, reason := closeFor(err)
	if s.protocol.refuseInit {
		e := asError(err)
		payload, _ := json.Marshal(newError(e.Code, e.Reason, e.Message))
		_ = s.send("connection_error", "", payload)
	}
	s.close(code, reason)
}

// subscribe takes an operation in.
func (s *socket) subscribe(m message) error {
	if m.ID == "" {
		return s.fail(CloseBadRequest, "an operation needs an id")
	}
	if len(m.ID) > maxOperationIDBytes {
		return s.fail(CloseBadRequest, fmt.Sprintf("an operation's id must be at most %d bytes", maxOperationIDBytes))
	}
	s.mu.Lock()
	if s.state != acknowledged && !(s.protocol.early && s.state == initialising) {
		s.mu.Unlock()
		return s.fail(CloseUnauthorized, "connection_init comes first, and its connection_ack")
	}
	before := s.operations[m.ID]
	if before != nil && !before.over() {
		s.mu.Unlock()
		return s.fail(CloseDuplicateID, "an operation with id "+m.ID+" is under way")
	}
	if s.stopping {
		s.mu.Unlock()
		return nil // the close that follows says come back
	}
	full := max(len(s.operations), len(s.queue)) >= s.streams.config.MaxOperations
	if full || s.queued+len(m.Payload) > s.streams.config.MaxMessageBytes+maxInitBytes {
		s.mu.Unlock()
		_ = s.sendErrors(m.ID, gqlerror.List{tooMany("too many operations are under way on this socket", time.Second)})
		return nil
	}
	end := s.forget(before)
	op := &operation{id: m.ID, payload: m.Payload}
	s.operations[m.ID] = op
	s.queue = append(s.queue, op)
	s.queued += len(op.payload)
	start := !s.working && s.state == acknowledged
	s.working = s.working || start
	s.mu.Unlock()
	if end != nil {
		end()
	}
	if start {
		s.work.Go(s.workQueue)
	}
	return nil
}

// complete cancels an operation at the client's wish.
func (s *socket) complete(id string) {
	s.mu.Lock()
	end := s.forget(s.operations[id])
	s.mu.Unlock()
	if end != nil {
		end()
	}
}

// leaveAll ends every operation, save the one that is being run where that is to have its answer.
func (s *socket) leaveAll(saveCurrent bool) {
	s.mu.Lock()
	var ends []func()
	for _, op := range slices.Collect(maps.Values(s.operations)) {
		if saveCurrent && op == s.current {
			continue
		}
		if end := s.forget(op); end != nil {
			ends = append(ends, end)
		}
	}
	s.mu.Unlock()
	for _, end := range ends {
		end()
	}
}

// share makes a subscription a member of the group that selects the same, and says whether it did.
func (s *socket) share(ctx context.Context, op *operation, opCtx *graphql.OperationContext) bool {
	place, _ := s.streams.place(ctx, opCtx, s.client, "")
	topic := place.topic
	if topic == nil {
		return false
	}
	m := &member{socket: s, op: op, after: topic.after, prefix: appendMessagePrefix(nil, s.protocol.next, op.id)}
	if err := s.streams.groups.join(&m.membership, s.exec, opCtx, place); err != nil {
		s.endWith(op, s.exec.DispatchError(graphql.WithOperationContext(ctx, opCtx), gqlerror.List{gqlerror.WrapPath(nil, err)}).Errors)
		return true
	}
	s.streams.subscriptions.Add(1)
	s.mu.Lock()
	wanted := s.operations[op.id] == op
	if wanted {
		op.member = m
		op.cancel = nil // the caller's to call
	}
	s.mu.Unlock()
	switch {
	case !wanted:
		m.leave()
	case len(topic.first) == 0 && topic.after >= topic.newest():
		m.group.live(m)
	default:
		s.streams.running.Go(func() { m.catchUp(topic.first) })
	}
	return true
}

// finish forgets an operation and says whether the client still waits for it.
func (s *socket) finish(op *operation) (wanted bool) {
	s.mu.Lock()
	end := s.forget(op)
	s.mu.Unlock()
	if end == nil {
		return false
	}
	end()
	return true
}

// workQueue takes the operations from the queue, one after the other.
func (s *socket) workQueue() {
	for {
		s.mu.Lock()
		s.current = nil
		if len(s.queue) == 0 {
			s.working = false
			s.mu.Unlock()
			return
		}
		op := s.queue[0]
		s.queue[0] = nil
		if s.queue = s.queue[1:]; len(s.queue) == 0 {
			s.queue = nil
		}
		payload := op.payload
		op.payload = nil
		s.queued -= len(payload)
		ctx, cancel := context.WithCancel(s.ctx)
		wanted := s.operations[op.id] == op
		op.cancel = cancel
		s.current = op
		s.mu.Unlock()
		if wanted {
			s.start(ctx, cancel, op, payload)
		} else {
			cancel()
		}
	}
}

// start runs a query or mutation to its end, and begins a subscription.
func (s *socket) start(ctx context.Context, cancel context.CancelFunc, op *operation, payload []byte) {
	defer s.recover(ctx, op)
	if ctx.Err() != nil {
		s.finish(op)
		return
	}
	ctx = graphql.StartOperationTrace(ctx)
	done, given := s.streams.config.Decode.wait(ctx, len(payload))
	if given != nil {
		s.finish(op)
		return
	}
	params, err := decodeParams(payload)
	done()
	switch {
	case err == nil:
	case err.Extensions["reason"] == ReasonInvalidText: // the message is in order, what the user wrote is not
		s.endWith(op, gqlerror.List{err})
		return
	default:
		s.close(CloseBadRequest, err.Message)
		return
	}
	opCtx, errs := s.exec.CreateOperationContext(ctx, params)
	if len(errs) > 0 {
		s.endWith(op, s.exec.DispatchError(graphql.WithOperationContext(ctx, opCtx), CapErrors(errs)).Errors)
		return
	}
	if s.share(ctx, op, opCtx) {
		cancel() // the group's execution has a context of its own
		return
	}
	ctx, hold := s.streams.config.Answers.holding(ctx, s.client)
	responses, ctx := s.exec.DispatchOperation(ctx, opCtx)
	if opCtx.Operation.Operation == ast.Subscription {
		s.streams.subscriptions.Add(1)
		s.work.Go(func() {
			defer s.streams.subscriptions.Add(-1)
			s.follow(ctx, op, responses)
		})
		return
	}
	defer hold.release()
	response := responses(ctx)
	if s.finish(op) && response != nil {
		_ = s.sendResponse(op.id, response)
		_ = s.send("complete", op.id, nil)
	}
}

// follow sends a subscription's events until it ends. A response that is nothing but errors ends it: it could not begin,
// or an event could not be executed, which must not be passed over.
func (s *socket) follow(ctx context.Context, op *operation, responses graphql.ResponseHandler) {
	defer s.recover(ctx, op)
	for {
		response := responses(ctx)
		switch {
		case response == nil:
			ended := ctx.Err() == nil // of itself: a socket that is closed must not look like a stream that is over
			if s.finish(op) && ended {
				_ = s.send("complete", op.id, nil)
			}
			return
		case nothingBut(response):
			s.endWith(op, response.Errors)
			return
		}
		if ctx.Err() != nil || s.sendResponse(op.id, response) != nil {
			s.finish(op)
			return
		}
	}
}

// recover ends an operation whose execution panicked where gqlgen does not look.
func (s *socket) recover(ctx context.Context, op *operation) {
	if cause := recover(); cause != nil {
		s.endWith(op, gqlerror.List{presentPanic(ctx, s.exec, cause)})
	}
}

// endWith ends an operation by an error message, after which nothing comes for its id.
func (s *socket) endWith(op *operation, errs gqlerror.List) {
	if s.finish(op) {
		_ = s.sendErrors(op.id, errs)
	}
}

func (s *socket) sendErrors(id string, errs gqlerror.List) error {
	return s.send("error", id, AppendErrors(nil, errs))
}
