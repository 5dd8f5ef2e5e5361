package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// HoldLease implements session.Store. A lease that runs longer than any can, since the clock was set back, has run out.
func (s *Store) HoldLease(ctx context.Context, name, node string, length time.Duration) (held bool, err error) {
	if length <= 0 {
		return false, s.writeFew(ctx, "give a lease up", func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE leases SET until = 0 WHERE name = ? AND node = ?", name, node)
			return err
		})
	}
	err = s.writeFew(ctx, "hold a lease", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		const hold = "INSERT INTO leases (name, node, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE" +
			" SET node = excluded.node, until = excluded.until" +
			" WHERE leases.node = excluded.node OR leases.until <= ? OR leases.until > ?"
		done, err := tx.ExecContext(ctx, hold, name, node, now+length.Milliseconds(), now, now+max(maxLease, length).Milliseconds())
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		held = n > 0
		return err
	})
	return held && err == nil, err
}

// requireNamedLease locks a lease that a node holds until the end of the transaction, so that no other node takes it meanwhile.
// Errors: UNAVAILABLE where the node does not hold it.
func requireNamedLease(ctx context.Context, tx bun.Tx, name, node string, now int64) error {
	var holders []string
	query := "SELECT node FROM leases WHERE name = ? AND node = ? AND until > ?" + engineOf(tx).forLock()
	err := tx.NewRaw(query, name, node, now).Scan(ctx, &holders)
	if err == nil && len(holders) == 0 {
		err = session.Errorf(session.CodeUnavailable, "the node does not hold the lease %s", name)
	}
	return err
}

// endLeases ends all leases of a database that one process serves: those who held them are gone.
func endLeases(ctx context.Context, db bun.IDB) error {
	_, err := db.ExecContext(ctx, "DELETE FROM leases")
	return err
}
