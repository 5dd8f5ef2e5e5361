package transport

import (
	"context"
	"errors"

	"chattok/session"
)

// Authenticate returns ctx with the caller that this Authorization value identifies; "" is a value too. Errors:
// UNAUTHENTICATED, UNAVAILABLE.
type Authenticate func(ctx context.Context, authorization string) (context.Context, error)

// Attach notes that a socket or stream of ctx's caller is open, so that its connection lives, until detach is called.
// onEnd is called where the connection ends first, once at most. Errors: UNAUTHENTICATED, UNAVAILABLE.
type Attach func(ctx context.Context, onEnd func(*session.Error)) (detach func(), err error)

// reasonTokenInvalid is the reason of an UNAUTHENTICATED for a token that is refused: token.ReasonInvalid, of a package that transports
// do not know.
const reasonTokenInvalid = "TOKEN_INVALID"

func tokensDiffer() *session.Error {
	return session.Errorf(session.CodeUnauthenticated, "two tokens were sent that differ: send one, in the upgrade's Authorization or in connection_init").
		WithReason(reasonTokenInvalid)
}

// asError returns err as an error of the domain; any other error is INTERNAL.
func asError(err error) *session.Error {
	if e, ok := errors.AsType[*session.Error](err); ok {
		return e
	}
	return &session.Error{Code: session.CodeInternal, Message: "internal error", Err: err}
}
