package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name under which the spans are made.
const scope = "chattok"

// Limits of what waits for the collector, where the environment does not say otherwise.
const (
	exportTimeout = 10 * time.Second // for one request to the collector, with what is tried again
	linkLimit     = 128              // operations that a commit's span names
	failurePause  = time.Minute      // between two warnings that the collector does not take spans
)

// Config configures a Tracer.
type Config struct {
	Getenv  func(string) string // the environment
	Version string              // the server's
	Node    string              // its id; service.instance.id of its spans
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Tracer makes spans and sends them.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	now      func() time.Time
	pending  pending
}

// New returns a Tracer; nil where the environment names no collector, or switches traces off. Errors: a variable that can't be
// understood.
func New(ctx context.Context, c Config) (*Tracer, error) {
	settings, err := readEnvironment(c.Getenv)
	if err != nil || settings.off {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second,
		MaxInterval: 5 * time.Second, MaxElapsedTime: exportTimeout}))
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_…: %w", err)
	}
	described, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "chattok"),
		attribute.String("service.version", c.Version), attribute.String("service.instance.id", c.Node)),
		resource.WithTelemetrySDK(), resource.WithFromEnv()) // the environment's own last: it takes precedence
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	batches := []sdk.BatchSpanProcessorOption{}
	if c.Getenv("OTEL_BSP_EXPORT_TIMEOUT") == "" {
		batches = append(batches, sdk.WithExportTimeout(exportTimeout))
	}
	limits := sdk.NewSpanLimits()
	limits.LinkCountLimit = linkLimit
	otel.SetErrorHandler(failures(c.Log, c.Now))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter, batches...), sdk.WithResource(described),
		sdk.WithSampler(settings.sampler), sdk.WithRawSpanLimits(limits))
	return &Tracer{provider: provider, tracer: provider.Tracer(scope), now: c.Now, pending: newPending()}, nil
}

// Close sends what waits, as far as ctx allows.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// failures returns a handler of OpenTelemetry's errors that warns once a minute. The errors name the collector, and no span.
func failures(log *slog.Logger, now func() time.Time) otel.ErrorHandlerFunc {
	var mu sync.Mutex
	var warned time.Time
	others := 0
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if at := now(); warned.IsZero() || at.Sub(warned) >= failurePause {
			log.Warn("traces could not be sent; they are dropped", "error", bounded(err.Error()), "others", others)
			warned, others = at, 0
			return
		}
		others++
	}
}

// bounded cuts a text that a collector may have sent.
func bounded(text string) string {
	const most = 300
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// Begin implements graph.Tracer: it begins the span of an operation, which is called kind and the names of its fields, words of the
// schema. traceparent is the client's; "" for none. end is called with the code that the operation is answered with.
func (t *Tracer) Begin(ctx context.Context, kind, fields, traceparent string) (context.Context, func(code string, failed bool)) {
	ctx, span := t.tracer.Start(withClient(ctx, traceparent), kind+" "+fields, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("graphql.operation.type", kind)))
	return ctx, func(code string, failed bool) {
		span.SetAttributes(attribute.String("chattok.code", code))
		if failed {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
