package graph

import (
	"context"

	"chattok/graph/generated"
	"chattok/session"
)

func (r queryResolver) Export(ctx context.Context, sessionID, after *string) (*session.ExportPage, error) {
	if sessionID != nil && *sessionID == "" { // no session has this id, and it is not the whole database
		_, err := r.in(ctx, sessionID)
		return nil, err
	}
	return r.service.ExportPage(ctx, callerOf(ctx), session.ExportQuery{SessionID: orEmpty(sessionID), After: orEmpty(after)})
}

// ExportPage implements generated.ResolverRoot.
func (r *Resolver) ExportPage() generated.ExportPageResolver { return exportPageResolver{} }

type exportPageResolver struct{}

// Next is null at the end.
func (exportPageResolver) Next(_ context.Context, p *session.ExportPage) (*string, error) {
	if p.Next == "" {
		return nil, nil
	}
	return &p.Next, nil
}

func (exportPageResolver) Entries(_ context.Context, p *session.ExportPage) (*float64, error) {
	if p.Entries == nil {
		return nil, nil
	}
	entries := float64(*p.Entries)
	return &entries, nil
}
