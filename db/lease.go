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

// How a connection comes to its end: expires_at is NULL while it is attached to a node whose lease runs, and else the
// time of its end. A node's lease is a row of nodes; one that ran out is never renewed: its node starts again with a new
// row, so that what was attached before stays with the old one until the sweep takes it. A connection may have an
// expires_at and be attached to a node whose lease has run out, where it was touched since: the later end counts.

//
// Who changes what a connection is attached to, or its end, takes its row first, in a statement of its own: what it reads
// then is what others left. Two that detach the last two sockets at once would else each see the other's, and the
// connection would have no end.

// lockConnections keeps the connections of the condition from other transactions until the end of this one.
func lockConnections(ctx context.Context, tx bun.Tx, condition string, args ...any) error {
	lock := engineOf(tx).lockRows
	if lock == "" {
		return nil
	}
	query := "SELECT count(*) FROM (SELECT id FROM connections WHERE " + condition + " ORDER BY id FOR " + lock + ") AS locked"
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

// sqlAttached is the condition of a connection with a socket on a live node; it takes the time.
const sqlAttached = "EXISTS (SELECT 1 FROM attachments AS a JOIN nodes AS n ON n.id = a.node_id" +
	" WHERE a.connection_id = connections.id AND n.lease_until > ?)"

// RenewNode implements session.Store.
func (s *Store) RenewNode(ctx context.Context, node string, lease time.Duration) (held bool, err error) {
	err = s.write(ctx, "renew node", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		until := now + lease.Milliseconds()
		if err := heedLeases(ctx, tx, now, lease); err != nil {
			return err
		}
		const renew = "UPDATE nodes SET lease_until = ? WHERE name = ? AND lease_until > ?"
		renewed, err := tx.ExecContext(ctx, renew, until, node, now)
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
		const begin = "INSERT INTO nodes (id, name, lease_until) VALUES (?, ?, ?)"
		_, err = tx.ExecContext(ctx, begin, rand.Int64(), node, until)
		return err
	})
	return held && err == nil, err
}

// longLease is longer than any node's lease is.
const longLease = time.Minute

// heedLeases brings leases that run longer than any can, since the clock went back, to where the longest would end now: a
// node that has died would else be alive for as long as it went back.
func heedLeases(ctx context.Context, tx bun.Tx, now int64, lease time.Duration) error {
	until := now + max(longLease, lease).Milliseconds()
	_, err := tx.ExecContext(ctx, "UPDATE nodes SET lease_until = ? WHERE lease_until > ?", until, until)
	return err
}

// Attach implements session.Store. A node that holds no lease gets UNAVAILABLE.
func (s *Store) Attach(ctx context.Context, node string, connectionIDs []string) (refused map[string]error, err error) {
	if len(connectionIDs) == 0 {
		return nil, nil
	}
	err = s.write(ctx, "attach", func(ctx context.Context, tx bun.Tx) error {
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

// selectLive returns those of the ids that are live connections'.
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

// Detach implements session.Store. A connection that is not attached to the node is left as it is.
func (s *Store) Detach(ctx context.Context, node string, connectionIDs []string, grace time.Duration) error {
	connectionIDs = storableOnly(connectionIDs)
	if len(connectionIDs) == 0 {
		return nil
	}
	return s.write(ctx, "detach", func(ctx context.Context, tx bun.Tx) error {
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

// postpone gives the live connections of the condition at least so long from now, save those that are attached to a
// live node, which have no end in sight.
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
	return s.write(ctx, "touch", func(ctx context.Context, tx bun.Tx) error {
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
	if err := s.checkPlace(true); err != nil {
		return err
	}
	if err := s.checkRoom(); err != nil {
		return fail("ping", err)
	}
	if _, err := s.Session(ctx, session.Lobby); err != nil {
		return err
	}
	return s.write(ctx, "ping", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		return putMeta(ctx, tx, keyPing, toTime(now).Format(time.RFC3339))
	})
}
