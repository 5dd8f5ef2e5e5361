package db

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"chattok/session"
)

// keyChanging is the key of meta that is set with the first change of a kind that nodes of early versions do not know: an entry changed
// or erased, somebody banned, a read mark moved, a setting made, streams to come muted. From then on a trigger refuses such nodes'
// entries, in a way that they answer with UNAVAILABLE, so that their clients lose no post.
const keyChanging = "changing"

// admitChange admits a transaction that makes a change of such a kind. While a node of an early version holds its lease, as in an
// upgrade of one node after the other, the transaction is refused: the node would number entries as if nothing had been changed,
// and admit those who are banned. A node that comes back later without a lease is refused by the trigger instead: it either holds
// the session's row before this transaction does, or sees what this transaction has set. It locks the key's row, and so comes before
// sessions are locked, in every transaction. Errors: UNAVAILABLE.
func (s *Store) admitChange(ctx context.Context, tx bun.Tx) error {
	if !s.engine.locksRows() {
		return nil // one process owns the file
	}
	var changing, older bool
	if err := tx.NewRaw(s.sqlFence(), s.offset()).Scan(ctx, &changing, &older); err != nil || changing {
		return err
	}
	if older {
		return olderNode()
	}
	return putMeta(ctx, tx, keyChanging, "1")
}

// readOnlyVersion is the first schema whose nodes know sessions that are read-only or deleted, and roles that change.
const readOnlyVersion = 10

// requireVersion refuses a transaction while a node of a schema before version holds its lease: it would let people do what they may
// not do any more. Such a node can't start again once the schema is newer. Errors: UNAVAILABLE.
func (s *Store) requireVersion(ctx context.Context, tx bun.Tx, version int) error {
	if !s.engine.locksRows() {
		return nil // one process owns the file
	}
	var older bool
	const leased = "SELECT EXISTS (SELECT 1 FROM nodes WHERE (schema_version IS NULL OR schema_version < ?) AND lease_until > "
	if err := tx.NewRaw(leased+s.engine.now+" + ?)", version, s.offset()).Scan(ctx, &older); err != nil || !older {
		return err
	}
	return olderNode()
}

func olderNode() error {
	return session.Unavailable(fmt.Errorf("a node of an earlier version still serves the database; wait until all are upgraded"))
}

// sqlFence selects whether the key is set, and whether a node of an earlier version holds a lease.
func (s *Store) sqlFence() string {
	return "SELECT EXISTS (SELECT 1 FROM meta WHERE key = '" + keyChanging + "')," +
		" EXISTS (SELECT 1 FROM nodes WHERE schema_version IS NULL AND lease_until > " + s.engine.now + " + ?)"
}
