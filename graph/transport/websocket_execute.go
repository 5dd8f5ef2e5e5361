package transport

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
	"chattok/graph/transport/jsonbody"
)

// workQueue takes the operations from the queue, one after the other.
func (s *socket) workQueue() {
	for {
		op, payload, ctx, cancel, wanted := s.ops.next()
		switch {
		case op == nil:
			return
		case wanted:
			s.start(ctx, cancel, op, payload)
		default:
			cancel()
		}
		s.release(op.room)
	}
}

// start runs a query or mutation to its end, and begins a subscription.
func (s *socket) start(ctx context.Context, cancel context.CancelFunc, op *operation, payload []byte) {
	defer s.recover(ctx, op)
	if ctx.Err() != nil {
		s.ops.finish(op)
		return
	}
	ctx = graphql.StartOperationTrace(ctx)
	done, given := s.streams.config.Decode.wait(ctx, len(payload))
	if given != nil {
		s.ops.finish(op)
		return
	}
	params, err := jsonbody.Decode(payload)
	done()
	switch {
	case err == nil:
	case err.Extensions["reason"] == gqlerr.ReasonInvalidText: // the message is valid, a text of the user is not
		s.endWith(op, gqlerror.List{err})
		return
	default:
		s.close(CloseBadRequest, err.Message)
		return
	}
	opCtx, errs := s.exec.CreateOperationContext(ctx, params)
	if len(errs) > 0 {
		s.streams.config.Answered.tell(opCtx, errs)
		s.endWith(op, s.exec.DispatchError(graphql.WithOperationContext(ctx, opCtx), gqlerr.Cap(errs)).Errors)
		return
	}
	if s.share(ctx, op, opCtx) {
		cancel() // the group's execution has a context of its own
		return
	}
	ctx, hold := s.streams.config.Answers.reserve(ctx, s.client)
	if opCtx.Operation.Operation == ast.Subscription {
		responses, ctx := s.exec.DispatchOperation(ctx, opCtx)
		s.streams.subscriptions.Add(1)
		s.work.Go(func() {
			defer s.streams.subscriptions.Add(-1)
			s.follow(ctx, op, s.streams.config.Answered.tellFirst(opCtx, responses))
		})
		return
	}
	defer hold.release()
	response := dispatch(ctx, s.exec, opCtx, s.streams.config.Begin, s.streams.config.Answered)
	hold.executed()
	if s.ops.finish(op) && response != nil {
		_ = s.out.sendResponse(s.protocol.next, op.id, response)
		_ = s.out.send("complete", op.id, nil)
	}
}

// share makes a subscription a member of the group with the same selection, and says whether it did.
func (s *socket) share(ctx context.Context, op *operation, opCtx *graphql.OperationContext) bool {
	place, _ := s.streams.place(ctx, opCtx, s.client, "")
	topic := place.topic
	if topic == nil {
		return false
	}
	first, after := topic.start()
	m := &member{socket: s, op: op, after: after, prefix: appendMessagePrefix(nil, s.protocol.next, op.id)}
	if err := s.streams.groups.join(&m.membership, s.exec, opCtx, place); err != nil {
		errs := s.exec.DispatchError(graphql.WithOperationContext(ctx, opCtx), gqlerror.List{gqlerror.WrapPath(nil, err)}).Errors
		s.streams.config.Answered.tell(opCtx, errs)
		s.endWith(op, errs)
		return true
	}
	s.streams.config.Answered.tell(opCtx, nil)
	s.streams.subscriptions.Add(1)
	wanted := s.ops.join(op, m)
	switch {
	case !wanted:
		m.leave()
	case len(first) == 0 && after >= topic.newest():
		m.group.goLive(m)
	default:
		s.streams.running.Go(func() { m.catchUp(first) })
	}
	return true
}

// follow sends a subscription's events until it ends. A response of errors alone ends it: the subscription could not
// begin, or an event could not be executed, which must not be skipped.
func (s *socket) follow(ctx context.Context, op *operation, responses graphql.ResponseHandler) {
	defer s.recover(ctx, op)
	for {
		response := responses(ctx)
		switch {
		case response == nil:
			ended := ctx.Err() == nil // it ended by itself; a socket that is closed must not look like that
			if s.ops.finish(op) && ended {
				_ = s.out.send("complete", op.id, nil)
			}
			return
		case nothingBut(response):
			s.endWith(op, response.Errors)
			return
		}
		if ctx.Err() != nil || s.out.sendResponse(s.protocol.next, op.id, response) != nil {
			s.ops.finish(op)
			return
		}
		s.streams.counts.deliveries.Add(1)
	}
}

// recover ends an operation whose execution panicked where gqlgen does not recover.
func (s *socket) recover(ctx context.Context, op *operation) {
	if cause := recover(); cause != nil {
		s.endWith(op, gqlerror.List{gqlerr.OfPanic(ctx, s.exec, cause)})
	}
}

// endWith ends an operation by an error message, the last message for its id.
func (s *socket) endWith(op *operation, errs gqlerror.List) {
	if s.ops.finish(op) {
		_ = s.sendErrors(op.id, errs)
	}
}

func (s *socket) sendErrors(id string, errs gqlerror.List) error {
	return s.out.send("error", id, gqlerr.AppendList(nil, errs))
}
