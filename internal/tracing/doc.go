// Package tracing sends traces to a collector by OTLP over HTTP, where the environment names one: of each query and mutation that is
// sampled, of the commit that stored what it posted, and of the first delivery of that on each node. It reads OpenTelemetry's own
// variables (OTEL_…); docs/operations.md lists them.
//
// Nothing that people write or are called is in a span: its name and attributes are words of the schema and of this package, error
// codes and numbers.
//
// Traces never hold anything up. Spans wait in a queue of a bounded length, and are dropped where it is full.
//
// Reading order: tracing.go commit.go pending.go parent.go sampler.go environment.go.
package tracing
