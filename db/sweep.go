package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// takeChunk is how many attachments of nodes that are gone are taken in one transaction.
const takeChunk = 1000

// Sweep implements session.Store. A session goes only when its last connection ended longer than idle ago too, so that
// who asks after that connection is still answered. Connections are destroyed last, so that what fails before has
// destroyed none, and in a transaction of their own: it takes sessions before connections, as every transaction does,
// which the first one's changes would be in the way of.
func (s *Store) Sweep(ctx context.Context, node string, grace, idle time.Duration, limit int) ([]session.RosterChange, error) {
	limit = max(limit, 0)
	err := s.sweep(ctx, node, func(ctx context.Context, tx bun.Tx, now int64) error {
		return heedClock(ctx, tx, now, max(grace, idle))
	})
	if err != nil {
		return nil, err
	}
	for more := true; more; {
		err := s.sweep(ctx, node, func(ctx context.Context, tx bun.Tx, now int64) (err error) {
			more, err = takeLapsed(ctx, tx, now, grace)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	err = s.sweep(ctx, node, func(ctx context.Context, tx bun.Tx, now int64) error {
		return removeSessions(ctx, tx, now-idle.Milliseconds(), limit)
	})
	if err != nil {
		return nil, err
	}
	err = s.sweep(ctx, node, func(ctx context.Context, tx bun.Tx, now int64) error {
		return purge(ctx, tx, now, limit)
	})
	if err != nil {
		return nil, err
	}
	return s.destroyAllDue(ctx, node, limit)
}

// destroyChunk is how many connections are destroyed in one transaction at most. Each session's sender_entries may have
// to be brought up to date before, and what takes longer than a transaction may would be tried again for ever.
const destroyChunk = 100

// destroyAllDue ends up to limit connections whose time has come. Those that are committed are returned even where the
// next ones fail: the next sweep takes these.
func (s *Store) destroyAllDue(ctx context.Context, node string, limit int) (changes []session.RosterChange, err error) {
	for limit > 0 {
		var due int
		var some []session.RosterChange
		err := s.sweep(ctx, node, func(ctx context.Context, tx bun.Tx, now int64) (err error) {
			some, due, err = destroyDue(ctx, tx, now, min(limit, destroyChunk))
			return err
		})
		if err != nil && len(changes) == 0 {
			return nil, err
		}
		if err != nil {
			s.logger.Warn("a sweep ended early; the next one goes on", "database", s.path, "error", err)
			break
		}
		changes = append(changes, some...)
		if due < destroyChunk {
			break
		}
		limit -= due
	}
	return changes, nil
}

// sweep runs one step of a sweep by this node in a transaction.
func (s *Store) sweep(ctx context.Context, node string, step func(ctx context.Context, tx bun.Tx, now int64) error) error {
	return s.write(ctx, "sweep", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		if node != "" {
			if err := mustHold(ctx, tx, node, now); err != nil {
				return err
			}
		}
		return step(ctx, tx, now)
	})
}

// destroyDue ends up to limit connections whose time has come, and says how many it found.
func destroyDue(ctx context.Context, tx bun.Tx, now int64, limit int) (changes []session.RosterChange, found int, err error) {
	var due []*connectionRow
	err = tx.NewSelect().Model(&due).Where("expires_at <= ?", now).Where(sqlLive).
		Order("expires_at", "session_id", "created_revision").Limit(int64(limit)).Scan(ctx)
	if err != nil || len(due) == 0 {
		return nil, 0, err
	}
	changes, err = destroy(ctx, tx, due, session.NetworkDisconnected, now, "expires_at <= ? AND NOT "+sqlAttached, now, now)
	return changes, len(due), err
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

// takeLapsed takes some of what is attached to nodes whose lease has run out, and says whether there is more.
func takeLapsed(ctx context.Context, tx bun.Tx, now int64, grace time.Duration) (more bool, err error) {
	// A node that is renewing its lease just now has its row: what it leaves there is what counts, so that none is taken
	// that was told that it holds its lease. Nobody who has a connection's row waits for this one: to attach asks no more than
	// that it stays.
	query := "SELECT id FROM nodes WHERE lease_until <= ? ORDER BY id"
	if lock := engineOf(tx).lockRows; lock != "" {
		query += " FOR " + lock
	}
	var nodes []int64
	if err := tx.NewRaw(query, now).Scan(ctx, &nodes); err != nil || len(nodes) == 0 {
		return false, err
	}
	lapsed := bun.List(nodes)
	var ids []string
	if err := tx.NewRaw(sqlLapsed, lapsed, takeChunk).Scan(ctx, &ids); err != nil {
		return false, err
	}
	if len(ids) > 0 {
		taken := bun.List(ids)
		if err := lockConnections(ctx, tx, "id IN (?)", taken); err != nil {
			return false, err
		}
		_, err := tx.ExecContext(ctx, sqlTakeLapsed, lapsed, taken, grace.Milliseconds(), grace.Milliseconds(), now)
		if err != nil {
			return false, err
		}
		const detach = "DELETE FROM attachments WHERE node_id IN (?) AND connection_id IN (?)"
		if _, err := tx.ExecContext(ctx, detach, lapsed, taken); err != nil {
			return false, err
		}
	}
	if len(ids) == takeChunk {
		return true, nil
	}
	// One that is being attached to a node of these holds its row, and then there is a conflict: again, with it.
	_, err = tx.ExecContext(ctx, "DELETE FROM nodes WHERE id IN (?)", lapsed)
	return false, err
}

const sqlLapsed = "SELECT DISTINCT connection_id FROM attachments WHERE node_id IN (?) ORDER BY connection_id LIMIT ?"

// sqlTakeLapsed sets the end of those of these connections that are attached to these nodes and to no live one.
const sqlTakeLapsed = "WITH lapsed AS (SELECT a.connection_id, max(n.lease_until) AS lease_until FROM attachments AS a" +
	" JOIN nodes AS n ON n.id = a.node_id WHERE n.id IN (?) AND a.connection_id IN (?) GROUP BY a.connection_id)" +
	" UPDATE connections SET expires_at = lapsed.lease_until + ? FROM lapsed WHERE connections.id = lapsed.connection_id" +
	" AND (expires_at IS NULL OR expires_at < lapsed.lease_until + ?) AND " + sqlLive + " AND NOT " + sqlAttached

// removeSessions removes up to limit sessions that were made on first use before this time and came to nothing.
func removeSessions(ctx context.Context, tx bun.Tx, before int64, limit int) error {
	var ids []string
	err := tx.NewRaw(sqlEmptySessions+sqlOldestSessions, before, session.Lobby, before, limit).Scan(ctx, &ids)
	if err != nil || len(ids) == 0 {
		return err
	}
	if engineOf(tx).lockRows != "" {
		// Somebody may be about to come in, or to post: what is still empty when nobody is stays so.
		if _, err := selectSessions(ctx, tx, ids); err != nil {
			return err
		}
		empty := bun.List(ids)
		ids = nil
		err := tx.NewRaw(sqlEmptySessions+" AND id IN (?)", before, session.Lobby, before, empty).Scan(ctx, &ids)
		if err != nil || len(ids) == 0 {
			return err
		}
	}
	for _, table := range []string{"connections", "stream_changes"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE session_id IN (?)", bun.List(ids)); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM sessions WHERE id IN (?)", bun.List(ids))
	return err
}

const sqlEmptySessions = "SELECT id FROM sessions WHERE last_seq = 0 AND NOT token_required AND created_at < ? AND id <> ?" +
	" AND NOT EXISTS (SELECT 1 FROM connections AS c WHERE c.session_id = sessions.id" +
	" AND (c.destroyed_at IS NULL OR c.destroyed_at >= ?))"

const sqlOldestSessions = " ORDER BY created_at LIMIT ?"

// purge removes up to limit connections that ended without an entry more than purgeAfter ago, and as many changes of
// streams as old.
func purge(ctx context.Context, tx bun.Tx, now int64, limit int) error {
	e := engineOf(tx)
	for _, query := range []string{sqlPurge(e), sqlPurgeStreamChanges(e)} {
		if _, err := tx.ExecContext(ctx, query, now, limit); err != nil {
			return err
		}
	}
	return nil
}

// What another node is purging just now is left to it.
func sqlPurgeStreamChanges(e *engine) string {
	return "DELETE FROM stream_changes WHERE (session_id, revision) IN (SELECT session_id, revision FROM stream_changes" +
		" WHERE purge_at <= ? ORDER BY purge_at LIMIT ?" + e.skipLocked + ")"
}

func sqlPurge(e *engine) string {
	return "DELETE FROM connections WHERE id IN" +
		" (SELECT id FROM connections WHERE purge_at <= ? ORDER BY purge_at LIMIT ?" + e.skipLocked + ")"
}

// heedClock brings ends that are further away than any can be set, since the clock went back, to where the furthest would
// be set now: connections that are gone would else be there for as long as it went back.
func heedClock(ctx context.Context, tx bun.Tx, now int64, furthest time.Duration) error {
	const lower = "UPDATE connections SET expires_at = ? WHERE expires_at > ? AND " + sqlLive
	until := now + furthest.Milliseconds()
	_, err := tx.ExecContext(ctx, lower, until, until)
	return err
}
