package session

import (
	"context"
	"strings"
	"time"
)

// Lobby is the session that always exists, where guests act in open mode.
const Lobby = "lobby"

// MaxNameBytes bounds session ids, connection ids, guests' names and signal types.
const MaxNameBytes = 128

// Session is a room that people and their data share.
type Session struct {
	ID            string
	Epoch         Epoch // random; part of every cursor, so that cursors of another life of the log are recognised
	MediaMode     MediaMode
	TokenRequired bool // made by createSession: connect always asks for a token
	CreatedAt     time.Time
}

// validName checks what is at most MaxNameBytes of A-Za-z0-9-_~. (RFC 3986's unreserved characters), so that it can
// stand in a URL as it is.
func validName(argument, s string) error {
	if s == "" || len(s) > MaxNameBytes {
		return Errorf(CodeBadUserInput, "%s must be 1 to %d bytes, but is %d", argument, MaxNameBytes, len(s))
	}
	if s == "." || s == ".." {
		return Errorf(CodeBadUserInput, "%s must not be %q, which a URL takes for a folder", argument, s)
	}
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-_~.", rune(c)) {
			return Errorf(CodeBadUserInput, "%s may have only the characters A-Z, a-z, 0-9, '-', '_', '~' and '.'", argument)
		}
	}
	return nil
}

// Session returns the caller's session. Errors: UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) Session(ctx context.Context, c Caller) (*Session, error) {
	if err := c.inSession(); err != nil {
		return nil, err
	}
	return s.sessionByID(ctx, c.SessionID)
}

// sessionByID returns a session from its open room or the Store. Errors: NOT_FOUND, UNAVAILABLE.
func (s *Service) sessionByID(ctx context.Context, id string) (*Session, error) {
	if r := s.peekRoom(id); r != nil {
		return r.session, nil
	}
	return s.store.Session(ctx, id)
}

// LastCursor returns where a session's log ends now. Errors: UNAVAILABLE.
func (s *Service) LastCursor(ctx context.Context, sess *Session) (string, error) {
	head, err := s.head(ctx, sess)
	return Cursor(sess.Epoch, head), err
}

// Roster returns the connections that are in a session now, oldest first, limit at most, and how many there are.
// Errors: NOT_FOUND, UNAVAILABLE.
func (s *Service) Roster(ctx context.Context, sess *Session, limit int) (live []*Connection, count int, err error) {
	r, _, release, err := s.current(ctx, sess.ID)
	if err != nil {
		return nil, 0, err
	}
	defer release()
	live, count = r.roster.connections(limit)
	return live, count, nil
}

// CreateSession makes a session that asks for tokens, or returns the equal one that has the id; a nil id has one made
// up. One that was made on first use is taken over where nobody is in it. Errors: UNAUTHENTICATED, FORBIDDEN; BAD_USER_INPUT; UNAVAILABLE.
func (s *Service) CreateSession(ctx context.Context, c Caller, id *string, mode MediaMode) (*Session, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if mode == MediaRouted {
		return nil, Errorf(CodeBadUserInput, "mediaMode ROUTED needs a media router, and none is configured; use RELAYED")
	}
	want := Session{Epoch: newEpoch(), MediaMode: mode, TokenRequired: true}
	if id == nil {
		want.ID = newID()
	} else {
		want.ID = *id
	}
	if err := validName("id", want.ID); err != nil {
		return nil, err
	}
	got, err := s.store.CreateSession(ctx, want)
	if err != nil {
		return nil, err
	}
	switch {
	case !got.TokenRequired && got.ID == Lobby:
		return nil, Errorf(CodeBadUserInput, "id is the lobby's, which never asks for tokens")
	case !got.TokenRequired:
		return nil, Errorf(CodeBadUserInput, "id is taken by a session that was made on first use, and somebody is in it; when they have gone, createSession takes it over")
	case got.MediaMode != mode:
		return nil, Errorf(CodeBadUserInput, "id is taken by a session with another mediaMode")
	}
	return got, nil
}

// CanMint checks that the caller may mint a token for a session, and returns the session, of which TokenRequired says
// whether it admits nobody else. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BAD_USER_INPUT, UNAVAILABLE.
func (s *Service) CanMint(ctx context.Context, c Caller, g SessionGrant) (*Session, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	return s.store.Session(ctx, g.SessionID) // not an open room's, which may have been taken over since
}

// Validate checks the limits of what a session token says. Errors: BAD_USER_INPUT.
func (g SessionGrant) Validate() error {
	if err := validName("sessionId", g.SessionID); err != nil {
		return err
	}
	if !g.Role.Valid() {
		return Errorf(CodeBadUserInput, "role must be SUBSCRIBER, PUBLISHER or MODERATOR")
	}
	if g.Data == nil {
		return nil
	}
	return validText("data", *g.Data, MaxDataBytes)
}
