package db

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"chattok/session"
)

// purgeAfter is how long an ended connection without entries is kept, so that its access token gets a clear answer and
// a node that was away finds the changes that it missed.
const purgeAfter = 24 * time.Hour

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

// RosterChanges implements session.Store. Where changes after this revision have been purged, more than purgeAfter
// later, there are none to be had, however far the roster has come: what is needed then is the roster itself.
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
		// Read second, so that what is committed between the two is a hole at most, where the run is cut.
		streams, err := selectStreamChanges(ctx, s.readers, sessionID, after, last)
		return append(toChanges(rows, after, last), streams...), err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(changes, func(a, b session.RosterChange) int { return cmp.Compare(a.Revision, b.Revision) })
	return consecutive(changes, after), nil
}

// sqlRosterChanges selects the connections that were created or destroyed in a run of revisions. A union, so that each
// half has its own index on every engine.
const sqlRosterChanges = "SELECT * FROM connections WHERE session_id = ? AND created_revision > ? AND created_revision <= ?" +
	" UNION SELECT * FROM connections WHERE session_id = ? AND destroyed_revision > ? AND destroyed_revision <= ?"

// toChanges returns what happened to the connections after one revision and up to another.
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

// consecutive cuts the changes at the first hole after this revision.
func consecutive(changes []session.RosterChange, after int64) []session.RosterChange {
	for i, change := range changes {
		if change.Revision != after+int64(i)+1 {
			return changes[:i]
		}
	}
	return changes
}

// destroy ends these connections in the order given, save those that have ended meanwhile or are not as the condition
// says any more, and returns the changes by session and revision.
func destroy(
	ctx context.Context, tx bun.Tx, rows []*connectionRow, reason session.DisconnectReason, now int64, condition string, args ...any,
) ([]session.RosterChange, error) {
	heads, rows, err := takeForDestruction(ctx, tx, rows, condition, args...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	ids := make([]string, len(rows))
	changes := make([]session.RosterChange, len(rows))
	ended, grown := make(revisions, len(rows)), make(map[string]int64)
	for i, row := range rows {
		at := heads[row.SessionID]
		at.Revision++
		ids[i], ended[i], grown[at.ID] = row.ID, revision{row.ID, at.Revision}, at.Revision
		changes[i] = session.RosterChange{
			SessionID: at.ID, Revision: at.Revision, Connection: row.toConnection(), Reason: reason,
		}
	}
	// Two statements for all: one for each would be as many answers of a server to wait for.
	_, err = tx.ExecContext(ctx, sqlDestroy, ended, now, string(reason), now+purgeAfter.Milliseconds())
	if err != nil {
		return nil, err
	}
	if err := setRevisions(ctx, tx, grown); err != nil {
		return nil, err
	}
	for _, table := range []string{"attachments", "streams", "connection_holders"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE connection_id IN (?)", bun.List(ids)); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(changes, func(a, b session.RosterChange) int {
		return cmp.Or(cmp.Compare(a.SessionID, b.SessionID), cmp.Compare(a.Revision, b.Revision))
	})
	return changes, nil
}

// takeForDestruction keeps the sessions of these connections, and then the connections, from other transactions, and has
// sender_entries brought up to date, as sqlDestroy asks. It returns the sessions by id, and those of the connections that
// are live then and as the condition says.
func takeForDestruction(
	ctx context.Context, tx bun.Tx, rows []*connectionRow, condition string, args ...any,
) (heads map[string]*sessionRow, kept []*connectionRow, err error) {
	ids, sessionIDs := make([]string, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		ids[i], sessionIDs[i] = row.ID, row.SessionID
	}
	sessions, err := selectSessions(ctx, tx, sessionIDs)
	if err != nil {
		return nil, nil, err
	}
	if err := indexAll(ctx, tx, sessions); err != nil {
		return nil, nil, err
	}
	heads = make(map[string]*sessionRow, len(sessions))
	for _, row := range sessions {
		heads[row.ID] = row
	}
	if engineOf(tx).lockRows == "" {
		return heads, rows, nil
	}
	if err := lockConnections(ctx, tx, "id IN (?)", bun.List(ids)); err != nil {
		return nil, nil, err
	}
	var still []string
	query := "SELECT id FROM connections WHERE id IN (?) AND " + sqlLive + " AND " + condition
	if err := tx.NewRaw(query, append([]any{bun.List(ids)}, args...)...).Scan(ctx, &still); err != nil {
		return nil, nil, err
	}
	left := make(map[string]bool, len(still))
	for _, id := range still {
		left[id] = true
	}
	return heads, slices.DeleteFunc(rows, func(row *connectionRow) bool { return !left[row.ID] }), nil
}

// sqlDestroy ends connections, where sender_entries has all of their sessions. One that has entries is kept for good,
// since they are its. It takes the revisions, the time, the reason, and when to purge.
const sqlDestroy = "WITH ended (id, revision) AS (VALUES ?) UPDATE connections SET expires_at = NULL, destroyed_at = ?," +
	" destroyed_revision = ended.revision, reason = ?," +
	" purge_at = CASE WHEN EXISTS (SELECT 1 FROM sender_entries AS i" +
	" WHERE i.session_id = connections.session_id AND i.connection_id = connections.id) THEN NULL ELSE ? END" +
	" FROM ended WHERE connections.id = ended.id"

// revision is a number for what has this id.
type revision struct {
	id     string
	number int64
}

// revisions are the rows of a list of VALUES, for bun to write into a statement.
type revisions []revision

// AppendQuery implements schema.QueryAppender.
func (r revisions) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	for i, one := range r {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = gen.AppendQuery(b, "(?, ?)", one.id, one.number)
	}
	return b, nil
}

func setRevision(ctx context.Context, tx bun.Tx, sessionID string, revision int64) error {
	_, err := tx.ExecContext(ctx, "UPDATE sessions SET revision = ? WHERE id = ?", revision, sessionID)
	return err
}

// setRevisions is setRevision for several sessions, in one statement.
func setRevisions(ctx context.Context, tx bun.Tx, bySession map[string]int64) error {
	if len(bySession) == 0 {
		return nil
	}
	grown := make(revisions, 0, len(bySession))
	for id, number := range bySession {
		if len(bySession) == 1 {
			return setRevision(ctx, tx, id, number)
		}
		grown = append(grown, revision{id, number})
	}
	const query = "WITH grown (id, revision) AS (VALUES ?) UPDATE sessions SET revision = grown.revision FROM grown WHERE sessions.id = grown.id"
	_, err := tx.ExecContext(ctx, query, grown)
	return err
}

// ListConnections implements session.Store. The list has two parts, each with an index of its own.
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

// selectPart selects the live connections without, or with, a socket that were created after a revision.
func selectPart(db bun.IDB, rows *[]*connectionRow, sessionID string, detached bool, after int64, limit int) *bun.SelectQuery {
	condition := "expires_at IS NULL"
	if detached {
		condition = "expires_at IS NOT NULL"
	}
	return db.NewSelect().Model(rows).Where("session_id = ?", sessionID).Where(sqlLive).Where(condition).
		Where("created_revision > ?", after).Order("created_revision").Limit(int64(limit))
}
