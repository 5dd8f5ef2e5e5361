package tracing

import (
	"fmt"
	"math/rand/v2"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// sampler decides which operations are traced. OpenTelemetry's own samplers obey the client: by its sampled flag, or by the number of
// its trace, which it chose. A stranger could then have everything traced, which costs the operator. So a client's trace is sampled as
// often as one without a client's, by this server's own chance; a client can only ask not to be traced.
type sampler struct {
	ratio   float64 // of the operations, 0 to 1
	parents bool    // clients that are not traced are not traced here
}

// ShouldSample implements sdk.Sampler. The commit and the deliveries that follow an operation are traced with it, on any node.
func (s sampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	drop, keep := sdk.SamplingResult{Decision: sdk.Drop}, sdk.SamplingResult{Decision: sdk.RecordAndSample}
	switch {
	case isOwn(p.ParentContext):
		return keep
	case s.parents && parent.IsValid() && !parent.IsSampled(), rand.Float64() >= s.ratio:
		return drop
	}
	return keep
}

// Description implements sdk.Sampler.
func (s sampler) Description() string { return fmt.Sprintf("ratio %g, parents %t", s.ratio, s.parents) }
