package db

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"chattok/session"
)

// A mark is a row of read_marks. Its reader is a user, or a connection without one, of which only the time of its last post
// counts: see append_admit.go.

func userReader(id string) string { return "u" + id }

// postReader is the reader whose row has the time of a connection's last post.
func postReader(userID *string, connectionID string) string {
	if userID != nil {
		return userReader(*userID)
	}
	return "c" + connectionID
}

// ReadMark implements session.Store.
func (s *Store) ReadMark(ctx context.Context, sessionID, userID string) (session.ReadMark, error) {
	if !storable(sessionID) || !storable(userID) {
		return session.ReadMark{}, nil
	}
	return read(ctx, s, "read a read mark", func(ctx context.Context) (mark session.ReadMark, err error) {
		var found []struct{ Place, Unread, RemovedPlace int64 }
		if err := s.readers.NewRaw(sqlReadMark, userReader(userID), sessionID).Scan(ctx, &found); err != nil || len(found) == 0 {
			return mark, err
		}
		mark = session.ReadMark{Place: found[0].Place, Unread: found[0].Unread}
		if mark.Place > 0 { // so that it is a cursor to go on from
			mark.Place = max(mark.Place, found[0].RemovedPlace)
		}
		return mark, nil
	})
}

// sqlReadMark selects a user's mark in a session. The entries after the mark are counted by a subtraction, and those of them
// that are deleted by an index that has nothing else. Entries that were removed from the front are read. None of them is the user's own,
// since posting moves the mark.
const sqlReadMark = "SELECT coalesce(m.place, 0) AS place, s.removed_place, s.last_seq - CASE WHEN m.seq > s.removed_seq THEN m.seq" +
	" ELSE s.removed_seq END - (SELECT count(*) FROM entries AS e" +
	" WHERE e.session_id = s.id AND e.deleted_at IS NOT NULL AND e.seq > coalesce(m.seq, 0)) AS unread" +
	" FROM sessions AS s LEFT JOIN read_marks AS m ON m.session_id = s.id AND m.reader = ? WHERE s.id = ?"

// placeAt is a place of a session's log.
type placeAt struct {
	sessionID string
	place     int64
}

// readerAt is a reader of a session's log.
type readerAt struct{ sessionID, reader string }

func (a readerAt) compare(b readerAt) int {
	return cmp.Or(cmp.Compare(a.sessionID, b.sessionID), cmp.Compare(a.reader, b.reader))
}

// MarkRead implements session.Store.
func (s *Store) MarkRead(ctx context.Context, marks []session.NewReadMark) ([]bool, error) {
	moved := make([]bool, len(marks))
	furthest := make(map[readerAt]int) // the index of each reader's last mark
	seqs := make(map[placeAt]int64)
	for i, m := range marks {
		at := readerAt{m.SessionID, userReader(m.UserID)}
		if m.Place <= 0 || !storable(m.SessionID) || !storable(m.UserID) {
			continue
		}
		if before, seen := furthest[at]; !seen || m.Place >= marks[before].Place {
			furthest[at] = i
		}
		// The entries that were added up to a place never change, so they are counted before the transaction.
		place := placeAt{m.SessionID, m.Place}
		if _, known := seqs[place]; !known {
			seq, err := s.SeqAt(ctx, m.SessionID, m.Place)
			if err != nil {
				return nil, err
			}
			seqs[place] = seq
		}
	}
	if len(furthest) == 0 {
		return moved, nil
	}
	rows := make(newMarks, 0, len(furthest))
	for at, i := range furthest {
		m := marks[i]
		rows = append(rows, newMark{at: at, place: m.Place, seq: seqs[placeAt{m.SessionID, m.Place}]})
	}
	slices.SortFunc(rows, func(a, b newMark) int { return a.at.compare(b.at) }) // every transaction locks rows in this order
	err := s.writeFew(ctx, "mark read", func(ctx context.Context, tx bun.Tx) error {
		if err := s.admitChange(ctx, tx); err != nil {
			return err
		}
		rows, err := ofLiveSessions(ctx, tx, rows)
		if err != nil || len(rows) == 0 {
			clear(moved)
			return err
		}
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		for i := range rows {
			rows[i].purgeAt = purgeMarkAt(now)
		}
		var changed []struct{ SessionID, Reader string }
		if err := tx.NewRaw(sqlMarkRead, rows).Scan(ctx, &changed); err != nil {
			return err
		}
		clear(moved)
		for _, c := range changed {
			moved[furthest[readerAt{c.SessionID, c.Reader}]] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return moved, nil
}

// ofLiveSessions returns the marks in sessions that are there, and keeps those from being removed until the end of the transaction: a
// mark has no reference to its session.
func ofLiveSessions(ctx context.Context, tx bun.Tx, marks newMarks) (live newMarks, err error) {
	query := "SELECT id FROM sessions WHERE id IN (?) AND deleted_at IS NULL ORDER BY id"
	if engineOf(tx).locksRows() {
		query += " FOR KEY SHARE" // no add waits for it
	}
	var wanted, found []string
	for _, m := range marks {
		wanted = append(wanted, m.at.sessionID)
	}
	if err := tx.NewRaw(query, bun.List(wanted)).Scan(ctx, &found); err != nil {
		return nil, err
	}
	for _, m := range marks {
		if slices.Contains(found, m.at.sessionID) {
			live = append(live, m)
		}
	}
	return live, nil
}

// purgeMarkAt returns when the mark of a user that has read or posted now is removed, unless it moves again: after ReadMarkTime, rounded
// up to whole weeks, so that an index entry changes once a week for a user and not with each post.
func purgeMarkAt(now int64) int64 {
	const week = 7 * 24 * int64(time.Hour/time.Millisecond)
	return ((now+session.ReadMarkTime.Milliseconds())/week + 1) * week
}

const sqlMarkRead = "INSERT INTO read_marks (session_id, reader, place, seq, purge_at) VALUES ?" +
	" ON CONFLICT (session_id, reader) DO UPDATE SET place = excluded.place, seq = excluded.seq, purge_at = excluded.purge_at" +
	" WHERE excluded.place > read_marks.place RETURNING session_id, reader"

// newMark is a row that sqlMarkRead inserts.
type newMark struct {
	at                  readerAt
	place, seq, purgeAt int64
}

// newMarks are rows of VALUES in a statement that bun writes.
type newMarks []newMark

// AppendQuery implements schema.QueryAppender.
func (m newMarks) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	for i, one := range m {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = gen.AppendQuery(b, "(?, ?, ?, ?, ?)", one.at.sessionID, one.at.reader, one.place, one.seq, one.purgeAt)
	}
	return b, nil
}

// sqlPurgeMarks leaves out rows that another transaction holds.
func sqlPurgeMarks(e *engine) string {
	return "DELETE FROM read_marks WHERE (session_id, reader) IN (SELECT session_id, reader FROM read_marks" +
		" WHERE purge_at <= ? ORDER BY purge_at LIMIT ?" + e.skipLocked + ")"
}
