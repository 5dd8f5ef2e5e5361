package session

import (
	"context"
	"strings"
)

// Limits of a search among connections.
const (
	MaxSearchBytes = 256
	searchChunk    = 1_000  // connections that are read at once
	searchReach    = 10_000 // connections that one page looks at
)

// RosterPlace is a place in a session's list of connections: those that have a socket come first, and each of the two
// parts is in the order in which they were created. Its zero value is the beginning.
type RosterPlace struct {
	Detached bool // in the part without a socket
	Revision int64
}

// PlacedConnection is a live connection and its place.
type PlacedConnection struct {
	*Connection
	Place RosterPlace
}

// RosterPageArgs selects a page of a session's connections. Nil is absent.
type RosterPageArgs struct {
	First  *int64
	After  *string // a cursor of this list
	Search *string // a part of data or id, in upper or lower case
}

// RosterPage is a page of a session's connections.
type RosterPage struct {
	Connections []PlacedConnection
	Next        *RosterPlace // where the following page begins, past what was searched in vain; nil at the end
}

// ConnectionCursor is a place in the list of a session's connections, opaque to clients.
func ConnectionCursor(epoch Epoch, p RosterPlace) string {
	position := p.Revision << 1
	if p.Detached {
		position |= 1
	}
	return encodePosition(tagConnection, epoch, position)
}

func parseConnectionCursor(epoch Epoch, cursor string) (p RosterPlace, err error) {
	if cursor == StartCursor {
		return p, nil
	}
	at, position, ok := decodePosition(tagConnection, cursor)
	if !ok || at != epoch {
		return p, Errorf(CodeBadUserInput, "after is not a cursor of this session's connections; start again without it").
			WithReason(ReasonCursorMismatch)
	}
	return RosterPlace{Detached: position&1 != 0, Revision: position >> 1}, nil
}

// RosterPage returns a page of the connections of the caller's session, with the session. It looks at so many of them at
// most, so that a page of a search may be short, and there is still a next one. Errors: UNAUTHENTICATED, FORBIDDEN;
// BAD_USER_INPUT, with ReasonCursorMismatch for a cursor; UNAVAILABLE.
func (s *Service) RosterPage(ctx context.Context, c Caller, a RosterPageArgs) (*Session, *RosterPage, error) {
	sess, err := s.Session(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	first, search := DefaultPage, ""
	if a.First != nil {
		if *a.First < 0 || *a.First > MaxPage {
			return nil, nil, Errorf(CodeBadUserInput, "first must be 0 to %d", MaxPage)
		}
		first = int(*a.First)
	}
	if a.Search != nil {
		if err := validText("search", *a.Search, MaxSearchBytes); err != nil {
			return nil, nil, err
		}
		search = strings.ToLower(*a.Search)
	}
	var after RosterPlace
	if a.After != nil {
		if after, err = parseConnectionCursor(sess.Epoch, *a.After); err != nil {
			return nil, nil, err
		}
	}
	page, err := s.searchRoster(ctx, sess.ID, after, first, search)
	return sess, page, err
}

// searchRoster collects the connections after a place that match, first at most.
func (s *Service) searchRoster(ctx context.Context, sessionID string, after RosterPlace, first int, search string) (*RosterPage, error) {
	page := &RosterPage{}
	chunk := first + 1 // without a search all match, and one more says that there is a next page
	if search != "" {
		chunk = searchChunk
	}
	for looked := 0; ; {
		if looked >= searchReach {
			page.Next = &after
			return page, nil
		}
		found, err := s.store.ListConnections(ctx, sessionID, after, chunk)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			if !c.matches(search) {
				after = c.Place
				continue
			}
			if len(page.Connections) == first {
				page.Next = &after
				return page, nil
			}
			page.Connections = append(page.Connections, c)
			after = c.Place
		}
		if looked += len(found); len(found) < chunk {
			return page, nil
		}
	}
}

// matches says whether the connection's data or id has search, which is in lower case, in it.
func (c PlacedConnection) matches(search string) bool {
	return search == "" || c.Data != nil && strings.Contains(strings.ToLower(*c.Data), search) ||
		strings.Contains(strings.ToLower(c.ID), search)
}
