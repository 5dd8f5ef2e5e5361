package graph

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/edge"
	"chattok/graph/transport/gqlerr"
	"chattok/session"
)

// timeLayout is that of the scalar Time.
const timeLayout = "2006-01-02T15:04:05.000Z"

// present returns an error as its caller may see it: with the domain's code, reason and message. Every other error is
// INTERNAL, with a fixed message and the request's id, under which its cause is logged.
func present(ctx context.Context, err error) *gqlerror.Error {
	shown := &gqlerror.Error{Err: err, Path: graphql.GetPath(ctx), Extensions: map[string]any{}}
	var ours *session.Error
	var field *gqlerror.Error
	switch {
	case errors.As(err, &ours):
	case errors.As(err, &field) && field.Extensions["code"] != nil: // an error of parsing, validation or an extension of ours
		return field
	case isArgument(ctx), isIntrospection(ctx), graphql.GetFieldContext(ctx) == nil && errors.As(err, &field) && field.Err == nil:
		ours = session.Errorf(session.CodeBadUserInput, "%s", messageOf(err))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		ours = session.Errorf(session.CodeUnavailable, "the request was given up before it was answered")
	default:
		ours = &session.Error{Code: session.CodeInternal, Message: "internal error", Err: err}
	}
	shown.Message = ours.Message + credentialHints[ours.Needs]
	shown.Extensions["code"] = string(ours.Code)
	if ours.Reason != "" {
		shown.Extensions["reason"] = ours.Reason
	}
	if ours.RetryAfter > 0 {
		shown.Extensions[gqlerr.RetryAfterMs] = (ours.RetryAfter + time.Millisecond - 1).Milliseconds()
	}
	if !ours.Until.IsZero() {
		shown.Extensions["until"] = ours.Until.UTC().Format(timeLayout)
	}
	if ours.FirstCursor != "" {
		shown.Extensions["firstCursor"] = ours.FirstCursor
	}
	if ours.Code == session.CodeInternal {
		shown.Message = "internal error"
		shown.Extensions["requestId"] = requestID(ctx)
	}
	return shown
}

// credentialHints tell a client how to get and send the credential that an operation needs. The domain knows no
// transport.
var credentialHints = map[session.Credential]string{
	session.NeedsAccessToken: ": call connect with a session token, and send its accessToken as \"Authorization: Bearer …\"",
	session.NeedsConnection:  ": call connect(sessionId: \"lobby\"), and send its accessToken as \"Authorization: Bearer …\"",
	session.NeedsAPISecret:   ": send it as \"Authorization: Bearer …\"",
}

// requestID returns the id of the request or upgrade that an operation came with. An execution that is shared belongs
// to no request and gets a new id.
func requestID(ctx context.Context) string {
	return cmp.Or(edge.RequestID(ctx), rand.Text())
}

// isArgument says whether an error comes from reading a field's arguments, before the resolver is called. The message
// is then that of the scalar which refused a value, and safe to show. gqlgen puts a path on all its errors, so
// nothing else tells these apart.
func isArgument(ctx context.Context) bool {
	f := graphql.GetFieldContext(ctx)
	return f != nil && f.Args == nil && f.Field.Field != nil && f.Field.Definition != nil && len(f.Field.Definition.Arguments) > 0
}

// isIntrospection says whether an error comes from a field of gqlgen's own, which fails where introspection is off.
func isIntrospection(ctx context.Context) bool {
	f := graphql.GetFieldContext(ctx)
	return f != nil && f.Field.Field != nil && (f.Field.Name == "__schema" || f.Field.Name == "__type")
}

func messageOf(err error) string {
	var field *gqlerror.Error
	if errors.As(err, &field) {
		return field.Message
	}
	return err.Error()
}

// presenter is gqlgen's error presenter. It logs errors of the server itself; nothing else does.
func presenter(log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		shown := present(ctx, err)
		var ours *session.Error
		code, _ := shown.Extensions["code"].(string)
		internal := code == string(session.CodeInternal)
		if errors.As(err, &ours) && ours.Err != nil || internal {
			level := slog.LevelWarn
			switch {
			case internal:
				level = slog.LevelError
			case ctx.Err() != nil:
				level = slog.LevelDebug // the client has gone, or closed its socket
			}
			request := edge.RequestID(ctx)
			if id, ok := shown.Extensions["requestId"].(string); ok {
				request = id
			}
			log.Log(ctx, level, "an operation failed", "code", code, "error", err, "path", shown.Path.String(), "request", request)
		}
		return shown
	}
}

// recoverer is gqlgen's recover function: a panic becomes INTERNAL, and its stack is logged.
func recoverer(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, cause any) error {
		log.ErrorContext(ctx, "a resolver panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()), "request", edge.RequestID(ctx))
		return &session.Error{Code: session.CodeInternal, Message: "internal error"}
	}
}
