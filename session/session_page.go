package session

import (
	"encoding/base64"
	"encoding/binary"
	"math"
)

// Sessions are listed newest first.

// SessionOrder says by what sessions are listed.
type SessionOrder string

const (
	// ByLastEntry is by when the newest entry was added, deleted or not; a session without entries counts by its creation.
	ByLastEntry SessionOrder = "LAST_ENTRY"
	ByCreation  SessionOrder = "CREATED"
)

// Valid says whether o is one of the orders.
func (o SessionOrder) Valid() bool { return o == ByLastEntry || o == ByCreation }

// tag is the first byte of the cursors of a list in this order.
func (o SessionOrder) tag() byte {
	if o == ByCreation {
		return tagCreated
	}
	return tagActive
}

// sessionLook is how many sessions one page looks at, at most.
const sessionLook = 10_000

// SessionPlace is a place in the list of all sessions in one order. Its zero value is the beginning.
type SessionPlace struct {
	At int64 // of what the order goes by, in milliseconds since the Unix epoch; never 0 save at the beginning
	ID string
}

// PlacedSession is a session and its place.
type PlacedSession struct {
	*Session
	Place SessionPlace
}

// SessionQuery selects sessions for a Store.
type SessionQuery struct {
	Order  SessionOrder
	After  SessionPlace
	Prefix string  // of their ids; empty for all
	UserID *string // only those that this user is in, has a read mark in or has posted in; nil for all
	Limit  int
	Look   int // how many sessions may be looked at where those that match are more than that
}

// SessionRun is what a SessionQuery selects.
type SessionRun struct {
	Sessions []PlacedSession
	// Next is the place up to which the sessions were looked at; nil where none comes after.
	Next *SessionPlace
}

// SessionPageArgs selects a page of sessions. Nil is absent.
type SessionPageArgs struct {
	First  *int64
	After  *string // a cursor of the same order
	Order  SessionOrder
	Prefix *string
	UserID *string
}

// ListedSessions is a page of sessions, for the cursors of which it has the order and the epoch.
type ListedSessions struct {
	SessionRun
	order SessionOrder
	epoch Epoch // of the database
}

// Cursor returns the cursor of a place in the page's order, opaque to clients.
func (p *ListedSessions) Cursor(at SessionPlace) string { return sessionCursor(p.order, p.epoch, at) }

func sessionCursor(o SessionOrder, epoch Epoch, at SessionPlace) string {
	if at == (SessionPlace{}) {
		return StartCursor
	}
	b := make([]byte, 0, 9+binary.MaxVarintLen64+len(at.ID))
	b = append(b, o.tag())
	b = binary.BigEndian.AppendUint64(b, uint64(epoch))
	b = binary.AppendUvarint(b, uint64(at.At))
	b = append(b, at.ID...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseSessionCursor accepts only strings that sessionCursor makes, byte for byte.
func parseSessionCursor(o SessionOrder, epoch Epoch, cursor string) (at SessionPlace, err error) {
	if cursor == StartCursor {
		return at, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor[:min(len(cursor), MaxSessionCursorBytes+1)])
	if err == nil && len(b) > 9 && b[0] == o.tag() && Epoch(binary.BigEndian.Uint64(b[1:])) == epoch {
		n, size := binary.Uvarint(b[9:])
		if size > 0 && n > 0 && n <= math.MaxInt64 {
			at = SessionPlace{At: int64(n), ID: string(b[9+size:])}
			if validName("after", at.ID) == nil && sessionCursor(o, epoch, at) == cursor {
				return at, nil
			}
		}
	}
	return SessionPlace{}, Errorf(CodeBadUserInput, "after is not a cursor of this database's sessions in the order %s; start again without it", o).
		WithReason(ReasonCursorMismatch)
}

// MaxSessionCursorBytes is the size of a cursor of a list of sessions at most.
const MaxSessionCursorBytes = (9 + binary.MaxVarintLen64 + MaxNameBytes + 2) / 3 * 4

// query checks the arguments. epoch is the database's. Errors: BAD_USER_INPUT, with ReasonCursorMismatch for a cursor.
func (a SessionPageArgs) query(epoch Epoch) (q SessionQuery, err error) {
	q = SessionQuery{Order: a.Order, UserID: a.UserID, Limit: DefaultPage, Look: sessionLook}
	if a.First != nil {
		if *a.First < 0 || *a.First > MaxPage {
			return q, Errorf(CodeBadUserInput, "first must be 0 to %d", MaxPage)
		}
		q.Limit = int(*a.First)
	}
	if a.Prefix != nil && *a.Prefix != "" {
		if err := validName("prefix", *a.Prefix); err != nil {
			return q, err
		}
		q.Prefix = *a.Prefix
	}
	if a.UserID != nil {
		if err := validUserID("userId", *a.UserID); err != nil {
			return q, err
		}
	}
	if a.After != nil {
		q.After, err = parseSessionCursor(a.Order, epoch, *a.After)
	}
	return q, err
}
