package db

import (
	"context"

	"github.com/uptrace/bun"

	"chattok/session"
)

// AppendEntries implements session.Store. It is the hot path: a group of entries costs one look-up of its sessions, one of
// its senders, one of its idempotency keys, one update of the sessions and one insertion, by statements that are prepared
// once.
func (s *Store) AppendEntries(ctx context.Context, entries []session.NewEntry) []session.EntryResult {
	g := newGroup(s, entries)
	if len(entries) == 0 {
		return g.results
	}
	err := s.appendGroup(ctx, g, g.insertTogether)
	if s.engine.classify(err) == failureOfRow {
		err = s.appendGroup(ctx, g, g.insertSingly) // one of the entries can't be stored: find out which
	}
	if err != nil {
		for i := range g.results {
			g.results[i] = session.EntryResult{Err: err}
		}
	}
	return g.results
}

// appendGroup runs the transaction of one group. insert checks the entries, stores those that pass, and fills in the
// results.
func (s *Store) appendGroup(ctx context.Context, g *group, insert func(context.Context) error) error {
	err := s.writeFewPrepared(ctx, "append entries", g.prepare, func(ctx context.Context, tx bun.Tx) error {
		g.begin(tx)
		if err := g.lookUp(ctx); err != nil {
			return err
		}
		if err := insert(ctx); err != nil {
			return err
		}
		if err := g.moveGuests(ctx); err != nil {
			return err
		}
		if err := g.noteAdmitted(ctx); err != nil {
			return err
		}
		return g.advance(ctx)
	}, func() {
		g.remember()
		s.total.Add(g.added)
	})
	if err != nil {
		g.forget()
	}
	return err
}

// insertTogether stores all entries that pass the check in one insertion.
func (g *group) insertTogether(ctx context.Context) error {
	var guests []*connectionRow
	accepted := make([]*session.ChatEntry, 0, len(g.entries))
	for i := range g.entries {
		entry, guest := g.check(i)
		if entry != nil {
			accepted = append(accepted, entry)
		}
		if guest != nil {
			guests = append(guests, guest)
		}
	}
	if err := g.insertGuests(ctx, guests); err != nil {
		return err
	}
	return g.insertEntries(ctx, accepted)
}

// insertSingly stores each entry that passes the check under a savepoint, so that an entry that can't be stored fails
// alone.
func (g *group) insertSingly(ctx context.Context) error {
	for i := range g.entries {
		entry, guest := g.check(i)
		if entry == nil {
			continue
		}
		err := g.tx.RunInTx(ctx, nil, func(ctx context.Context, _ bun.Tx) error {
			if guest != nil {
				if err := g.insertGuests(ctx, []*connectionRow{guest}); err != nil {
					return err
				}
			}
			return g.insertEntries(ctx, []*session.ChatEntry{entry})
		})
		if g.statements.engine.classify(err) == failureOfRow {
			g.undo(i, entry, guest)
			g.results[i] = session.EntryResult{Err: &session.Error{
				Code: session.CodeInternal, Message: "this entry can't be stored", Err: err,
			}}
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}
