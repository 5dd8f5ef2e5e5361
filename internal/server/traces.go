package server

import (
	"context"
	"os"
	"time"

	"chattok/graph"
	"chattok/internal/tracing"
	"chattok/session"
)

// flushTime is how long the server's end may wait for a collector to take the last spans.
const flushTime = time.Second

// openTraces makes the tracer. A server whose traces can't be set up serves without them: they are for its operator alone.
func (s *server) openTraces(ctx context.Context, node string) {
	tracer, err := tracing.New(ctx, tracing.Config{Getenv: os.Getenv, Version: s.Version, Node: node, Log: s.Log})
	if err != nil {
		s.Log.Warn("nothing is traced", "error", err)
		return
	}
	s.tracer = tracer
}

// domainTracer and edgeTracer return the tracer; nil where nothing is traced.
func (s *server) domainTracer() session.Tracer {
	if s.tracer == nil {
		return nil
	}
	return s.tracer
}

func (s *server) edgeTracer() graph.Tracer {
	if s.tracer == nil {
		return nil
	}
	return s.tracer
}

// closeTraces sends the spans that wait, for a moment.
func (s *server) closeTraces() {
	if s.tracer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := s.tracer.Close(ctx); err != nil {
		s.Log.Warn("the last traces could not be sent", "error", err)
	}
}
