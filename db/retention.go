package db

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// Entries that are older than they are kept are removed from the front of their log, a few in a transaction. The session's row says how
// far: removed_seq and removed_place. last_seq and changes stay, so that numbers and places are given once, and the database has as many
// events as were committed; see sqlEvents. docs/decisions/retention.md has the reasons.

// retentionVersion is the first schema whose nodes know logs that begin later than at 1.
const retentionVersion = 15

// RetentionDue implements session.Store. It looks each session's first entry up by its key.
func (s *Store) RetentionDue(ctx context.Context, general time.Duration, after string, limit int) (ids []string, next string, err error) {
	ids, err = read(ctx, s, "look for entries whose time is up", func(ctx context.Context) (ids []string, err error) {
		now, err := s.now(ctx, s.readers)
		if err != nil {
			return nil, err
		}
		own := ""
		if general == 0 {
			own = " AND s.retention > 0" // by an index that has no other session
		}
		next = ""
		var last []string
		err = s.readers.NewRaw("SELECT s.id FROM sessions AS s WHERE s.id > ?"+own+" ORDER BY s.id LIMIT 1 OFFSET ?", after, limit-1).Scan(ctx, &last)
		if err != nil {
			return nil, err
		}
		args := []any{now, now, general.Milliseconds(), now, after}
		if len(last) > 0 {
			next = last[0]
			own += " AND s.id <= ?"
			args = append(args, next)
		}
		var found []struct {
			ID    string
			Ahead bool
		}
		if err := s.readers.NewRaw(sqlRetentionDue+own, args...).Scan(ctx, &found); err != nil {
			return nil, err
		}
		var ahead []string
		for _, one := range found {
			if one.Ahead {
				ahead = append(ahead, one.ID)
			} else {
				ids = append(ids, one.ID)
			}
		}
		old, err := oldBehindAhead(ctx, s.readers, ahead, now, general.Milliseconds())
		return append(ids, old...), err
	})
	if err != nil {
		return nil, "", err
	}
	return ids, next, nil
}

// sqlRetentionDue selects the sessions whose first entry is old, and those where the clock was ahead when it was stored.
const sqlRetentionDue = "SELECT s.id, e.created_at > ? AS ahead FROM sessions AS s CROSS JOIN entries AS e WHERE e.session_id = s.id" +
	" AND e.seq = s.removed_seq + 1 AND s.deleted_at IS NULL AND coalesce(s.retention, 1) > 0" +
	" AND (e.created_at <= ? - coalesce(s.retention, ?) OR e.created_at > ?) AND s.id > ?"

// oldBehindAhead returns the sessions that have an entry which is older than it is kept. They are those whose first entries have times in
// the future, since a clock was ahead; the old entries come after these.
func oldBehindAhead(ctx context.Context, db bun.IDB, ids []string, now, general int64) (old []string, err error) {
	if len(ids) > 0 {
		err = db.NewRaw(sqlOldBehindAhead, general, bun.List(ids), now, now, now, now).Scan(ctx, &old)
	}
	return old, err
}

// sqlOldBehindAhead searches each log by halves for two neighbours: low, an entry with a time in the future, and high, one with a time
// that has passed. It reads about twenty entries of a million.
const sqlOldBehindAhead = "WITH RECURSIVE search (id, keep, low, high) AS (" +
	"SELECT s.id, coalesce(s.retention, ?), s.removed_seq + 1, s.last_seq FROM sessions AS s CROSS JOIN entries AS l" +
	" WHERE s.id IN (?) AND l.session_id = s.id AND l.seq = s.last_seq AND l.created_at <= ?" +
	" UNION ALL SELECT b.id, b.keep, CASE WHEN e.created_at > ? THEN e.seq ELSE b.low END, CASE WHEN e.created_at > ? THEN b.high ELSE e.seq END" +
	" FROM search AS b CROSS JOIN entries AS e WHERE b.high > b.low + 1 AND e.session_id = b.id AND e.seq = (b.low + b.high) / 2)" +
	" SELECT b.id FROM search AS b CROSS JOIN entries AS e" +
	" WHERE b.high <= b.low + 1 AND e.session_id = b.id AND e.seq = b.high AND e.created_at <= ? - b.keep"

// RemoveExpired implements session.Store. It locks the sessions' rows first, in the order of ids.
func (s *Store) RemoveExpired(
	ctx context.Context, node string, sessionIDs []string, general time.Duration, limit int,
) (removed []session.Removal, left []string, err error) {
	if limit <= 0 {
		return nil, sessionIDs, nil
	}
	err = s.writePrepared(ctx, "remove entries whose time is up", s.backend.prepareRemoval, func(ctx context.Context, tx bun.Tx) error {
		removed, left = nil, nil
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		if err := requireNamedLease(ctx, tx, session.RetentionLease, node, now); err != nil {
			return err
		}
		if err := s.requireVersion(ctx, tx, retentionVersion); err != nil {
			return err
		}
		rows, err := selectSessions(ctx, tx, sessionIDs)
		if err != nil {
			return err
		}
		r := &removing{s: s, tx: tx, now: now, general: general.Milliseconds(), left: limit}
		if removed, left, err = r.run(ctx, sessionIDs, rows); err != nil {
			return err
		}
		return r.finish(ctx)
	}, func() {
		if len(removed) > 0 {
			s.backend.erased()
		}
	})
	if err != nil {
		return nil, nil, err
	}
	return removed, left, nil
}

// removing is the work of one RemoveExpired. The sessions' rows are locked.
type removing struct {
	s       *Store
	tx      bun.Tx
	now     int64
	general int64 // for how many milliseconds sessions without a setting of their own keep entries
	left    int   // entries that may still be removed in this transaction

	sessions []string // from which entries were removed
	senders  []string // of those entries
	rows     []int64  // where those entries were in the file
}

// run removes entries from the logs of these sessions, of which rows has those that are there.
func (r *removing) run(ctx context.Context, ids []string, rows []*sessionRow) (removed []session.Removal, left []string, err error) {
	byID := make(map[string]*sessionRow, len(rows))
	for _, row := range rows {
		byID[row.ID] = row
	}
	for i, id := range ids {
		at := byID[id]
		if at == nil {
			continue
		}
		if r.left == 0 {
			return removed, append(left, ids[i:]...), nil
		}
		log := &removal{removing: r, at: at}
		if err := log.choose(ctx); err != nil {
			return nil, nil, err
		}
		if len(log.entries) == 0 {
			continue
		}
		if err := log.remove(ctx); err != nil {
			return nil, nil, err
		}
		front := session.NewFront{Epoch: session.Epoch(at.Epoch), Seq: at.RemovedSeq, Place: at.RemovedPlace}
		removed = append(removed, session.Removal{SessionID: id, Front: front, Entries: len(log.entries)})
		if r.left -= len(log.entries); r.left == 0 {
			left = append(left, id)
		}
	}
	return removed, left, nil
}

// finish does, for all sessions at once, what can be done for several.
func (r *removing) finish(ctx context.Context) error {
	if len(r.sessions) == 0 {
		return nil
	}
	if len(r.rows) > 0 {
		if err := r.s.backend.clearRemoved(ctx, r.tx, r.rows); err != nil {
			return err
		}
	}
	return r.purgeSenders(ctx)
}

// removal removes entries from the front of one log.
type removal struct {
	*removing
	at      *sessionRow
	entries []*entryRow // to be removed, from the log's first on
	front   session.LogFront
}

// choose finds the entries that are older than they are kept, as many as may be removed. An entry is at least as old as those after it,
// whatever the clock said when it was stored.
func (r *removal) choose(ctx context.Context) error {
	keep, limit := r.general, r.left
	if r.at.Retention != nil {
		keep = *r.at.Retention
	}
	if keep <= 0 {
		return nil
	}
	var first []*entryRow
	q := session.EntryQuery{SessionID: r.at.ID, After: r.at.RemovedSeq, Limit: limit + 1}
	if err := selectEntries(r.tx, &first, q).Scan(ctx); err != nil {
		return err
	}
	n := 0
	for i, row := range first[:min(len(first), limit)] {
		if row.CreatedAt <= r.now-keep {
			n = i + 1
		}
	}
	if n == 0 && len(first) > limit && first[0].CreatedAt > r.now {
		old, err := oldBehindAhead(ctx, r.tx, []string{r.at.ID}, r.now, r.general)
		if err != nil {
			return err
		}
		if len(old) > 0 {
			n = limit
		}
	}
	if n == 0 {
		return nil
	}
	r.entries = first[:n]
	// Changes between the last entry that is removed and the first that stays are of removed entries; where none stays, these are all
	// changes up to the log's end.
	r.front = session.LogFront{Seq: first[n-1].Seq, Place: r.at.LastSeq + r.at.Changes}
	if n < len(first) {
		r.front.Place = first[n].Seq + orZero(first[n].ChangesBefore) - 1
	}
	return nil
}

// remove removes the entries with all that belongs to them, and moves the front.
func (r *removal) remove(ctx context.Context) error {
	at := r.at
	const reactions = "DELETE FROM reactions WHERE session_id = ? AND seq > ? AND seq <= ?"
	if _, err := r.tx.ExecContext(ctx, reactions, at.ID, at.RemovedSeq, r.front.Seq); err != nil {
		return err
	}
	senders := make(map[string]bool)
	for _, row := range r.entries {
		entry := row.toEntry(0)
		at.addBytes(-entry.QuotaBytes() - entry.ReactionBytes())
		senders[row.ConnectionID] = true
	}
	ids := slices.Sorted(maps.Keys(senders))
	r.sessions, r.senders = append(r.sessions, at.ID), append(r.senders, ids...)
	const index = "DELETE FROM sender_entries WHERE session_id = ? AND connection_id IN (?) AND seq <= ?"
	if _, err := r.tx.ExecContext(ctx, index, at.ID, bun.List(ids), r.front.Seq); err != nil {
		return err
	}
	if err := r.removeRows(ctx); err != nil {
		return err
	}
	at.RemovedSeq, at.RemovedPlace = r.front.Seq, r.front.Place
	at.IndexedSeq = max(at.IndexedSeq, r.front.Seq)
	_, err := r.tx.NewUpdate().Model(at).Column("removed_seq", "removed_place", "indexed_seq", "bytes").WherePK().Exec(ctx)
	if err != nil {
		return err
	}
	return r.shortenFeed(ctx)
}

// removeRows removes the rows of the entries. In a file, rows beside them may move: see sqlite_moved.go.
func (r *removal) removeRows(ctx context.Context) error {
	const of = " FROM entries WHERE session_id = ? AND seq > ? AND seq <= ?"
	args := []any{r.at.ID, r.at.RemovedSeq, r.front.Seq}
	if !r.s.engine.locksRows() {
		var rows []int64
		if err := r.tx.NewRaw("SELECT rowid"+of, args...).Scan(ctx, &rows); err != nil {
			return err
		}
		r.rows = append(r.rows, rows...)
	}
	_, err := r.tx.ExecContext(ctx, "DELETE"+of, args...)
	return err
}

// purgeSenders removes guests' names, and lets ended connections go when their time is up, where they have no entry any more. All
// entries of a connection that has ended are in sender_entries. Adds wait for the session's row, so no guest comes back meanwhile.
func (r *removing) purgeSenders(ctx context.Context) error {
	const purge = "UPDATE connections SET purge_at = CASE WHEN destroyed_at + ? > ? THEN destroyed_at + ? ELSE ? END WHERE id IN (?)" +
		" AND session_id IN (?) AND destroyed_at IS NOT NULL AND created_revision IS NOT NULL AND purge_at IS NULL" + sqlNoTrace
	keep, senders, sessions := purgeAfter.Milliseconds(), bun.List(r.senders), bun.List(r.sessions)
	if _, err := r.tx.ExecContext(ctx, purge, keep, r.now, keep, r.now, senders, sessions); err != nil {
		return err
	}
	const remove = "DELETE FROM connections WHERE id IN (?) AND session_id IN (?) AND guest" + sqlNoTrace +
		" AND id NOT IN (" + sqlSendersNotIndexed + ")" +
		// More entries of a guest who is being erased are about to get this id: see erasing.anonymize.
		" AND NOT EXISTS (SELECT 1 FROM erasures AS x WHERE x.phase <> 'done' AND x.new_id = connections.id AND EXISTS (SELECT 1 FROM" +
		" sender_entries AS i WHERE i.session_id = connections.session_id AND i.connection_id = x.connection_id AND i.seq <= x.through_seq))"
	_, err := r.tx.ExecContext(ctx, remove, senders, sessions, sessions)
	return err
}

// sqlSendersNotIndexed selects the senders of entries that sender_entries does not have yet.
const sqlSendersNotIndexed = "SELECT e.connection_id FROM sessions AS s CROSS JOIN entries AS e" +
	" WHERE s.id IN (?) AND e.session_id = s.id AND e.seq > s.indexed_seq"

// sqlNoTrace is the condition that sender_entries has nothing of a connection, and no ban names it.
const sqlNoTrace = " AND NOT EXISTS (SELECT 1 FROM sender_entries AS i WHERE i.session_id = connections.session_id AND i.connection_id = connections.id)" +
	" AND NOT EXISTS (SELECT 1 FROM bans AS b WHERE b.connection_id = connections.id)" +
	" AND NOT EXISTS (SELECT 1 FROM bans AS b WHERE b.moderator_id = connections.id)"

// shortenFeed removes the log's runs before its front from the feed, some at a time, so that the first run that is left begins there.
// Nobody else writes to a run that has its place.
func (r *removal) shortenFeed(ctx context.Context) error {
	const clear = "DELETE FROM feed WHERE first_place IN (SELECT first_place FROM feed WHERE session_id = ? AND kind = 'log' AND from_place <= ?" +
		" AND from_place + last_place - first_place < ? ORDER BY from_place LIMIT ?)"
	if _, err := r.tx.ExecContext(ctx, clear, r.at.ID, r.front.Place, r.front.Place, feedClearChunk); err != nil {
		return err
	}
	const begin = "UPDATE feed SET first_place = first_place + ? - from_place, from_place = ?, after_seq = ? WHERE first_place =" +
		" (SELECT first_place FROM feed WHERE session_id = ? AND kind = 'log' AND from_place <= ? ORDER BY from_place DESC LIMIT 1)" +
		" AND from_place < ? AND from_place + last_place - first_place >= ?"
	place := r.front.Place
	_, err := r.tx.ExecContext(ctx, begin, place, place, r.front.Seq, r.at.ID, place, place, place)
	return err
}
