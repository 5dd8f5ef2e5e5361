package tracing

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"chattok/session"
)

// maxTraceparentBytes bounds a client's traceparent: version 00 has 55 bytes, and later ones begin so.
const maxTraceparentBytes = 128

// withClient returns ctx with a client's span as the parent, from its traceparent (https://www.w3.org/TR/trace-context/). One that is
// none is ignored, as the recommendation says. Its tracestate and baggage are not read: they are texts of the client's.
func withClient(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" || len(traceparent) > maxTraceparentBytes {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

type ownKey struct{}

// withOwn returns ctx with a span of this installation's as the parent, which was sampled.
func withOwn(ctx context.Context, of session.Trace) context.Context {
	return trace.ContextWithRemoteSpanContext(context.WithValue(ctx, ownKey{}, true), contextOf(of))
}

// isOwn says whether the parent in ctx is a span of this installation's.
func isOwn(ctx context.Context) bool { return ctx.Value(ownKey{}) != nil }

func of(c trace.SpanContext) session.Trace {
	return session.Trace{TraceID: c.TraceID(), SpanID: c.SpanID()}
}

func contextOf(t session.Trace) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: t.TraceID, SpanID: t.SpanID, TraceFlags: trace.FlagsSampled, Remote: true})
}
