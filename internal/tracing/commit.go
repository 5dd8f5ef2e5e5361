package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"chattok/session"
)

// Operation implements session.Tracer.
func (t *Tracer) Operation(ctx context.Context) session.Trace {
	if at := trace.SpanContextFromContext(ctx); at.IsSampled() && !at.IsRemote() {
		return of(at)
	}
	return session.Trace{}
}

// Committed implements session.Tracer. The span belongs to the trace of the first operation, and is linked to the others.
func (t *Tracer) Committed(begun time.Time, operations []session.Trace, writes int, failed bool) session.Trace {
	links := make([]trace.Link, 0, min(len(operations)-1, linkLimit))
	for _, other := range operations[1:] {
		if len(links) < linkLimit {
			links = append(links, trace.Link{SpanContext: contextOf(other)})
		}
	}
	_, span := t.tracer.Start(withOwn(context.Background(), operations[0]), "commit", trace.WithTimestamp(begun), trace.WithLinks(links...),
		trace.WithAttributes(attribute.Int("chattok.writes", writes), attribute.Int("chattok.operations", len(operations))))
	if failed {
		span.SetStatus(codes.Error, "")
	}
	span.End()
	return of(span.SpanContext())
}

// Stored implements session.Tracer. An operation whose trace is not that of the commit is linked to it.
func (t *Tracer) Stored(ctx context.Context, commit session.Trace) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() && span.SpanContext().TraceID() != trace.TraceID(commit.TraceID) {
		span.AddLink(trace.Link{SpanContext: contextOf(commit)})
	}
}

// Arrived implements session.Tracer: it begins the span of a delivery.
func (t *Tracer) Arrived(commit session.Trace, at session.LogPlace) {
	t.pending.add(at, delivery{commit: commit, arrived: t.now()})
}

// Delivered implements graph.Tracer: a subscriber is sent the event at a place, the first on this node where it is waited for.
func (t *Tracer) Delivered(at session.LogPlace) {
	d, ok := t.pending.take(at, t.now())
	if !ok {
		return
	}
	_, span := t.tracer.Start(withOwn(context.Background(), d.commit), "deliver", trace.WithTimestamp(d.arrived), trace.WithSpanKind(trace.SpanKindConsumer))
	span.End()
}

// Awaits implements graph.Tracer: it says whether there is anything that Delivered would take.
func (t *Tracer) Awaits() bool { return t.pending.count.Load() > 0 }
