package db

import (
	"cmp"
	"context"
	"slices"

	"github.com/uptrace/bun"

	"chattok/session"
)

// DestroyConnection implements session.Store.
func (s *Store) DestroyConnection(ctx context.Context, id, moderatorID string, reason session.DisconnectReason) (session.RosterChange, error) {
	var change session.RosterChange
	err := s.write(ctx, "destroy connection", func(ctx context.Context, tx bun.Tx) error {
		row, err := selectConnection(ctx, tx, id)
		if err != nil {
			return err
		}
		if !row.live() {
			return connectionNotFound()
		}
		if moderatorID != "" {
			if _, err := selectSessions(ctx, tx, []string{row.SessionID}); err != nil { // locks its row
				return err
			}
			if err := requireModerator(ctx, tx, moderatorID, row.SessionID); err != nil {
				return err
			}
		}
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		changes, err := destroy(ctx, tx, []*connectionRow{row}, reason, now, "TRUE")
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			return connectionNotFound() // another transaction was first
		}
		change = changes[0]
		return nil
	})
	return change, err
}

// destroy ends these connections in the order given. It leaves out connections that have ended meanwhile, or for which
// the condition no longer holds. It returns the changes by session and revision.
func destroy(
	ctx context.Context, tx bun.Tx, rows []*connectionRow, reason session.DisconnectReason, now int64, condition string, args ...any,
) ([]session.RosterChange, error) {
	heads, rows, err := lockForDestruction(ctx, tx, rows, condition, args...)
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
	// One statement for all connections: a statement for each would be as many round trips to a server.
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

// lockForDestruction locks the sessions of these connections and then the connections, and indexes all entries of the
// sessions, which sqlDestroy needs. It returns the sessions by id, and the connections that are still live and meet the
// condition.
func lockForDestruction(
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
	rows = slices.DeleteFunc(rows, func(row *connectionRow) bool { return heads[row.SessionID] == nil }) // of deleted sessions
	if !engineOf(tx).locksRows() || len(rows) == 0 {
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

// sqlDestroy ends connections whose sessions are indexed up to their last entries. A connection with entries is never
// purged, since its entries refer to it, and neither is one that a ban names. The arguments are the revisions, the time, the reason, and
// when to purge.
const sqlDestroy = "WITH ended (id, revision) AS (VALUES ?) UPDATE connections SET expires_at = NULL, destroyed_at = ?," +
	" destroyed_revision = ended.revision, reason = ?," +
	" purge_at = CASE WHEN EXISTS (SELECT 1 FROM sender_entries AS i" +
	" WHERE i.session_id = connections.session_id AND i.connection_id = connections.id)" +
	" OR EXISTS (SELECT 1 FROM bans AS b WHERE b.connection_id = connections.id)" +
	" OR EXISTS (SELECT 1 FROM bans AS b WHERE b.moderator_id = connections.id) THEN NULL ELSE ? END" +
	" FROM ended WHERE connections.id = ended.id"
