package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// The end of a connection: expires_at is NULL while the connection is attached to a node whose lease runs, and
// otherwise the time at which it ends.
//
// A node's lease is a row of nodes. A lease that ran out is never renewed: the node begins again with a new row, and
// what was attached to the old row stays there until the sweep releases it. A connection that was touched since its
// node's lease ran out has an expires_at and is attached as well: the later end counts.
//
// A transaction that changes a connection's attachments, or its end, locks the connection's row first, in a statement
// of its own, and then reads what other transactions left. Otherwise two transactions that detach a connection's last
// two sockets at the same time would each see the other's attachment, and the connection would never end.

// lockConnections locks the connections that meet a condition until the end of the transaction.
func lockConnections(ctx context.Context, tx bun.Tx, condition string, args ...any) error {
	e := engineOf(tx)
	if !e.locksRows() {
		return nil
	}
	query := "SELECT count(*) FROM (SELECT id FROM connections WHERE " + condition + " ORDER BY id" + e.forLock() + ") AS locked"
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

// sqlAttached is the condition of a connection with a socket on a node whose lease runs. Its argument is the time.
const sqlAttached = "EXISTS (SELECT 1 FROM attachments AS a JOIN nodes AS n ON n.id = a.node_id" +
	" WHERE a.connection_id = connections.id AND n.lease_until > ?)"

// RenewNode implements session.Store.
func (s *Store) RenewNode(ctx context.Context, node string, lease time.Duration, report session.NodeReport) (held bool, err error) {
	err = s.writeFew(ctx, "renew node", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		until := now + lease.Milliseconds()
		if err := clampLeases(ctx, tx, now, lease); err != nil {
			return err
		}
		row := newNodeRow(node, report, now)
		row.ID, row.LeaseUntil, row.SchemaVersion = rand.Int64(), until, s.migrated.To
		renewed, err := tx.NewUpdate().Model(row).ExcludeColumn("id", "name", "started_at").
			Where("name = ? AND lease_until > ?", node, now).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := renewed.RowsAffected()
		if err != nil {
			return err
		}
		if held = n > 0; held {
			return nil
		}
		_, err = tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
	return held && err == nil, err
}

// maxLease is longer than any node's lease.
const maxLease = time.Minute

// clampLeases shortens leases that run longer than any lease can, which happens when the clock is set back: the lease
// of a node that has died would run for as long as the clock went back.
func clampLeases(ctx context.Context, tx bun.Tx, now int64, lease time.Duration) error {
	until := now + max(maxLease, lease).Milliseconds()
	_, err := tx.ExecContext(ctx, "UPDATE nodes SET lease_until = ? WHERE lease_until > ?", until, until)
	return err
}

// Attach implements session.Store. A node that holds no lease gets UNAVAILABLE.
func (s *Store) Attach(ctx context.Context, node string, connectionIDs []string) (refused map[string]error, err error) {
	if len(connectionIDs) == 0 {
		return nil, nil
	}
	err = s.writeFew(ctx, "attach", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		var nodeID int64
		const holder = "SELECT id FROM nodes WHERE name = ? AND lease_until > ?"
		err = tx.NewRaw(holder, node, now).Scan(ctx, &nodeID)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("node %s holds no lease", node)
		}
		if err != nil {
			return err
		}
		if err := lockConnections(ctx, tx, "id IN (?)", bun.List(storableOnly(connectionIDs))); err != nil {
			return err
		}
		live, err := selectLive(ctx, tx, connectionIDs)
		if err != nil {
			return err
		}
		refused = refusals(connectionIDs, live)
		if len(live) == 0 {
			return nil
		}
		const settle = "UPDATE connections SET expires_at = NULL, had_socket = TRUE WHERE id IN (?)"
		if _, err := tx.ExecContext(ctx, settle, bun.List(live)); err != nil {
			return err
		}
		const attach = "INSERT INTO attachments (connection_id, node_id) SELECT id, ? FROM connections WHERE id IN (?)" +
			" ON CONFLICT DO NOTHING"
		_, err = tx.ExecContext(ctx, attach, nodeID, bun.List(live))
		return err
	})
	if err != nil {
		return nil, err
	}
	return refused, nil
}

// selectLive returns the ids of live connections among these ids.
func selectLive(ctx context.Context, db bun.IDB, ids []string) ([]string, error) {
	ids = storableOnly(ids)
	if len(ids) == 0 {
		return nil, nil
	}
	var live []string
	err := db.NewRaw("SELECT id FROM connections WHERE id IN (?) AND "+sqlLive, bun.List(ids)).Scan(ctx, &live)
	return live, err
}

func refusals(ids, live []string) map[string]error {
	alive := make(map[string]bool, len(live))
	for _, id := range live {
		alive[id] = true
	}
	var refused map[string]error
	for _, id := range ids {
		if !alive[id] {
			if refused == nil {
				refused = make(map[string]error)
			}
			refused[id] = connectionDestroyed()
		}
	}
	return refused
}

// Detach implements session.Store. A connection that is not attached to the node is not changed.
func (s *Store) Detach(ctx context.Context, node string, connectionIDs []string, grace time.Duration) error {
	connectionIDs = storableOnly(connectionIDs)
	if len(connectionIDs) == 0 {
		return nil
	}
	return s.writeFew(ctx, "detach", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		if err := lockConnections(ctx, tx, "id IN (?)", bun.List(connectionIDs)); err != nil {
			return err
		}
		var detached []string
		const detach = "DELETE FROM attachments WHERE connection_id IN (?)" +
			" AND node_id IN (SELECT id FROM nodes WHERE name = ?) RETURNING connection_id"
		if err := tx.NewRaw(detach, bun.List(connectionIDs), node).Scan(ctx, &detached); err != nil {
			return err
		}
		return postpone(ctx, tx, now, grace, "id IN (?)", bun.List(detached))
	})
}

// postpone moves the ends of live connections that meet a condition to at least this long from now. A connection that
// is attached to a node whose lease runs has no end, and is not changed.
func postpone(ctx context.Context, tx bun.Tx, now int64, by time.Duration, condition string, args ...any) error {
	until := now + by.Milliseconds()
	query := "UPDATE connections SET expires_at = ? WHERE (expires_at IS NULL OR expires_at < ?) AND " + sqlLive +
		" AND NOT " + sqlAttached + " AND " + condition
	_, err := tx.ExecContext(ctx, query, append([]any{until, until, now}, args...)...)
	return err
}

// Touch implements session.Store.
func (s *Store) Touch(ctx context.Context, connectionIDs []string, idle, grace time.Duration) error {
	connectionIDs = storableOnly(connectionIDs)
	if len(connectionIDs) == 0 {
		return nil
	}
	return s.writeFew(ctx, "touch", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		ids := bun.List(connectionIDs)
		if err := lockConnections(ctx, tx, "id IN (?)", ids); err != nil {
			return err
		}
		if err := postpone(ctx, tx, now, idle, "id IN (?) AND NOT had_socket", ids); err != nil {
			return err
		}
		return postpone(ctx, tx, now, grace, "id IN (?) AND had_socket", ids)
	})
}

// Ping implements session.Store.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.backend.check(); err != nil {
		return err
	}
	if _, err := s.Session(ctx, session.Lobby); err != nil {
		return err
	}
	return s.writeFew(ctx, "ping", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		return putMeta(ctx, tx, keyPing, toTime(now).Format(time.RFC3339))
	})
}
