package transport

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
	"chattok/session"
)

// Answered is called once for each operation: with its errors when a query or a mutation is answered, and when a subscription has
// begun or could not begin. op is nil, or has no Operation, where there is no document. It must not block.
type Answered func(op *graphql.OperationContext, errs gqlerror.List)

// Begin is called before a query or mutation is executed. It returns the context to execute it in, and a function that is called with
// its errors when it is answered; errs is the error of a client that gave up.
type Begin func(ctx context.Context, op *graphql.OperationContext) (inner context.Context, end func(errs gqlerror.List))

// dispatch executes a query or a mutation and returns its response; nil where the client gave up before there was one.
func dispatch(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext, begin Begin, answered Answered) *graphql.Response {
	var end func(gqlerror.List)
	if begin != nil {
		ctx, end = begin(ctx, op)
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	response := responses(ctx)
	answered.tellOf(op, response)
	switch {
	case end == nil:
	case response == nil:
		end(gqlerror.List{errGivenUp})
	default:
		end(response.Errors)
	}
	return response
}

// errGivenUp is the error of an operation whose client did not wait for its answer.
var errGivenUp = gqlerr.New(session.CodeUnavailable, "", "the request was given up")

// tell calls a, where there is one.
func (a Answered) tell(op *graphql.OperationContext, errs gqlerror.List) {
	if a != nil {
		a(op, errs)
	}
}

// tellOf is tell with the errors of a response; nil stands for a client that gave up before there was one, which is not told.
func (a Answered) tellOf(op *graphql.OperationContext, response *graphql.Response) {
	if a != nil && response != nil {
		a(op, response.Errors)
	}
}

// tellFirst returns responses so that its first call tells: a subscription that runs by itself has begun with its first event.
func (a Answered) tellFirst(op *graphql.OperationContext, responses graphql.ResponseHandler) graphql.ResponseHandler {
	if a == nil {
		return responses
	}
	told := false
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if !told {
			told = true
			a.tellOf(op, response)
		}
		return response
	}
}

// Codes of sockets that closed otherwise than by a code of CloseCode.
const (
	closedByOther = "other" // by a code that the client chose
	closedSilent  = "none"  // without a close frame of the server's
)

// closeCodes are the codes that sockets are counted by.
var closeCodes = [...]CloseCode{CloseNormal, closeGoingAway, CloseProtocol, CloseTooBig, CloseRestart, CloseTryLater, CloseBadRequest,
	CloseUnauthorized, CloseForbidden, CloseInitTimeout, CloseDuplicateID, CloseTooManyInits}

// closeGoingAway is what browsers send when their page goes, and get back.
const closeGoingAway CloseCode = 1001

// counts are figures that only grow.
type counts struct {
	deliveries atomic.Int64
	cutOff     atomic.Int64
	closed     [len(closeCodes)]atomic.Int64
	other      atomic.Int64
	silent     atomic.Int64
}

// tookTooLong says whether a write failed since its reader did not take it in time: by the write deadline, or by the kernel's own, which
// limitSilence sets.
func tookTooLong(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT)
}

// close counts a close frame.
func (c *counts) close(code CloseCode) {
	for i, known := range closeCodes {
		if known == code {
			c.closed[i].Add(1)
			return
		}
	}
	c.other.Add(1)
}

// Deliveries returns how many events were written to subscribers since the start: one event that a thousand get counts a thousand.
func (t *Streams) Deliveries() int64 { return t.counts.deliveries.Load() }

// CutOff returns how many sockets and streams were ended since the start because their clients took too little of what was written.
func (t *Streams) CutOff() int64 { return t.counts.cutOff.Load() }

// Closed returns how many WebSockets ended since the start, by the code of the server's close frame: each of CloseCode, "other" for
// those that clients chose, and "none" where none was sent.
func (t *Streams) Closed() map[string]int64 {
	closed := map[string]int64{closedByOther: t.counts.other.Load(), closedSilent: t.counts.silent.Load()}
	for i, code := range closeCodes {
		closed[strconv.Itoa(int(code))] = t.counts.closed[i].Load()
	}
	return closed
}
