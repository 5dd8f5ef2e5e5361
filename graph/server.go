package graph

import (
	"context"
	"time"

	"chattok/graph/generated"
	"chattok/session"
)

// Server tells about the server itself. Its version is for everybody: no caller is asked for.
func (r queryResolver) Server(context.Context) (*generated.Server, error) {
	return &generated.Server{Version: r.version}, nil
}

func (r serverResolver) Nodes(ctx context.Context, _ *generated.Server) ([]*session.Node, error) {
	return r.service.Nodes(ctx, callerOf(ctx))
}

func (r serverResolver) Metrics(ctx context.Context, _ *generated.Server, after *time.Time) (*session.Samples, error) {
	return r.service.Samples(callerOf(ctx), after)
}
