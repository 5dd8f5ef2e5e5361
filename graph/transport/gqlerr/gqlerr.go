// Package gqlerr makes the errors that GraphQL clients read, with a message and with a code and a reason in extensions,
// and writes lists of them. It knows no operation and no transport.
package gqlerr

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// Reasons of a BAD_USER_INPUT that a request gets before its operation is looked at, in extensions.reason.
const (
	ReasonMalformedRequest = "MALFORMED_REQUEST" // the body or a parameter is not JSON, or not of the kind it must be
	ReasonInvalidText      = "INVALID_TEXT"      // invalid UTF-8, or a lone surrogate escape
	ReasonTooLarge         = "REQUEST_TOO_LARGE" // a body, query string or message is longer than it may be
)

// RetryAfterMs names the extension of a RATE_LIMITED error that says after how many milliseconds the same request may
// succeed.
const RetryAfterMs = "retryAfterMs"

// Limits of the error list in a response.
const (
	MaxErrors       = 10
	MaxMessageBytes = 300
)

// New makes an error; reason may be empty.
func New(code session.Code, reason, message string) *gqlerror.Error {
	extensions := map[string]any{"code": string(code)}
	if reason != "" {
		extensions["reason"] = reason
	}
	return &gqlerror.Error{Message: message, Extensions: extensions}
}

// Malformed is BAD_USER_INPUT with ReasonMalformedRequest.
func Malformed(message string) *gqlerror.Error {
	return New(session.CodeBadUserInput, ReasonMalformedRequest, message)
}

// InvalidText is BAD_USER_INPUT with ReasonInvalidText.
func InvalidText(message string) *gqlerror.Error {
	return New(session.CodeBadUserInput, ReasonInvalidText, message)
}

// TooLarge is BAD_USER_INPUT with ReasonTooLarge, for a part of a request that is longer than limit bytes.
func TooLarge(part string, limit int64) *gqlerror.Error {
	return New(session.CodeBadUserInput, ReasonTooLarge, fmt.Sprintf("%s must be at most %d bytes", part, limit))
}

// TooMany is RATE_LIMITED, for a request that may be sent again after a time.
func TooMany(message string, retryAfter time.Duration) *gqlerror.Error {
	err := New(session.CodeRateLimited, "", message)
	err.Extensions[RetryAfterMs] = retryAfter.Milliseconds()
	return err
}

// OfPanic turns a panic into an error, by the recover function and error presenter of exec where it has them.
func OfPanic(ctx context.Context, exec graphql.GraphExecutor, cause any) *gqlerror.Error {
	presenter, ok := exec.(interface {
		PresentRecoveredError(ctx context.Context, cause any) error
	})
	if ok {
		if err, ok := presenter.PresentRecoveredError(ctx, cause).(*gqlerror.Error); ok && err != nil {
			return err
		}
	}
	return New(session.CodeInternal, "", "internal error")
}

// Cap returns errs with at most MaxErrors errors and with messages of at most MaxMessageBytes bytes. It changes neither
// errs nor the errors in it.
func Cap(errs gqlerror.List) gqlerror.List {
	errs = errs[:min(len(errs), MaxErrors)]
	for i, err := range errs {
		if err != nil && len(err.Message) > MaxMessageBytes {
			capped := make(gqlerror.List, len(errs))
			copy(capped, errs[:i])
			for j, err := range errs[i:] {
				capped[i+j] = capMessage(err)
			}
			return capped
		}
	}
	return errs
}

func capMessage(err *gqlerror.Error) *gqlerror.Error {
	const ellipsis = "…"
	if err == nil || len(err.Message) <= MaxMessageBytes {
		return err
	}
	end := MaxMessageBytes - len(ellipsis)
	for end > 0 && !utf8.RuneStart(err.Message[end]) {
		end--
	}
	capped := *err
	capped.Message = err.Message[:end] + ellipsis
	return &capped
}

// AppendList appends errs, capped by Cap, as a JSON array.
func AppendList(b []byte, errs gqlerror.List) []byte {
	b = append(b, '[')
	for i, err := range Cap(errs) {
		if i > 0 {
			b = append(b, ',')
		}
		encoded, failed := json.Marshal(err)
		if failed != nil {
			// An extension can't be written as JSON; the client still learns that its operation failed.
			encoded, _ = json.Marshal(New(session.CodeInternal, "", "internal error"))
		}
		b = append(b, encoded...)
	}
	return append(b, ']')
}
