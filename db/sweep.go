package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// Sweep implements session.Store. A session goes only when its last connection ended longer than idle ago too, so that
// who asks after that connection is still answered.
func (s *Store) Sweep(ctx context.Context, node string, grace, idle time.Duration, limit int) ([]session.RosterChange, error) {
	var changes []session.RosterChange
	err := s.write(ctx, "sweep", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		if node != "" {
			if err := mustHold(ctx, tx, node, now); err != nil {
				return err
			}
		}
		if err := takeLapsed(ctx, tx, now, grace); err != nil {
			return err
		}
		var due []*connectionRow
		err = tx.NewSelect().Model(&due).Where("expires_at <= ?", now).Where(sqlLive).
			Order("expires_at", "session_id", "created_revision").Limit(int64(max(limit, 0))).Scan(ctx)
		if err != nil {
			return err
		}
		if len(due) > 0 {
			if changes, err = destroy(ctx, tx, due, session.NetworkDisconnected, now); err != nil {
				return err
			}
		}
		if err := removeSessions(ctx, tx, now-idle.Milliseconds(), limit); err != nil {
			return err
		}
		return purge(ctx, tx, now, limit)
	})
	if err != nil {
		return nil, err
	}
	return changes, nil
}

// mustHold fails where a node's lease has run out.
func mustHold(ctx context.Context, tx bun.Tx, node string, now int64) error {
	var held bool
	err := tx.NewRaw("SELECT EXISTS (SELECT 1 FROM nodes WHERE name = ? AND lease_until > ?)", node, now).Scan(ctx, &held)
	if err == nil && !held {
		err = session.Errorf(session.CodeUnavailable, "the node's lease has run out")
	}
	return err
}

// takeLapsed takes what is attached to nodes whose lease has run out.
func takeLapsed(ctx context.Context, tx bun.Tx, now int64, grace time.Duration) error {
	var nodes []int64
	if err := tx.NewRaw("SELECT id FROM nodes WHERE lease_until <= ?", now).Scan(ctx, &nodes); err != nil {
		return err
	}
	if len(nodes) == 0 {
		return nil
	}
	lapsed := bun.List(nodes)
	_, err := tx.ExecContext(ctx, sqlTakeLapsed, lapsed, grace.Milliseconds(), grace.Milliseconds(), now)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM attachments WHERE node_id IN (?)", lapsed); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM nodes WHERE id IN (?)", lapsed)
	return err
}

// sqlTakeLapsed sets the end of what is attached to these nodes and to no live one.
const sqlTakeLapsed = "WITH lapsed AS (SELECT a.connection_id, max(n.lease_until) AS lease_until FROM attachments AS a" +
	" JOIN nodes AS n ON n.id = a.node_id WHERE n.id IN (?) GROUP BY a.connection_id)" +
	" UPDATE connections SET expires_at = lapsed.lease_until + ? FROM lapsed WHERE connections.id = lapsed.connection_id" +
	" AND (expires_at IS NULL OR expires_at < lapsed.lease_until + ?) AND " + sqlLive + " AND NOT " + sqlAttached

// removeSessions removes up to limit sessions that were made on first use before this time and came to nothing.
func removeSessions(ctx context.Context, tx bun.Tx, before int64, limit int) error {
	var ids []string
	if err := tx.NewRaw(sqlEmptySessions, before, session.Lobby, before, max(limit, 0)).Scan(ctx, &ids); err != nil {
		return err
	}
	if len(ids) == 0 {
		return nil
	}
	for _, table := range []string{"connections", "stream_changes"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE session_id IN (?)", bun.List(ids)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM sessions WHERE id IN (?)", bun.List(ids))
	return err
}

const sqlEmptySessions = "SELECT id FROM sessions WHERE last_seq = 0 AND NOT token_required AND created_at < ? AND id <> ?" +
	" AND NOT EXISTS (SELECT 1 FROM connections AS c WHERE c.session_id = sessions.id" +
	" AND (c.destroyed_at IS NULL OR c.destroyed_at >= ?)) ORDER BY created_at LIMIT ?"

// purge removes up to limit connections that ended without an entry more than purgeAfter ago, and as many changes of
// streams as old.
func purge(ctx context.Context, tx bun.Tx, now int64, limit int) error {
	for _, query := range []string{sqlPurge, sqlPurgeStreamChanges} {
		if _, err := tx.ExecContext(ctx, query, now, max(limit, 0)); err != nil {
			return err
		}
	}
	return nil
}

const sqlPurgeStreamChanges = "DELETE FROM stream_changes WHERE (session_id, revision) IN" +
	" (SELECT session_id, revision FROM stream_changes WHERE purge_at <= ? ORDER BY purge_at LIMIT ?)"

const sqlPurge = "DELETE FROM connections WHERE id IN (SELECT id FROM connections WHERE purge_at <= ? ORDER BY purge_at LIMIT ?)"
