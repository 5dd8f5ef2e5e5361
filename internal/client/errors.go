package client

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Error is a failure that the server answered with.
type Error struct {
	Code    string // such as NOT_FOUND; empty where the answer was none of the API's
	Reason  string // tells causes of one code apart; empty for none
	Message string // for people
	// RetryAfter is after how long the same operation may succeed; 0 where the server does not say.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	if e.Reason != "" {
		return fmt.Sprintf("%s (%s %s)", e.Message, e.Code, e.Reason)
	}
	if e.Code != "" {
		return fmt.Sprintf("%s (%s)", e.Message, e.Code)
	}
	return e.Message
}

// ErrUnreachable is wrapped by errors of connections that could not be made, or broke before the answer was there.
var ErrUnreachable = errors.New("the server does not answer")

// CodeOf returns the code of an Error that err wraps; empty where there is none.
func CodeOf(err error) string {
	var answered *Error
	if errors.As(err, &answered) {
		return answered.Code
	}
	return ""
}

// mayPass says whether the same operation may succeed later. A certificate that is not to be trusted stays so.
func mayPass(err error) bool {
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return false
	}
	code := CodeOf(err)
	return errors.Is(err, ErrUnreachable) || code == "UNAVAILABLE" || code == "RATE_LIMITED"
}

// answer is a GraphQL response.
type answer struct {
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Extensions struct {
			Code, Reason string
			RetryAfterMs int64
		}
	}
}

// err returns the first of the answer's errors; nil for none.
func (a *answer) err() error {
	if len(a.Errors) == 0 {
		return nil
	}
	first := a.Errors[0]
	return &Error{Code: first.Extensions.Code, Reason: first.Extensions.Reason, Message: first.Message,
		RetryAfter: time.Duration(first.Extensions.RetryAfterMs) * time.Millisecond}
}
