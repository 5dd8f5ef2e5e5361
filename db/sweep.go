package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// releaseChunk is how many attachments to nodes that are gone are removed in one transaction.
const releaseChunk = 1000

// Sweep implements session.Store. A session is removed only when its last connection ended longer than idle ago, so
// that a question about that connection is still answered. Connections are destroyed last, so that a failure before has
// destroyed none. They are destroyed in a transaction of their own: every transaction locks sessions before
// connections, and the earlier steps have locked connections.
func (s *Store) Sweep(ctx context.Context, node string, grace, idle time.Duration, limit int) ([]session.RosterChange, error) {
	limit = max(limit, 0)
	err := s.sweep(ctx, node, func(ctx context.Context, tx bun.Tx, now int64) error {
		return clampExpiry(ctx, tx, now, max(grace, idle))
	})
	if err != nil {
		return nil, err
	}
	for more := true; more; {
		err := s.sweep(ctx, node, func(ctx context.Context, tx bun.Tx, now int64) (err error) {
			more, err = releaseLapsed(ctx, tx, now, grace)
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
	for _, purge := range []func(context.Context, bun.Tx, int64, int) error{purgeStreamChanges, purgeChangeKeys} {
		err := s.sweep(ctx, node, func(ctx context.Context, tx bun.Tx, now int64) error { return purge(ctx, tx, now, limit) })
		if err != nil {
			return nil, err
		}
	}
	return s.destroyAllDue(ctx, node, limit)
}

// destroyChunk is how many connections are destroyed in one transaction at most. The senders of each of their sessions
// may have to be indexed first, and a transaction that takes longer than its timeout would be tried again for ever.
const destroyChunk = 100

// destroyAllDue ends up to limit connections that are due. It returns those whose end is committed even where the next
// ones fail: the next sweep ends those.
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

// sweep runs one step of a sweep in a transaction, for a node that holds its lease.
func (s *Store) sweep(ctx context.Context, node string, step func(ctx context.Context, tx bun.Tx, now int64) error) error {
	return s.writeFew(ctx, "sweep", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		if node != "" {
			if err := requireLease(ctx, tx, node, now); err != nil {
				return err
			}
		}
		return step(ctx, tx, now)
	})
}

// destroyDue ends up to limit connections that are due, and returns how many it found.
func destroyDue(ctx context.Context, tx bun.Tx, now int64, limit int) (changes []session.RosterChange, found int, err error) {
	var due []*connectionRow
	err = tx.NewSelect().Model(&due).Where("expires_at <= ?", now).Where(sqlLive).Where(sqlNotDeleted).
		Order("expires_at", "session_id", "created_revision").Limit(int64(limit)).Scan(ctx)
	if err != nil || len(due) == 0 {
		return nil, 0, err
	}
	changes, err = destroy(ctx, tx, due, session.NetworkDisconnected, now, "expires_at <= ? AND NOT "+sqlAttached, now, now)
	return changes, len(due), err
}

// sqlNotDeleted leaves out connections of deleted sessions, which are removed with them.
const sqlNotDeleted = "NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = session_id AND s.deleted_at IS NOT NULL)"

// requireLease returns an error where a node's lease has run out.
func requireLease(ctx context.Context, tx bun.Tx, node string, now int64) error {
	var held bool
	err := tx.NewRaw("SELECT EXISTS (SELECT 1 FROM nodes WHERE name = ? AND lease_until > ?)", node, now).Scan(ctx, &held)
	if err == nil && !held {
		err = session.Errorf(session.CodeUnavailable, "the node's lease has run out")
	}
	return err
}

// releaseLapsed removes attachments to nodes whose lease has run out, and says whether there are more.
func releaseLapsed(ctx context.Context, tx bun.Tx, now int64, grace time.Duration) (more bool, err error) {
	// A node that is renewing its lease at this moment has locked its row, and the result of the renewal is read then:
	// no node loses attachments after it was told that it holds its lease. No transaction that has locked a connection
	// waits for this one: to attach a connection needs no more of a node's row than that it stays.
	query := "SELECT id FROM nodes WHERE lease_until <= ? ORDER BY id" + engineOf(tx).forLock()
	var nodes []int64
	if err := tx.NewRaw(query, now).Scan(ctx, &nodes); err != nil || len(nodes) == 0 {
		return false, err
	}
	lapsed := bun.List(nodes)
	var ids []string
	if err := tx.NewRaw(sqlLapsed, lapsed, releaseChunk).Scan(ctx, &ids); err != nil {
		return false, err
	}
	if len(ids) > 0 {
		taken := bun.List(ids)
		if err := lockConnections(ctx, tx, "id IN (?)", taken); err != nil {
			return false, err
		}
		_, err := tx.ExecContext(ctx, sqlReleaseLapsed, lapsed, taken, grace.Milliseconds(), grace.Milliseconds(), now)
		if err != nil {
			return false, err
		}
		const detach = "DELETE FROM attachments WHERE node_id IN (?) AND connection_id IN (?)"
		if _, err := tx.ExecContext(ctx, detach, lapsed, taken); err != nil {
			return false, err
		}
	}
	if len(ids) == releaseChunk {
		return true, nil
	}
	// A transaction that attaches a connection to one of these nodes holds the node's row. The two then conflict, and
	// this one runs again with the new attachment.
	_, err = tx.ExecContext(ctx, "DELETE FROM nodes WHERE id IN (?)", lapsed)
	return false, err
}

const sqlLapsed = "SELECT DISTINCT connection_id FROM attachments WHERE node_id IN (?) ORDER BY connection_id LIMIT ?"

// sqlReleaseLapsed sets the end of connections that are attached to these nodes and to no node whose lease runs.
const sqlReleaseLapsed = "WITH lapsed AS (SELECT a.connection_id, max(n.lease_until) AS lease_until FROM attachments AS a" +
	" JOIN nodes AS n ON n.id = a.node_id WHERE n.id IN (?) AND a.connection_id IN (?) GROUP BY a.connection_id)" +
	" UPDATE connections SET expires_at = lapsed.lease_until + ? FROM lapsed WHERE connections.id = lapsed.connection_id" +
	" AND (expires_at IS NULL OR expires_at < lapsed.lease_until + ?) AND " + sqlLive + " AND NOT " + sqlAttached

// removeSessions removes up to limit sessions that were created on first use before this time and are empty.
func removeSessions(ctx context.Context, tx bun.Tx, before int64, limit int) error {
	var ids []string
	err := tx.NewRaw(sqlEmptySessions+sqlOldestSessions, before, session.Lobby, before, before, limit).Scan(ctx, &ids)
	if err != nil || len(ids) == 0 {
		return err
	}
	if engineOf(tx).locksRows() {
		// A connection may be created, or an entry posted, at this moment: once the rows are locked, a session that is
		// still empty stays empty.
		if _, err := selectSessions(ctx, tx, ids); err != nil {
			return err
		}
		empty := bun.List(ids)
		ids = nil
		err := tx.NewRaw(sqlEmptySessions+" AND id IN (?)", before, session.Lobby, before, before, empty).Scan(ctx, &ids)
		if err != nil || len(ids) == 0 {
			return err
		}
	}
	for _, table := range []string{"service_connections", "connections", "stream_changes", "bans", "read_marks"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE session_id IN (?)", bun.List(ids)); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM sessions WHERE id IN (?)", bun.List(ids))
	return err
}

// sqlEmptySessions leaves out sessions with settings, or with a ban: both would be lost.
const sqlEmptySessions = "SELECT id FROM sessions WHERE last_seq = 0 AND NOT token_required AND created_at < ? AND id <> ?" +
	" AND slow_mode = 0 AND NOT read_only AND data IS NULL AND retention IS NULL AND banned_until < ? AND deleted_at IS NULL" +
	" AND NOT EXISTS (SELECT 1 FROM connections AS c WHERE c.session_id = sessions.id" +
	" AND (c.destroyed_at IS NULL OR c.destroyed_at >= ?))"

const sqlOldestSessions = " ORDER BY created_at LIMIT ?"

// purge removes connections without entries that ended longer than purgeAfter ago, bans that have ended, read marks whose time is up, and
// rows of the feed that are kept for a time: up to limit of each.
func purge(ctx context.Context, tx bun.Tx, now int64, limit int) error {
	e := engineOf(tx)
	for _, query := range []string{sqlPurge(e), sqlPurgeBans(e), sqlPurgeMarks(e)} {
		if _, err := tx.ExecContext(ctx, query, now, limit); err != nil {
			return err
		}
	}
	return purgeFeed(ctx, tx, now, limit)
}

func sqlPurge(e *engine) string {
	return "DELETE FROM connections WHERE id IN" +
		" (SELECT id FROM connections WHERE purge_at <= ? ORDER BY purge_at LIMIT ?" + e.skipLocked + ")"
}

// clampExpiry brings ends forward that are later than any end can be set, which happens when the clock is set back:
// connections that are gone would stay for as long as the clock went back.
func clampExpiry(ctx context.Context, tx bun.Tx, now int64, furthest time.Duration) error {
	const lower = "UPDATE connections SET expires_at = ? WHERE expires_at > ? AND " + sqlLive
	until := now + furthest.Milliseconds()
	_, err := tx.ExecContext(ctx, lower, until, until)
	return err
}
