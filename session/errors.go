package session

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of failure an Error is. It is what clients see in extensions.code.
type Code string

const (
	CodeUnauthenticated Code = "UNAUTHENTICATED" // no identity, or one that is refused or has ended
	CodeForbidden       Code = "FORBIDDEN"       // known, but not allowed
	CodeNotFound        Code = "NOT_FOUND"       // no such thing in the caller's sight
	CodeBadUserInput    Code = "BAD_USER_INPUT"  // an argument breaks its limits
	CodeRateLimited     Code = "RATE_LIMITED"    // too many of something; later may work
	CodeUnavailable     Code = "UNAVAILABLE"     // the store or the bus can't take it now; safe to retry with a key
	CodeInternal        Code = "INTERNAL"        // ours; the cause is in the log only
)

// Reasons tell apart the causes of one code. They are what clients see in extensions.reason.
const (
	ReasonIdempotencyConflict = "IDEMPOTENCY_CONFLICT" // the key was used with another body
	ReasonCursorMismatch      = "CURSOR_MISMATCH"      // the cursor is not one of this log
	ReasonConnectionDestroyed = "CONNECTION_DESTROYED" // the access token's connection has ended
	ReasonStayEnded           = "STAY_ENDED"           // the connection is as old as one may become
	ReasonTooManyStreams      = "TOO_MANY_STREAMS"     // the connection publishes as many as it may
	ReasonTooManyConnections  = "TOO_MANY_CONNECTIONS" // the session, the token or the address has as many as it may
	ReasonTooManySelections   = "TOO_MANY_SELECTIONS"  // the caller's subscriptions select as many different things as they may
	ReasonSessionFull         = "SESSION_FULL"         // the session's entries take as many bytes as they may
)

// Error is a failure with two audiences: Code, Reason and Message are for the caller, Err is for the log alone.
type Error struct {
	Code    Code
	Reason  string // empty where the code says it all
	Message string // names the argument and its limit; safe to show
	// RetryAfter says of a RATE_LIMITED when the same may work; zero where that is not known.
	RetryAfter time.Duration
	Err        error // the cause; never shown
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error with a message that is safe to show.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithReason returns e with a reason set.
func (e *Error) WithReason(reason string) *Error {
	e.Reason = reason
	return e
}

// WithRetryAfter returns e with the time set after which the same may work.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// Unavailable wraps a failure of the store or the bus that may pass.
func Unavailable(err error) *Error {
	return &Error{Code: CodeUnavailable, Message: "the server can't do this right now; try again", Err: err}
}

// CodeOf returns the code of err: CodeInternal for one that is no Error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
