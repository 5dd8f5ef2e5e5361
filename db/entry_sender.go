package db

import (
	"context"
	"errors"
	"math"

	"chattok/session"
)

// senderEntries reads the rows of a query that names a sender, the newest first where it goes backward.
func (s *Store) senderEntries(ctx context.Context, q session.EntryQuery) (found []*entryRow, err error) {
	kind := selectSenderForward
	switch {
	case q.NotDeleted && q.Backward:
		kind = selectUndeletedBackward
	case q.NotDeleted:
		kind = selectUndeletedForward
	case q.Backward:
		kind = selectSenderBackward
	}
	values := senderQuery{sessionID: q.SessionID, connectionID: q.ConnectionID, limit: q.Limit}
	values.indexed = seqRange{after: q.After, before: q.Before}
	if q.Before <= 0 {
		values.indexed.before = math.MaxInt64
	}
	recent := q
	if q.NotDeleted {
		recent.Limit = math.MaxInt // some that are remembered may be deleted
	}
	values.unindexed.after, values.unindexed.before = s.unindexed.narrow(recent)
	rows, err := s.reading.read(ctx, kind, values.args()...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row := new(entryRow)
		if err := row.scan(rows); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		found = append(found, row)
	}
	return found, errors.Join(rows.Err(), rows.Close())
}
