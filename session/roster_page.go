package session

import (
	"context"
	"strings"
)

// Limits of a search among connections.
const (
	MaxSearchBytes = 256
	searchChunk    = 1_000  // connections read at once
	searchLimit    = 10_000 // connections that one page looks at
)

// RosterPlace is a place in a session's list of connections. The list has two parts, each in the order in which connections were
// created: first those that have a socket, then the others. Its zero value is the beginning.
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
	Next        *RosterPlace // where the next page begins, past connections that did not match; nil at the end
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

// rosterSearch is a checked RosterPageArgs.
type rosterSearch struct {
	after RosterPlace
	first int
	text  string // in lower case; empty for none
}

// search checks the arguments for a session. Errors: BAD_USER_INPUT, with ReasonCursorMismatch for a cursor.
func (a RosterPageArgs) search(epoch Epoch) (s rosterSearch, err error) {
	s.first = DefaultPage
	if a.First != nil {
		if *a.First < 0 || *a.First > MaxPage {
			return s, Errorf(CodeBadUserInput, "first must be 0 to %d", MaxPage)
		}
		s.first = int(*a.First)
	}
	if a.Search != nil {
		if err := validText("search", *a.Search, MaxSearchBytes); err != nil {
			return s, err
		}
		s.text = strings.ToLower(*a.Search)
	}
	if a.After != nil {
		s.after, err = parseConnectionCursor(epoch, *a.After)
	}
	return s, err
}

// page reads the matching connections after the place. It looks at searchLimit connections at most, so that a page may be short
// and still have a next one. Errors: UNAVAILABLE.
func (s rosterSearch) page(ctx context.Context, store Store, sessionID string) (*RosterPage, error) {
	page, after := &RosterPage{}, s.after
	chunk := s.first + 1 // without a search all match, and one more says that there is a next page
	if s.text != "" {
		chunk = searchChunk
	}
	for looked := 0; ; {
		if looked >= searchLimit {
			page.Next = &after
			return page, nil
		}
		found, err := store.ListConnections(ctx, sessionID, after, chunk)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			if !c.matches(s.text) {
				after = c.Place
				continue
			}
			if len(page.Connections) == s.first {
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

// matches says whether the connection's data or id contains search, in any case. search is in lower case.
func (c PlacedConnection) matches(search string) bool {
	return search == "" || c.Data != nil && strings.Contains(strings.ToLower(*c.Data), search) ||
		strings.Contains(strings.ToLower(c.ID), search)
}
