package db

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// The feed is written by one node at a time, after the commits of what it tells of: no transaction that changes a session waits for
// it. docs/decisions/feed.md has the reasons.

// Kinds of a feedRow.
const (
	feedLog     = "log"
	feedRoster  = "roster"
	feedCreated = "created"
	feedDeleted = "deleted"
	feedErased  = "erased" // session_id is a feedErasure
)

// feedErasure begins the session_id of a row of an erasure, whose id follows. No session has such an id.
const feedErasure = ":erasure:"

// feedRow is a row of feed.
type feedRow struct {
	bun.BaseModel `bun:"table:feed"`

	FirstPlace int64  `bun:"first_place,pk"`
	LastPlace  int64  `bun:"last_place"`
	SessionID  string `bun:"session_id"`
	Kind       string `bun:"kind"`
	FromPlace  int64  `bun:"from_place"`
	AfterSeq   int64  `bun:"after_seq"`
	ThroughSeq int64  `bun:"through_seq"`
	Epoch      *int64 `bun:"epoch"`
	At         int64  `bun:"at"`
	PurgeAt    *int64 `bun:"purge_at"`
}

// feedSessionRow is a row of feed_sessions.
type feedSessionRow struct {
	bun.BaseModel `bun:"table:feed_sessions"`

	SessionID string `bun:"session_id,pk"`
	Epoch     int64  `bun:"epoch"`
	Seq       int64  `bun:"seq"`
	Place     int64  `bun:"place"`
	Revision  int64  `bun:"revision"`
	ActiveAt  int64  `bun:"active_at"`
}

// feedSource is a session as the feed is to have it.
type feedSource struct {
	ID        string
	Epoch     int64
	LastSeq   int64
	Place     int64
	Revision  int64
	CreatedAt int64
	EntryAt   *int64 // when its newest entry was added
}

// Names of rows of feed_state.
const (
	feedEnd       = "end"
	feedTruncated = "truncated"
)

const (
	// feedClearChunk is how many rows of a session that has gone are cleared in one transaction.
	feedClearChunk = 1000
	// feedFresh is longer than a new session takes to come into the feed. Changes of one that is older may have been purged before that.
	feedFresh = time.Hour
)

// SequenceFeed implements session.Store.
func (s *Store) SequenceFeed(ctx context.Context, node string, sessionIDs []string) (end int64, again []string, err error) {
	err = s.writeFew(ctx, "give places in the feed", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		if err := requireNamedLease(ctx, tx, session.FeedLease, node, now); err != nil {
			return err
		}
		q := &sequencing{now: now}
		if q.end, err = feedPlace(ctx, tx, feedEnd); err != nil {
			return err
		}
		if err := q.readSessions(ctx, tx, storableOnly(sessionIDs)); err != nil {
			return err
		}
		for _, id := range storableOnly(sessionIDs) {
			if err := q.sequence(ctx, tx, id); err != nil {
				return err
			}
		}
		if err := q.sequenceErasures(ctx, tx); err != nil {
			return err
		}
		end, again = q.end, q.again
		return q.store(ctx, tx)
	})
	if err != nil {
		return 0, nil, err
	}
	return end, again, nil
}

// sequencing is the work of one SequenceFeed.
type sequencing struct {
	now       int64
	end       int64 // the last place that was given
	truncated int64 // the last place of changes of which some may have been purged before
	sources   map[string]*feedSource
	known     map[string]*feedSessionRow // how far the sessions are in the feed
	rows      []*feedRow
	moved     []*feedSessionRow
	gone      []string
	again     []string
}

// readSessions reads the sessions, and how far they are in the feed. It locks nothing: what is committed meanwhile comes next time.
func (q *sequencing) readSessions(ctx context.Context, tx bun.Tx, ids []string) error {
	q.sources, q.known = make(map[string]*feedSource, len(ids)), make(map[string]*feedSessionRow, len(ids))
	if len(ids) == 0 {
		return nil
	}
	var known []*feedSessionRow
	if err := tx.NewSelect().Model(&known).Where("session_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return err
	}
	for _, row := range known {
		q.known[row.SessionID] = row
	}
	var sources []*feedSource
	if err := tx.NewRaw(sqlFeedSources, bun.List(ids)).Scan(ctx, &sources); err != nil {
		return err
	}
	for _, source := range sources {
		q.sources[source.ID] = source
	}
	return nil
}

const sqlFeedSources = "SELECT s.id, s.epoch, s.last_seq, s.last_seq + s.changes AS place, s.revision, s.created_at, e.created_at AS entry_at" +
	" FROM sessions AS s LEFT JOIN entries AS e ON e.session_id = s.id AND e.seq = s.last_seq" +
	" WHERE s.id IN (?) AND s.deleted_at IS NULL"

// sequence gives places to what a session has beyond the feed: first its creation, then its roster changes, then its log's events.
func (q *sequencing) sequence(ctx context.Context, tx bun.Tx, id string) error {
	source, known := q.sources[id], q.known[id]
	if known != nil && (source == nil || source.Epoch != known.Epoch) {
		cleared, err := clearFeed(ctx, tx, id)
		if err != nil {
			return err
		}
		if !cleared {
			q.again = append(q.again, id)
			return nil
		}
		q.add(&feedRow{SessionID: id, Kind: feedDeleted, Epoch: &known.Epoch, PurgeAt: q.purgeAt()}, 1)
		q.gone = append(q.gone, id)
		known = nil
	}
	if source == nil {
		return nil
	}
	next := feedSessionRow{SessionID: id, Epoch: source.Epoch, ActiveAt: source.CreatedAt}
	if known == nil {
		q.add(&feedRow{SessionID: id, Kind: feedCreated}, 1)
	} else {
		next = *known
	}
	if n := source.Revision - next.Revision; n > 0 {
		q.add(&feedRow{SessionID: id, Kind: feedRoster, FromPlace: next.Revision + 1, PurgeAt: q.purgeAt()}, n)
		if known == nil && source.CreatedAt < q.now-feedFresh.Milliseconds() {
			q.truncated = q.end
		}
	}
	if n := source.Place - next.Place; n > 0 {
		q.add(&feedRow{SessionID: id, Kind: feedLog, FromPlace: next.Place + 1, AfterSeq: next.Seq, ThroughSeq: source.LastSeq}, n)
	}
	if source.LastSeq > next.Seq && source.EntryAt != nil {
		next.ActiveAt = *source.EntryAt
	}
	next.Seq, next.Place, next.Revision = source.LastSeq, source.Place, source.Revision
	if known == nil || next != *known {
		q.moved = append(q.moved, &next)
	}
	return nil
}

// sequenceErasures gives places to erasures that are done.
func (q *sequencing) sequenceErasures(ctx context.Context, tx bun.Tx) error {
	var ids []string
	const done = "SELECT id FROM erasures WHERE phase = 'done' AND NOT in_feed ORDER BY done_at, id LIMIT ?"
	if err := tx.NewRaw(done, feedClearChunk).Scan(ctx, &ids); err != nil || len(ids) == 0 {
		return err
	}
	for _, id := range ids {
		own := int64(newEpoch() >> 1)
		q.add(&feedRow{SessionID: feedErasure + id, Kind: feedErased, Epoch: &own, PurgeAt: q.purgeAt()}, 1)
	}
	_, err := tx.ExecContext(ctx, "UPDATE erasures SET in_feed = TRUE WHERE id IN (?)", bun.List(ids))
	return err
}

func (q *sequencing) purgeAt() *int64 {
	at := q.now + session.FeedKept.Milliseconds()
	return &at
}

// add gives the next n places.
func (q *sequencing) add(row *feedRow, n int64) {
	row.FirstPlace, row.LastPlace, row.At = q.end+1, q.end+n, q.now
	q.end += n
	q.rows = append(q.rows, row)
}

// clearFeed removes rows of a session that has gone, and says whether none is left. Rows that say that it is deleted stay.
func clearFeed(ctx context.Context, tx bun.Tx, id string) (cleared bool, err error) {
	done, err := tx.ExecContext(ctx, sqlClearFeed, id, feedDeleted, feedClearChunk)
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n < feedClearChunk, err
}

const sqlClearFeed = "DELETE FROM feed WHERE first_place IN (SELECT first_place FROM feed WHERE session_id = ? AND kind <> ? LIMIT ?)"

// store stores the places that were given.
func (q *sequencing) store(ctx context.Context, tx bun.Tx) error {
	if len(q.gone) > 0 {
		if _, err := tx.ExecContext(ctx, "DELETE FROM feed_sessions WHERE session_id IN (?)", bun.List(q.gone)); err != nil {
			return err
		}
	}
	if len(q.rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&q.rows).Exec(ctx); err != nil {
		return err
	}
	if len(q.moved) > 0 {
		_, err := tx.NewInsert().Model(&q.moved).On("CONFLICT (session_id) DO UPDATE").Set("epoch = EXCLUDED.epoch").Set("seq = EXCLUDED.seq").
			Set("place = EXCLUDED.place").Set("revision = EXCLUDED.revision").Set("active_at = EXCLUDED.active_at").Exec(ctx)
		if err != nil {
			return err
		}
	}
	if err := raiseFeedPlace(ctx, tx, feedTruncated, q.truncated); err != nil {
		return err
	}
	return raiseFeedPlace(ctx, tx, feedEnd, q.end)
}

// feedPlace returns a place of feed_state; 0 where it is not set.
func feedPlace(ctx context.Context, db bun.IDB, name string) (place int64, err error) {
	err = db.NewRaw("SELECT coalesce((SELECT place FROM feed_state WHERE name = ?), 0)", name).Scan(ctx, &place)
	return place, err
}

// raiseFeedPlace sets a place of feed_state that is lower.
func raiseFeedPlace(ctx context.Context, tx bun.Tx, name string, place int64) error {
	if place == 0 {
		return nil
	}
	const raise = "INSERT INTO feed_state (name, place) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET place = excluded.place" +
		" WHERE feed_state.place < excluded.place"
	_, err := tx.ExecContext(ctx, raise, name, place)
	return err
}

// FeedBehind implements session.Store.
func (s *Store) FeedBehind(ctx context.Context, after string, limit int) (ids []string, next string, err error) {
	if limit <= 0 || !storable(after) {
		return nil, "", nil
	}
	ids, err = read(ctx, s, "compare the sessions with the feed", func(ctx context.Context) (ids []string, err error) {
		next = ""
		var last []string
		const nth = "SELECT id FROM sessions WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?"
		if err := s.readers.NewRaw(nth, after, limit-1).Scan(ctx, &last); err != nil {
			return nil, err
		}
		if len(last) == 0 {
			err = s.readers.NewRaw(sqlFeedBehind("", ""), after, after, after).Scan(ctx, &ids)
			return ids, err
		}
		next = last[0]
		err = s.readers.NewRaw(sqlFeedBehind(" AND s.id <= ?", " AND f.session_id <= ?"), after, next, after, next, after).Scan(ctx, &ids)
		return ids, err
	})
	return ids, next, err
}

// sqlFeedBehind selects the sessions that have something beyond the feed, and those of the feed that have gone, and "" where an erasure
// is beyond it. The arguments bound the sessions' ids.
func sqlFeedBehind(sessions, known string) string {
	return "SELECT s.id FROM sessions AS s LEFT JOIN feed_sessions AS f ON f.session_id = s.id WHERE s.id > ?" + sessions +
		" AND s.deleted_at IS NULL" +
		" AND (f.session_id IS NULL OR f.epoch <> s.epoch OR f.place <> s.last_seq + s.changes OR f.revision <> s.revision)" +
		" UNION ALL SELECT f.session_id FROM feed_sessions AS f WHERE f.session_id > ?" + known +
		" AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = f.session_id AND s.deleted_at IS NULL)" +
		" UNION ALL SELECT '' FROM (SELECT 1 AS one FROM erasures WHERE phase = 'done' AND NOT in_feed LIMIT 1) AS erased WHERE ? = ''"
}

// sqlPurgeFeed removes rows whose time was up by then, and returns their last places.
func sqlPurgeFeed(e *engine) string {
	return "DELETE FROM feed WHERE first_place IN (SELECT first_place FROM feed WHERE purge_at <= ? ORDER BY purge_at LIMIT ?" +
		e.skipLocked + ") RETURNING last_place"
}

// sqlFeedDue selects the last place of the rows whose time is up.
const sqlFeedDue = "SELECT last_place FROM feed WHERE purge_at <= ? ORDER BY purge_at DESC, last_place DESC LIMIT 1"

// purgeFeed moves the place up to which readers are told that roster changes and deletions are missing: past those whose time is up. It
// removes up to limit of those that readers have been told of for long enough.
func purgeFeed(ctx context.Context, tx bun.Tx, now int64, limit int) error {
	var due []int64
	if err := tx.NewRaw(sqlFeedDue, now).Scan(ctx, &due); err != nil || len(due) == 0 {
		return err
	}
	told, err := feedPlace(ctx, tx, feedTruncated)
	if err != nil {
		return err
	}
	var last []int64
	longDue := now - (session.FeedPurgeAfter - session.FeedKept).Milliseconds()
	if err := tx.NewRaw(sqlPurgeFeed(engineOf(tx)), longDue, limit).Scan(ctx, &last); err != nil {
		return err
	}
	if newest := slices.Max(append(last, due...)); newest > told {
		return raiseFeedPlace(ctx, tx, feedTruncated, newest)
	}
	return nil
}

// renewFeedEpochs carries the feed over to the new epochs that the sessions are about to get. It is called before they get them; renew
// is called afterwards.
func renewFeedEpochs(ctx context.Context, tx bun.Tx) (renew func() error, err error) {
	// A session that was removed and made again is a new one for the feed, whatever its epoch is then.
	const stale = "(SELECT f.session_id FROM feed_sessions AS f JOIN sessions AS s ON s.id = f.session_id AND s.epoch <> f.epoch)"
	for _, query := range []string{"DELETE FROM feed WHERE kind <> 'deleted' AND session_id IN " + stale,
		"DELETE FROM feed_sessions WHERE session_id IN " + stale} {
		if _, err := tx.ExecContext(ctx, query); err != nil {
			return nil, err
		}
	}
	return func() error {
		const follow = "UPDATE feed_sessions SET epoch = s.epoch FROM sessions AS s WHERE s.id = feed_sessions.session_id"
		_, err := tx.ExecContext(ctx, follow)
		return err
	}, nil
}
