package graph

import (
	"context"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport"
	"chattok/session"
)

// Tracer records operations, and when subscribers got what they wrote. Its methods must not block.
type Tracer interface {
	// Begin begins the span of an operation of this kind with these root fields, which are words of the schema. traceparent is the
	// client's, and may be anything; "" for none. end is called with the code that the operation is answered with, and whether the
	// server is to blame.
	Begin(ctx context.Context, kind, fields, traceparent string) (inner context.Context, end func(code string, failed bool))
	// Delivered is called for a place of a log whose event a subscriber got. It may be called for other places, and again.
	Delivered(at session.LogPlace)
	// Awaits says whether any place is recorded until it is delivered; while none is, Delivered need not be called.
	Awaits() bool
}

// traceparent is the name of the header, and of the extension of an operation over WebSocket, by which a client names its span.
const traceparent = transport.Traceparent

// begun returns the transports' hook that begins spans; nil where nothing is traced.
func begun(t Tracer) transport.Begin {
	if t == nil {
		return nil
	}
	return func(ctx context.Context, op *graphql.OperationContext) (context.Context, func(gqlerror.List)) {
		parent, _ := op.Extensions[traceparent].(string)
		if parent == "" {
			parent = op.Headers.Get(traceparent)
		}
		var room [8]*ast.Field
		var names []string
		for _, field := range appendRoots(room[:0], op.Operation.SelectionSet) {
			if rootFields[field.Name] {
				names = append(names, field.Name)
			}
		}
		ctx, end := t.Begin(ctx, string(op.Operation.Operation), strings.Join(names, " "), parent)
		return ctx, func(errs gqlerror.List) {
			code := codeOfFirst(errs)
			end(code, code == string(session.CodeInternal) || code == string(session.CodeUnavailable))
		}
	}
}

// delivered returns the transports' hook that tells of deliveries; nil where nothing is traced.
func delivered(t Tracer) func(events []any) {
	if t == nil {
		return nil
	}
	return func(events []any) {
		if !t.Awaits() {
			return
		}
		for _, e := range events {
			switch e := e.(type) {
			case *session.ChatEntry:
				t.Delivered(session.LogPlace{Epoch: e.Epoch, Place: e.Place})
			case *session.LogEvent:
				t.Delivered(session.LogPlace{Epoch: e.Entry.Epoch, Place: e.Place})
			}
		}
	}
}
