package graph

import (
	"context"
	"time"

	"chattok/graph/generated"
	"chattok/session"
)

func (r queryResolver) Session(ctx context.Context) (*session.Session, error) {
	return r.service.Session(ctx, callerOf(ctx))
}

func (r sessionResolver) LastCursor(ctx context.Context, s *session.Session) (string, error) {
	return r.service.LastCursor(ctx, s)
}

func (r sessionResolver) Connections(ctx context.Context, s *session.Session) ([]*session.Connection, error) {
	live, _, err := r.service.Roster(ctx, s, session.MaxListConnections)
	return live, err
}

func (r sessionResolver) ConnectionCount(ctx context.Context, s *session.Session) (int64, error) {
	_, count, err := r.service.Roster(ctx, s, 0)
	return int64(count), err
}

func (r mutationResolver) CreateSession(ctx context.Context, id *string, mediaMode *session.MediaMode) (*session.Session, error) {
	mode := session.MediaRelayed
	if mediaMode != nil {
		mode = *mediaMode
	}
	return r.service.CreateSession(ctx, callerOf(ctx), id, mode)
}

func (r mutationResolver) CreateToken(ctx context.Context, sessionID string, role *session.Role, data *string, expiresIn *int64) (*generated.TokenPayload, error) {
	grant := session.SessionGrant{SessionID: sessionID, Role: session.RolePublisher, Data: data}
	if role != nil {
		grant.Role = *role
	}
	seconds := int64(defaultSessionTokenSeconds)
	if expiresIn != nil {
		seconds = *expiresIn
	}
	if seconds < 1 || seconds > maxSessionTokenSeconds {
		return nil, session.Errorf(session.CodeBadUserInput, "expiresIn must be 1 to %d seconds", maxSessionTokenSeconds)
	}
	grant.ExpiresAt = r.now().Add(time.Duration(seconds) * time.Second)
	sess, err := r.service.CanMint(ctx, callerOf(ctx), grant)
	if err != nil {
		return nil, err
	}
	raw, err := r.tokens.MintSession(grant)
	if err != nil {
		return nil, err
	}
	return &generated.TokenPayload{Token: raw, ExpiresAt: grant.ExpiresAt, TokenRequired: sess.TokenRequired}, nil
}
