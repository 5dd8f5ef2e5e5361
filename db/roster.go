package db

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// purgeAfter is how long an ended connection without entries is kept: its access token gets a clear answer meanwhile, and a node
// that was cut off finds the changes that it missed. It is longer than the feed has them, so that the feed's readers are told
// before any is missing.
const purgeAfter = session.FeedKept + time.Hour

// Roster implements session.Store.
func (s *Store) Roster(ctx context.Context, sessionID string) (session.Roster, error) {
	return read(ctx, s, "read roster", func(ctx context.Context) (roster session.Roster, err error) {
		err = s.readers.RunInTx(ctx, s.engine.snapshot, func(ctx context.Context, tx bun.Tx) error {
			roster, err = selectRoster(ctx, tx, sessionID)
			return err
		})
		if err != nil {
			return session.Roster{}, err
		}
		return roster, nil
	})
}

func selectRoster(ctx context.Context, tx bun.Tx, sessionID string) (roster session.Roster, err error) {
	at, err := selectSession(ctx, tx, sessionID)
	if err != nil {
		return roster, err
	}
	var rows []*connectionRow
	err = tx.NewSelect().Model(&rows).Where("session_id = ?", sessionID).Where(sqlLive).Order("created_revision").Scan(ctx)
	if err != nil {
		return roster, err
	}
	roster.Revision = at.Revision
	if roster.MutedBy, err = mutedBy(ctx, tx, at); err != nil {
		return roster, err
	}
	roster.Connections = make([]*session.Connection, len(rows))
	members := make(map[string]*session.Connection, len(rows))
	for i, row := range rows {
		roster.Connections[i] = row.toConnection()
		members[row.ID] = roster.Connections[i]
	}
	var streams []*streamRow
	err = tx.NewSelect().Model(&streams).Where("session_id = ?", sessionID).Order("created_revision").Scan(ctx)
	if err != nil {
		return roster, err
	}
	for _, row := range streams {
		roster.Streams = append(roster.Streams, row.toStream(members[row.ConnectionID]))
	}
	return roster, nil
}

// RosterChanges implements session.Store. It returns no changes where those that follow this revision have been purged,
// more than purgeAfter later: the caller then needs the roster itself.
func (s *Store) RosterChanges(ctx context.Context, sessionID string, after int64, limit int) ([]session.RosterChange, error) {
	if limit <= 0 || after < 0 || after > math.MaxInt64-int64(limit) || !storable(sessionID) {
		return nil, nil
	}
	last := after + int64(limit)
	changes, err := read(ctx, s, "read roster changes", func(ctx context.Context) ([]session.RosterChange, error) {
		var rows []*connectionRow
		err := s.readers.NewRaw(sqlRosterChanges, sessionID, after, last, sessionID, after, last).Scan(ctx, &rows)
		if err != nil {
			return nil, err
		}
		// Streams are read second: a change that is committed between the two reads leaves a hole, where the result is
		// cut.
		streams, err := selectStreamChanges(ctx, s.readers, sessionID, after, last)
		return append(toChanges(rows, after, last), streams...), err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(changes, func(a, b session.RosterChange) int { return cmp.Compare(a.Revision, b.Revision) })
	return consecutive(changes, after), nil
}

// sqlRosterChanges selects the connections that were created or destroyed in a run of revisions. It is a union, so that
// each half uses its own index on both engines.
const sqlRosterChanges = "SELECT * FROM connections WHERE session_id = ? AND created_revision > ? AND created_revision <= ?" +
	" UNION SELECT * FROM connections WHERE session_id = ? AND destroyed_revision > ? AND destroyed_revision <= ?"

// toChanges returns the connections' changes after one revision and up to another.
func toChanges(rows []*connectionRow, after, last int64) []session.RosterChange {
	var changes []session.RosterChange
	within := func(revision *int64) bool { return revision != nil && *revision > after && *revision <= last }
	for _, row := range rows {
		connection := row.toConnection()
		if within(row.CreatedRevision) {
			changes = append(changes, session.RosterChange{
				SessionID: row.SessionID, Revision: *row.CreatedRevision, Connection: connection,
			})
		}
		if within(row.DestroyedRevision) {
			changes = append(changes, session.RosterChange{
				SessionID: row.SessionID, Revision: *row.DestroyedRevision, Connection: connection,
				Reason: session.DisconnectReason(*row.Reason),
			})
		}
	}
	return changes
}

// consecutive cuts the changes before the first revision that is missing.
func consecutive(changes []session.RosterChange, after int64) []session.RosterChange {
	for i, change := range changes {
		if change.Revision != after+int64(i)+1 {
			return changes[:i]
		}
	}
	return changes
}

// ListConnections implements session.Store. Connections with a socket come first; each half has an index of its own.
func (s *Store) ListConnections(ctx context.Context, sessionID string, after session.RosterPlace, limit int) ([]session.PlacedConnection, error) {
	if limit <= 0 || !storable(sessionID) {
		return nil, nil
	}
	return read(ctx, s, "list connections", func(ctx context.Context) (found []session.PlacedConnection, err error) {
		for _, detached := range []bool{false, true} {
			if after.Detached && !detached || len(found) == limit {
				continue
			}
			var rows []*connectionRow
			from := int64(0)
			if detached == after.Detached {
				from = after.Revision
			}
			if err := selectPart(s.readers, &rows, sessionID, detached, from, limit-len(found)).Scan(ctx); err != nil {
				return nil, err
			}
			for _, row := range rows {
				place := session.RosterPlace{Detached: detached, Revision: *row.CreatedRevision}
				found = append(found, session.PlacedConnection{Connection: row.toConnection(), Place: place})
			}
		}
		return found, nil
	})
}

// selectPart selects the live connections with a socket, or the detached ones, that were created after a revision.
func selectPart(db bun.IDB, rows *[]*connectionRow, sessionID string, detached bool, after int64, limit int) *bun.SelectQuery {
	condition := "expires_at IS NULL"
	if detached {
		condition = "expires_at IS NOT NULL"
	}
	return db.NewSelect().Model(rows).Where("session_id = ?", sessionID).Where(sqlLive).Where(condition).
		Where("created_revision > ?", after).Order("created_revision").Limit(int64(limit))
}
