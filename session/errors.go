package session

import (
	"errors"
	"fmt"
	"time"
)

// Code is the kind of an Error's failure.
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

// Reasons tell apart the causes of one code.
const (
	ReasonIdempotencyConflict = "IDEMPOTENCY_CONFLICT" // the key was used with another body, or for another change
	ReasonCursorMismatch      = "CURSOR_MISMATCH"      // the cursor is not one of this log
	ReasonConnectionDestroyed = "CONNECTION_DESTROYED" // the access token's connection has ended
	ReasonStayEnded           = "STAY_ENDED"           // the connection is as old as it may become
	ReasonTooManyStreams      = "TOO_MANY_STREAMS"     // the connection publishes as many as it may
	ReasonTooManyConnections  = "TOO_MANY_CONNECTIONS" // the session, the token or the address has as many as it may
	ReasonTooManySelections   = "TOO_MANY_SELECTIONS"  // the caller's subscriptions select as many different things as they may
	ReasonTooManyFeeds        = "TOO_MANY_FEEDS"       // the node has as many readers of the feed as it may
	ReasonSessionFull         = "SESSION_FULL"         // the session's entries take as many bytes as they may
	ReasonDataFixed           = "DATA_FIXED"           // the connection's data is its session token's
	ReasonEntryDeleted        = "ENTRY_DELETED"        // the entry is deleted
	ReasonEditWindow          = "EDIT_WINDOW"          // the entry is older than may be edited
	ReasonTooManyReactions    = "TOO_MANY_REACTIONS"   // the entry has as many reactions of different names as it may
	ReasonNoUser              = "NO_USER"              // the connection has no user
	ReasonSlowMode            = "SLOW_MODE"            // the caller's last entry is too recent for the session's slow mode
	ReasonTooManyWebhooks     = "TOO_MANY_WEBHOOKS"    // there are as many webhooks as there may be
	ReasonBanned              = "BANNED"               // the caller is banned from the session
	ReasonRefused             = "REFUSED"              // the Reviewer refused it; the message is the Reviewer's
	ReasonNotReviewed         = "NOT_REVIEWED"         // the Reviewer could not be asked; later may work
	ReasonReadOnly            = "READ_ONLY"            // the session is read-only, and the caller no moderator
	ReasonSessionDeleted      = "SESSION_DELETED"      // the session was deleted, for good
)

// Credential is a proof of identity that an operation needs. The edge says how a client gets and sends one.
type Credential uint8

const (
	_                Credential = iota
	NeedsAccessToken            // of any connection
	NeedsConnection             // the access token of a connection, where the caller is a guest
	NeedsAPISecret
)

// Error is a failure with two audiences: Code, Reason and Message are for the caller, Err is for the log alone.
type Error struct {
	Code    Code
	Reason  string     // empty where the code says it all
	Message string     // names the argument and its limit; safe to show
	Needs   Credential // that the caller lacks; 0 where the failure is another
	// RetryAfter is when a RATE_LIMITED operation may work again; 0 where that is not known.
	RetryAfter time.Duration
	Until      time.Time // when a ban ends; zero where the failure is another
	// FirstCursor is where the log begins, for a cursor that is older; empty where the failure is another.
	FirstCursor string
	Err         error // the cause; never shown
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

// WithReason sets the reason of e and returns e.
func (e *Error) WithReason(reason string) *Error {
	e.Reason = reason
	return e
}

// WithRetryAfter sets when the same operation may work again, and returns e.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// WithUntil sets when a ban ends, and returns e.
func (e *Error) WithUntil(t time.Time) *Error {
	e.Until = t
	return e
}

// SessionDeletedError is the error for a session that was deleted.
func SessionDeletedError() *Error {
	return Errorf(CodeNotFound, "this session was deleted").WithReason(ReasonSessionDeleted)
}

// Unavailable wraps a failure of the store or the bus that may pass.
func Unavailable(err error) *Error {
	return &Error{Code: CodeUnavailable, Message: "the server can't do this right now; try again", Err: err}
}

// unauthenticated is the error for a caller that has to show a credential.
func unauthenticated(needs Credential, message string) *Error {
	return &Error{Code: CodeUnauthenticated, Message: message, Needs: needs}
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

// errStopping is the error for a call that comes after the service has begun to stop.
func errStopping() *Error { return Errorf(CodeUnavailable, "the server is stopping; try again") }
