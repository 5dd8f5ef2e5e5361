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
	"chattok/graph/transport"
	"chattok/session"
)

// present turns an error into what its caller may see: the domain's code, reason and message. Every other error is
// INTERNAL, with a fixed message and the request's id, under which the log has the cause.
func present(ctx context.Context, err error) *gqlerror.Error {
	shown := &gqlerror.Error{Err: err, Path: graphql.GetPath(ctx), Extensions: map[string]any{}}
	var ours *session.Error
	var field *gqlerror.Error
	switch {
	case errors.As(err, &ours):
	case errors.As(err, &field) && field.Extensions["code"] != nil: // of parsing, validation, or an extension of ours
		return field
	case isArgument(ctx), isIntrospection(ctx), graphql.GetFieldContext(ctx) == nil && errors.As(err, &field) && field.Err == nil:
		ours = session.Errorf(session.CodeBadUserInput, "%s", messageOf(err))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		ours = session.Errorf(session.CodeUnavailable, "the request was given up before it was answered")
	default:
		ours = &session.Error{Code: session.CodeInternal, Message: "internal error", Err: err}
	}
	shown.Message = ours.Message
	shown.Extensions["code"] = string(ours.Code)
	if ours.Reason != "" {
		shown.Extensions["reason"] = ours.Reason
	}
	if ours.RetryAfter > 0 {
		shown.Extensions[transport.RetryAfterMs] = (ours.RetryAfter + time.Millisecond - 1).Milliseconds()
	}
	if ours.Code == session.CodeInternal {
		shown.Message = "internal error"
		shown.Extensions["requestId"] = requestID(ctx)
	}
	return shown
}

// requestID returns the id of the request, or of the upgrade, that an operation came with; a new one where the execution is
// shared by many, and so is nobody's.
func requestID(ctx context.Context) string {
	return cmp.Or(edge.RequestID(ctx), rand.Text())
}

// isArgument says whether what failed is reading a field's arguments, which is done before the resolver is called: the
// text is then of the scalar that refused a value, and safe to show. Other errors of gqlgen's are told from it by
// nothing else, since it puts a path on all of them.
func isArgument(ctx context.Context) bool {
	f := graphql.GetFieldContext(ctx)
	return f != nil && f.Args == nil && f.Field.Field != nil && f.Field.Definition != nil && len(f.Field.Definition.Arguments) > 0
}

// isIntrospection says whether what failed is a field of gqlgen's own, which refuses where introspection is off.
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

// presenter is gqlgen's error presenter. What is the server's own fault is logged here, and nowhere else.
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
				level = slog.LevelDebug // its client has gone, or closed its socket
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

// recoverer is gqlgen's recover function: a panic becomes INTERNAL, and its stack a line in the log.
func recoverer(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, cause any) error {
		log.ErrorContext(ctx, "a resolver panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()), "request", edge.RequestID(ctx))
		return &session.Error{Code: session.CodeInternal, Message: "internal error"}
	}
}
