package db

import (
	"context"
	"math"
	"slices"

	"github.com/uptrace/bun"

	"chattok/session"
)

// DeleteEntries implements session.Store. It searches the log outside the transaction, so that nobody waits to write meanwhile. All calls
// of one deletion search each entry once.
func (s *Store) DeleteEntries(
	ctx context.Context, sessionID, connectionID string, userID *string, by session.Actor, before int64, limit int,
) (run session.LogRun, next int64, err error) {
	if !storable(sessionID) || !storable(connectionID) || userID != nil && !storable(*userID) || limit <= 0 {
		return run, 0, nil
	}
	by.Moderator = true
	of := author{sessionID, connectionID, userID}
	found, err := read(ctx, s, "read entries to delete", func(ctx context.Context) (undeleted, error) {
		return of.search(ctx, s.readers, before, limit)
	})
	if err != nil {
		return run, 0, err
	}
	g := newChangeGroup(s, nil)
	var end int64 // the log's last place
	prepare := func(ctx context.Context) error { return g.prepareFor(ctx, limit) }
	err = s.writeFewPrepared(ctx, "delete entries", prepare, func(ctx context.Context, tx bun.Tx) error {
		g, next = newChangeGroup(s, nil), 0
		if err := s.admitChange(ctx, tx); err != nil {
			return err
		}
		sessions, err := selectSessions(ctx, tx, []string{sessionID})
		if err != nil || len(sessions) == 0 {
			return err
		}
		end = sessions[0].LastSeq + sessions[0].Changes
		seqs := found.seqs
		if before == 0 {
			if err := indexAll(ctx, tx, sessions); err != nil {
				return err
			}
			newer, err := of.newest(ctx, tx, found.indexed+1, math.MaxInt64, limit)
			if err != nil {
				return err
			}
			seqs = slices.Concat(newer, seqs)
		}
		seqs = slices.DeleteFunc(slices.Clone(seqs), func(seq int64) bool { return seq <= sessions[0].RemovedSeq }) // since the search
		if len(seqs) >= limit {
			seqs = seqs[:limit]
			next = seqs[limit-1]
		}
		deletions := make([]session.NewChange, len(seqs))
		for i, seq := range seqs {
			deletions[i] = session.NewChange{SessionID: sessionID, Seq: seq, Actor: by, Kind: session.EntryDeleted}
		}
		g = newChangeGroup(s, deletions)
		return g.run(ctx, s, tx)
	}, func() { g.committed(s) })
	if err != nil {
		return session.LogRun{}, 0, err
	}
	run, err = g.logRun(end)
	return run, next, err
}

// author is a user in a session, or a connection where userID is nil.
type author struct {
	sessionID, connectionID string
	userID                  *string
}

// undeleted are the numbers of an author's entries that are not deleted, the newest first, among those that sender_entries had.
type undeleted struct {
	seqs    []int64
	indexed int64 // the newest entry that sender_entries had
}

// searchWidth is how many entries of the log are searched at first for each that is wanted.
const searchWidth = 8

// search returns up to limit of the author's newest entries before a number, 0 for the end. A user's entries are indexed by connection,
// so no index has all of them in order: parts of the log are searched, each of which is wider than the one before.
func (a author) search(ctx context.Context, db bun.IDB, before int64, limit int) (found undeleted, err error) {
	var indexed []int64
	if err := db.NewRaw("SELECT indexed_seq FROM sessions WHERE id = ?", a.sessionID).Scan(ctx, &indexed); err != nil || len(indexed) == 0 {
		return found, err
	}
	found.indexed = indexed[0]
	high := found.indexed
	if before > 0 {
		high = before - 1
	}
	for width := int64(searchWidth * limit); high > 0 && len(found.seqs) < limit; width *= 2 {
		low := max(1, high-width+1)
		part, err := a.newest(ctx, db, low, high, limit-len(found.seqs))
		if err != nil {
			return found, err
		}
		found.seqs = append(found.seqs, part...)
		high = low - 1
	}
	return found, nil
}

// newest returns the numbers of the newest of the author's entries from one number to another.
func (a author) newest(ctx context.Context, db bun.IDB, from, to int64, limit int) (seqs []int64, err error) {
	if a.userID == nil {
		err = db.NewRaw(sqlUndeletedOfConnection, a.sessionID, a.connectionID, from, to, limit).Scan(ctx, &seqs)
	} else {
		err = db.NewRaw(sqlUndeletedOfUser, a.sessionID, *a.userID, from, to, limit).Scan(ctx, &seqs)
	}
	return seqs, err
}

const (
	sqlUndeletedOfConnection = "SELECT i.seq FROM sender_entries AS i CROSS JOIN entries AS e WHERE i.session_id = ? AND i.connection_id = ?" +
		sqlUndeleted
	sqlUndeletedOfUser = "SELECT i.seq FROM connections AS c CROSS JOIN sender_entries AS i CROSS JOIN entries AS e" +
		" WHERE c.session_id = ? AND c.user_id = ? AND i.session_id = c.session_id AND i.connection_id = c.id" + sqlUndeleted
	sqlUndeleted = " AND i.seq >= ? AND i.seq <= ? AND e.session_id = i.session_id AND e.seq = i.seq AND e.deleted_at IS NULL" +
		" ORDER BY i.seq DESC LIMIT ?"
)
