package db

import (
	"context"
	"math"

	"github.com/uptrace/bun"

	"chattok/session"
)

// A list of sessions is read in one of two ways. Where few sessions match, they are found by an index of what they have to match, and
// sorted. Otherwise the sessions are looked at in the list's order, by its index, until enough match or enough were looked at.

const (
	// fewSessions is how many matching rows are sorted at most.
	fewSessions = 10_000
	// sessionChunk is how many sessions are looked at in one read, where not all match.
	sessionChunk = 1000
)

// placedRow is a session of a list, at its place.
type placedRow struct {
	ID      string
	At      int64
	Matches bool // the query, and is no deleted session
}

func (r placedRow) place() session.SessionPlace { return session.SessionPlace{At: r.At, ID: r.ID} }

// ListSessions implements session.Store.
func (s *Store) ListSessions(ctx context.Context, q session.SessionQuery) (session.SessionRun, error) {
	if !storable(q.Prefix) || q.UserID != nil && !storable(*q.UserID) || !storable(q.After.ID) {
		return session.SessionRun{}, nil
	}
	return read(ctx, s, "list sessions", func(ctx context.Context) (run session.SessionRun, err error) {
		l := sessionList{q}
		few, err := l.few(ctx, s.readers)
		if err != nil {
			return run, err
		}
		var found []placedRow
		if few {
			found, err = l.sorted(ctx, s.readers)
		} else {
			found, run.Next, err = l.walk(ctx, s.readers)
		}
		if err != nil {
			return run, err
		}
		if len(found) > q.Limit { // one more was asked for, which says that there is a next page
			found = found[:q.Limit]
			next := q.After
			if q.Limit > 0 {
				next = found[q.Limit-1].place()
			}
			run.Next = &next
		}
		run.Sessions, err = placedSessions(ctx, s.readers, found)
		return run, err
	})
}

// placedSessions reads the sessions of rows. One that was deleted since is left out.
func placedSessions(ctx context.Context, db bun.IDB, found []placedRow) ([]session.PlacedSession, error) {
	ids := make([]string, len(found))
	for i, row := range found {
		ids[i] = row.ID
	}
	rows, err := selectSessions(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*sessionRow, len(rows))
	for _, row := range rows {
		byID[row.ID] = row
	}
	placed := make([]session.PlacedSession, 0, len(rows))
	for _, row := range found {
		if at := byID[row.ID]; at != nil {
			placed = append(placed, session.PlacedSession{Session: at.toSession(), Place: row.place()})
		}
	}
	return placed, nil
}

// sessionList is a query as it is read.
type sessionList struct{ session.SessionQuery }

// filtered says whether the query leaves sessions out.
func (l sessionList) filtered() bool { return l.Prefix != "" || l.UserID != nil }

// few says whether so few sessions match that they can be sorted.
func (l sessionList) few(ctx context.Context, db bun.IDB) (few bool, err error) {
	if !l.filtered() {
		return false, nil
	}
	query, args := l.sqlCount()
	var n int
	err = db.NewRaw(query, args...).Scan(ctx, &n)
	return n <= fewSessions, err
}

// sqlCount counts what sqlMatching selects, up to fewSessions and one.
func (l sessionList) sqlCount() (query string, args []any) {
	matching, args := l.sqlMatching("UNION ALL")
	return "SELECT count(*) FROM (SELECT 1 FROM (" + matching + ") AS matching LIMIT ?) AS counted", append(args, fewSessions+1)
}

// sqlMatching selects the ids of the sessions that match by the index of what they have to match, which union puts together.
func (l sessionList) sqlMatching(union string) (query string, args []any) {
	if l.UserID == nil {
		return "SELECT id AS session_id FROM sessions WHERE id >= ? AND id < ?", []any{l.Prefix, afterPrefix(l.Prefix)}
	}
	within, bounds := "", []any(nil)
	if l.Prefix != "" {
		within, bounds = " AND session_id >= ? AND session_id < ?", []any{l.Prefix, afterPrefix(l.Prefix)}
	}
	query = "SELECT session_id FROM read_marks WHERE reader || '' = ?" + within + " " + union +
		" SELECT session_id FROM connections WHERE user_id IS NOT NULL AND user_id || '' = ? AND " + sqlKept + within
	args = append([]any{userReader(*l.UserID)}, bounds...)
	return query, append(append(args, *l.UserID), bounds...)
}

// sqlKept is the condition of a connection that lives, has entries, or is the server's own: others are purged some time after their
// end.
const sqlKept = "purge_at IS NULL"

// afterPrefix is the first id after those that begin with the prefix. Ids are ASCII, and compared byte by byte.
func afterPrefix(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(prefix[last]+1)
}

// after returns the place before which the list's rows are, as it goes from the newest to the oldest.
func (l sessionList) after() (at int64, id string) {
	if l.After == (session.SessionPlace{}) {
		return math.MaxInt64, ""
	}
	return l.After.At, l.After.ID
}

// OFFSET keeps PostgreSQL from reading a whole table, or all that a user has, to look sessions up in it.

// order returns the table that has the list's order, the columns of a session's id and time there, and the condition that its row is
// one of a session as it is now.
func (l sessionList) order() (table, id, at, current string) {
	if l.Order == session.ByCreation {
		return "sessions", "o.id", "o.created_at", "o.deleted_at IS NULL"
	}
	return "feed_sessions", "o.session_id", "o.active_at",
		"EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = o.session_id AND s.epoch = o.epoch AND s.deleted_at IS NULL LIMIT 1 OFFSET 0)"
}

// sorted returns the first sessions that match, one more than the limit.
func (l sessionList) sorted(ctx context.Context, db bun.IDB) (found []placedRow, err error) {
	query, args := l.sqlSorted()
	err = db.NewRaw(query, args...).Scan(ctx, &found)
	return found, err
}

// sqlSorted looks each session up by its id, whatever the engine expects of the other order: a scalar subquery is not joined otherwise.
func (l sessionList) sqlSorted() (query string, args []any) {
	matching, args := l.sqlMatching("UNION")
	table, id, at, current := l.order()
	query = "WITH few AS MATERIALIZED (SELECT m.session_id AS id, (SELECT " + at + " FROM " + table + " AS o WHERE " + id +
		" = m.session_id AND " + current + ") AS at FROM (" + matching + ") AS m)" +
		" SELECT id, at, TRUE AS matches FROM few WHERE at IS NOT NULL AND (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT ?"
	beforeAt, beforeID := l.after()
	return query, append(args, beforeAt, beforeID, l.Limit+1)
}

// walk looks at the sessions in the list's order, and returns the first that match, one more than the limit. next is where it stopped
// because it had looked at enough.
func (l sessionList) walk(ctx context.Context, db bun.IDB) (found []placedRow, next *session.SessionPlace, err error) {
	chunk := l.Limit + 1
	if l.filtered() {
		chunk = sessionChunk
	}
	for looked := 0; ; {
		if looked >= l.Look {
			return found, &l.After, nil
		}
		var rows []placedRow
		query, args := l.sqlWalk(min(chunk, l.Look-looked))
		if err := db.NewRaw(query, args...).Scan(ctx, &rows); err != nil {
			return nil, nil, err
		}
		for _, row := range rows {
			l.After = row.place()
			if !row.Matches {
				continue
			}
			if found = append(found, row); len(found) > l.Limit {
				return found, nil, nil
			}
		}
		if len(rows) < min(chunk, l.Look-looked) {
			return found, nil, nil
		}
		looked += len(rows)
	}
}

// sqlWalk selects the next n sessions of the list, whether they match or not.
func (l sessionList) sqlWalk(n int) (query string, args []any) {
	table, id, at, matches := l.order()
	if l.Prefix != "" {
		matches += " AND " + id + " >= ? AND " + id + " < ?"
		args = append(args, l.Prefix, afterPrefix(l.Prefix))
	}
	if l.UserID != nil {
		matches += " AND (EXISTS (SELECT 1 FROM read_marks AS m WHERE m.session_id = " + id + " AND m.reader = ? LIMIT 1 OFFSET 0)" +
			" OR EXISTS (SELECT 1 FROM connections AS c WHERE c.user_id = ? AND c.session_id = " + id + " AND c." + sqlKept + " LIMIT 1 OFFSET 0))"
		args = append(args, userReader(*l.UserID), *l.UserID)
	}
	beforeAt, beforeID := l.after()
	return "SELECT " + id + " AS id, " + at + " AS at, (" + matches + ") AS matches FROM " + table + " AS o WHERE (" + at + ", " + id +
		") < (?, ?) ORDER BY " + at + " DESC, " + id + " DESC LIMIT ?", append(args, beforeAt, beforeID, n)
}

// NewestEntries implements session.Store.
func (s *Store) NewestEntries(ctx context.Context, sessionIDs []string) (map[string]*session.ChatEntry, error) {
	ids := storableOnly(sessionIDs)
	if len(ids) == 0 {
		return map[string]*session.ChatEntry{}, nil
	}
	return read(ctx, s, "read the newest entries", func(ctx context.Context) (map[string]*session.ChatEntry, error) {
		var rows []struct {
			entryRow     `bun:",extend"`
			SessionEpoch int64 `bun:"session_epoch"`
		}
		if err := s.readers.NewRaw(sqlNewestEntries, bun.List(ids)).Scan(ctx, &rows); err != nil {
			return nil, err
		}
		found := make(map[string]*session.ChatEntry, len(rows))
		for i := range rows {
			found[rows[i].SessionID] = rows[i].toEntry(session.Epoch(rows[i].SessionEpoch))
		}
		return found, nil
	})
}

const sqlNewestEntries = "SELECT e.*, s.epoch AS session_epoch FROM sessions AS s JOIN entries AS e ON e.session_id = s.id AND e.seq = s.last_seq" +
	" WHERE s.id IN (?) AND s.deleted_at IS NULL"

// RosterSizes implements session.Store.
func (s *Store) RosterSizes(ctx context.Context, sessionIDs []string) (map[string]session.RosterSize, error) {
	ids := storableOnly(sessionIDs)
	if len(ids) == 0 {
		return map[string]session.RosterSize{}, nil
	}
	return read(ctx, s, "count connections and streams", func(ctx context.Context) (map[string]session.RosterSize, error) {
		var rows []struct {
			ID                   string
			Connections, Streams int
		}
		if err := s.readers.NewRaw(sqlRosterSizes, bun.List(ids)).Scan(ctx, &rows); err != nil {
			return nil, err
		}
		sizes := make(map[string]session.RosterSize, len(rows))
		for _, row := range rows {
			sizes[row.ID] = session.RosterSize{Connections: row.Connections, Streams: row.Streams}
		}
		return sizes, nil
	})
}

const sqlRosterSizes = "SELECT s.id, (SELECT count(*) FROM connections AS c WHERE c.session_id = s.id AND " + sqlLive + ") AS connections," +
	" (SELECT count(*) FROM streams AS t WHERE t.session_id = s.id) AS streams FROM sessions AS s WHERE s.id IN (?) AND s.deleted_at IS NULL"
