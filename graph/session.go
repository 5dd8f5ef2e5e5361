package graph

import (
	"context"
	"errors"
	"time"

	"github.com/vikstrous/dataloadgen"

	"chattok/graph/generated"
	"chattok/graph/transport"
	"chattok/session"
)

func (r queryResolver) Session(ctx context.Context, sessionID *string) (*session.Session, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.Session(ctx, c)
}

func (r queryResolver) Sessions(
	ctx context.Context, first *int64, after *string, orderBy session.SessionOrder, prefix, userID *string,
) (*generated.SessionPage, error) {
	page, err := r.service.Sessions(ctx, callerOf(ctx), session.SessionPageArgs{First: first, After: after, Order: orderBy, Prefix: prefix, UserID: userID})
	if err != nil {
		return nil, err
	}
	out := &generated.SessionPage{Nodes: make([]*session.Session, len(page.Sessions)), Edges: make([]*generated.SessionEdge, len(page.Sessions)),
		PageInfo: &generated.PageInfo{HasNextPage: page.Next != nil, HasPreviousPage: after != nil && *after != session.StartCursor}}
	for i, s := range page.Sessions {
		out.Nodes[i] = s.Session
		out.Edges[i] = &generated.SessionEdge{Cursor: page.Cursor(s.Place), Node: s.Session}
	}
	if n := len(out.Edges); n > 0 {
		out.PageInfo.StartCursor, out.PageInfo.EndCursor = &out.Edges[0].Cursor, &out.Edges[n-1].Cursor
	}
	if page.Next != nil && *page.Next != (session.SessionPlace{}) {
		end := page.Cursor(*page.Next)
		out.PageInfo.EndCursor = &end
	}
	return out, nil
}

func (r sessionResolver) LastCursor(ctx context.Context, s *session.Session) (string, error) {
	if err := transport.MayWait(ctx); err != nil {
		return "", err
	}
	return r.service.LastCursor(ctx, s)
}

func (r sessionResolver) FirstCursor(ctx context.Context, s *session.Session) (string, error) {
	if err := transport.MayWait(ctx); err != nil {
		return "", err
	}
	return r.service.FirstCursor(ctx, s)
}

func (r sessionResolver) LastEntry(ctx context.Context, s *session.Session) (*session.ChatEntry, error) {
	if err := transport.MayWait(ctx); err != nil {
		return nil, err
	}
	entry, err := loadersOf(ctx).lastEntries.load(ctx, logKey{s.ID, s.Epoch})
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return nil, nil
	}
	return entry, err
}

func (r sessionResolver) ReadCursor(ctx context.Context, s *session.Session, userID *string) (*string, error) {
	mark, err := r.readMark(ctx, s, userID)
	if mark == nil || err != nil {
		return nil, err
	}
	cursor := session.Cursor(s.Epoch, mark.Place)
	return &cursor, nil
}

func (r sessionResolver) Unread(ctx context.Context, s *session.Session, userID *string) (*int64, error) {
	mark, err := r.readMark(ctx, s, userID)
	if mark == nil || err != nil {
		return nil, err
	}
	return &mark.Unread, nil
}

// readMark returns how far a user has read, by default the caller's; nil where the caller has no user.
func (r sessionResolver) readMark(ctx context.Context, s *session.Session, userID *string) (*session.ReadMark, error) {
	reader, err := r.service.Reader(callerOf(ctx), s, userID)
	if reader == "" || err != nil {
		return nil, err
	}
	if err := transport.MayWait(ctx); err != nil {
		return nil, err
	}
	return loadersOf(ctx).readMarks.load(ctx, readMarkKey{s.ID, reader})
}

// SlowMode is in seconds.
func (r sessionResolver) SlowMode(_ context.Context, s *session.Session) (int64, error) {
	return int64(s.SlowMode / time.Second), nil
}

// Retention is in seconds.
func (r sessionResolver) Retention(_ context.Context, s *session.Session) (*int64, error) {
	if s.Retention == nil {
		return nil, nil
	}
	seconds := int64(*s.Retention / time.Second)
	return &seconds, nil
}

func (r sessionResolver) EntryCount(ctx context.Context, s *session.Session) (int64, error) {
	size, err := sizeOf(ctx, s)
	return size.Entries, err
}

func (r sessionResolver) Bytes(ctx context.Context, s *session.Session) (float64, error) {
	size, err := sizeOf(ctx, s)
	return float64(size.Bytes), err
}

func (r sessionResolver) Connections(ctx context.Context, s *session.Session) ([]*session.Connection, error) {
	if err := transport.MayWait(ctx); err != nil {
		return nil, err
	}
	live, _, err := r.service.Roster(ctx, s, session.MaxListConnections)
	return live, err
}

func (r sessionResolver) ConnectionCount(ctx context.Context, s *session.Session) (int64, error) {
	size, err := rosterSizeOf(ctx, s)
	return int64(size.Connections), err
}

func (r mutationResolver) CreateSession(ctx context.Context, id *string, mediaMode *session.MediaMode, retention *int64) (*session.Session, error) {
	mode := session.MediaRelayed
	if mediaMode != nil {
		mode = *mediaMode
	}
	return r.service.CreateSession(ctx, callerOf(ctx), id, mode, retention)
}

func (r mutationResolver) DeleteSession(ctx context.Context, id string) (string, error) {
	return id, r.service.DeleteSession(ctx, callerOf(ctx), id)
}

func (r mutationResolver) UpdateSession(ctx context.Context, slowMode *int64, readOnly *bool, data *string, retention *int64, sessionID *string) (*session.Session, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.UpdateSession(ctx, c, session.SessionArgs{SlowMode: slowMode, ReadOnly: readOnly, SetData: given(ctx, "data"), Data: data,
		SetRetention: given(ctx, "retention"), Retention: retention})
}

func (r mutationResolver) CreateToken(ctx context.Context, sessionID string, role *session.Role, data *string, expiresIn *int64, userID *string) (*generated.TokenPayload, error) {
	grant := session.SessionGrant{SessionID: sessionID, Role: session.RolePublisher, Data: data, UserID: userID}
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
