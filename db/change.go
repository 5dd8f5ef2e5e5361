package db

import (
	"context"

	"github.com/uptrace/bun"

	"chattok/session"
)

// ChangeEntries implements session.Store. Several changes of one entry make one event, at the place of the last of them, so that
// the places of a call have no gap.
func (s *Store) ChangeEntries(ctx context.Context, changes []session.NewChange) []session.ChangeResult {
	g := newChangeGroup(s, changes)
	if len(changes) == 0 {
		return g.results
	}
	err := s.writeFewPrepared(ctx, "change entries", g.prepare, func(ctx context.Context, tx bun.Tx) error {
		return g.run(ctx, s, tx)
	}, func() { g.committed(s) })
	if err != nil {
		for i := range g.results {
			g.results[i] = session.ChangeResult{Err: err}
		}
	}
	return g.results
}
