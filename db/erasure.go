package db

import (
	"context"
	"crypto/rand"

	"github.com/uptrace/bun"

	"chattok/session"
)

// erasureVersion is the first schema whose nodes know erasures.
const erasureVersion = 14

// Kinds of an erasureRow.
const (
	erasedUser       = "user"
	erasedConnection = "connection"
)

// erasureRow is a row of erasures.
type erasureRow struct {
	bun.BaseModel `bun:"table:erasures"`

	ID           string  `bun:"id,pk"`
	Kind         string  `bun:"kind"`
	UserID       *string `bun:"user_id"`
	ConnectionID *string `bun:"connection_id"`
	SessionID    *string `bun:"session_id"`
	NewID        *string `bun:"new_id"`
	ThroughSeq   *int64  `bun:"through_seq"`
	Digest       string  `bun:"digest"`
	DigestKey    string  `bun:"digest_key"`
	CreatedAt    int64   `bun:"created_at"`
	Phase        string  `bun:"phase"`
	Entries      int64   `bun:"entries"`
	DoneAt       *int64  `bun:"done_at"`
	InFeed       bool    `bun:"in_feed"`
}

func (r *erasureRow) toErasure() *session.Erasure {
	e := &session.Erasure{ID: r.ID, State: session.ErasureErasing, Entries: r.Entries, CreatedAt: toTime(r.CreatedAt), DoneAt: toTimeOrNil(r.DoneAt)}
	if r.phase() == session.PhaseDone {
		e.State = session.ErasureDone
	}
	return e
}

func (r *erasureRow) toPending() session.PendingErasure {
	return session.PendingErasure{ID: r.ID, UserID: r.UserID, ConnectionID: orZero(r.ConnectionID), CreatedAt: toTime(r.CreatedAt), Phase: r.phase()}
}

func (r *erasureRow) phase() session.ErasurePhase { return session.ErasurePhase(r.Phase) }

// reader is the subject as the reader of read marks, and as a reactor.
func (r *erasureRow) reader() string {
	if r.UserID != nil {
		return userReader(*r.UserID)
	}
	return "c" + orZero(r.ConnectionID)
}

// guest says whether the subject is a guest, whose name is replaced.
func (r *erasureRow) guest() bool { return r.NewID != nil }

func erasureNotFound() *session.Error {
	return session.Errorf(session.CodeNotFound, "there is no such erasure")
}

// CreateErasure implements session.Store. The erasure is kept beside the database by KeepErasures, and by NoteErased before it can end.
func (s *Store) CreateErasure(ctx context.Context, n session.NewErasure) (*session.Erasure, error) {
	if !storable(orZero(n.UserID)) || !storable(n.ConnectionID) {
		return nil, session.Errorf(session.CodeBadUserInput, "userId and connectionId must be valid UTF-8 without U+0000")
	}
	newest, err := s.newestOfGuest(ctx, n.ConnectionID)
	if err != nil {
		return nil, err
	}
	var row *erasureRow
	err = s.write(ctx, "record an erasure", func(ctx context.Context, tx bun.Tx) (err error) {
		if err := s.admitChange(ctx, tx); err != nil {
			return err
		}
		if err := s.requireVersion(ctx, tx, erasureVersion); err != nil {
			return err
		}
		row = &erasureRow{ID: n.ID, Kind: erasedUser, UserID: n.UserID, CreatedAt: newest, Phase: string(session.PhaseErasing)}
		if n.UserID == nil {
			row.Kind, row.ConnectionID = erasedConnection, &n.ConnectionID
		}
		return s.insertErasure(ctx, tx, row, 0)
	})
	if err != nil {
		return nil, err
	}
	if s.erasureRecords.path == "" {
		s.logger.Warn("an erasure is kept in the database alone, so an older backup that is put back undoes it; CHATTOK_ERASURES names a file that prevents that",
			"database", s.path)
	}
	return row.toErasure(), nil
}

// newestOfGuest returns the latest time of a guest's entries, 0 where it is no guest or has none. It reads all of them, so it is not a part of the
// transaction that records an erasure; what is posted meanwhile has no later time than that.
func (s *Store) newestOfGuest(ctx context.Context, id string) (int64, error) {
	if id == "" {
		return 0, nil
	}
	return read(ctx, s, "look for a guest's newest entry", func(ctx context.Context) (at int64, err error) {
		err = s.readers.NewRaw(sqlNewestOfGuest, id, id).Scan(ctx, &at)
		return at, err
	})
}

// sqlNewestOfGuest selects by the index of senders, and from the end of the log that is not indexed yet.
const sqlNewestOfGuest = "SELECT coalesce(max(at), 0) FROM (" +
	"SELECT max(e.created_at) AS at FROM connections AS c CROSS JOIN sender_entries AS i CROSS JOIN entries AS e WHERE c.id = ? AND c.guest" +
	" AND i.session_id = c.session_id AND i.connection_id = c.id AND e.session_id = i.session_id AND e.seq = i.seq" +
	" UNION ALL SELECT max(e.created_at) FROM connections AS c CROSS JOIN sessions AS s CROSS JOIN entries AS e WHERE c.id = ? AND c.guest" +
	" AND s.id = c.session_id AND e.session_id = s.id AND e.seq > s.indexed_seq AND e.connection_id = c.id) AS newest"

// insertErasure completes the row of an erasure and stores it. at is when the erasure was asked for. 0 stands for now, or for the latest
// time of what the subject has stored where a clock was ahead.
func (s *Store) insertErasure(ctx context.Context, tx bun.Tx, row *erasureRow, at int64) error {
	latest := func() error {
		var found int64
		err := tx.NewRaw(sqlLatestOfSubject, row.latestArgs()...).Scan(ctx, &found)
		row.CreatedAt = max(row.CreatedAt, found)
		return err
	}
	if at == 0 {
		if err := latest(); err != nil { // while a guest still has its name
			return err
		}
	}
	if row.ConnectionID != nil {
		if err := s.findErased(ctx, tx, row, at); err != nil {
			return err
		}
	}
	if at == 0 {
		if err := latest(); err != nil { // of the user whose connection it was
			return err
		}
		now, err := s.now(ctx, tx) // after the wait for locks
		if err != nil {
			return err
		}
		at = now
	}
	row.CreatedAt = max(row.CreatedAt, at)
	if row.Digest == "" {
		row.DigestKey = s.erasureRecords.key()
		row.Digest = digestOf(row.DigestKey, row.subject())
	}
	_, err := tx.NewInsert().Model(row).Exec(ctx)
	return err
}

// sqlLatestOfSubject selects the latest time of what the database has of an erasure's subject. Where a clock was ahead it is later than
// now, and the erasure gets it as its own: everything with a later time than the erasure counts as somebody new's.
const sqlLatestOfSubject = "SELECT coalesce(max(at), 0) FROM (" +
	"SELECT max(created_at) AS at FROM connections WHERE user_id || '' = ? AND user_id IS NOT NULL" +
	" UNION ALL SELECT max(created_at) FROM connections WHERE id = ?" +
	" UNION ALL SELECT max(posted_at) FROM read_marks WHERE reader || '' = ?" +
	" UNION ALL SELECT max(created_at) FROM bans WHERE user_id = ?" +
	" UNION ALL SELECT max(created_at) FROM bans WHERE connection_id = ?" +
	" UNION ALL SELECT max(purge_at) - ? FROM change_keys WHERE session_id IN" +
	" (SELECT session_id FROM connections WHERE user_id || '' = ? AND user_id IS NOT NULL) AND change_key >= ? AND change_key < ?) AS latest"

func (r *erasureRow) latestArgs() []any {
	user, connection := orZero(r.UserID), orZero(r.ConnectionID)
	first, end := keysOfUser(user)
	return []any{user, connection, r.reader(), user, connection, session.ChangeKeyTime.Milliseconds(), user, first, end}
}

// findErased finds out what an erasure's connection is: that of a user, who is erased then; a guest, whose name passes to the next one
// at once; or neither.
func (s *Store) findErased(ctx context.Context, tx bun.Tx, row *erasureRow, at int64) error {
	found, err := selectConnection(ctx, tx, *row.ConnectionID)
	if session.CodeOf(err) == session.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if found.UserID != nil {
		row.Kind, row.UserID, row.ConnectionID = erasedUser, found.UserID, nil
		return nil
	}
	row.SessionID = &found.SessionID
	if !found.Guest {
		return nil
	}
	sessions, err := selectSessions(ctx, tx, []string{found.SessionID}) // locks the session: the guest does not post meanwhile
	if err != nil || len(sessions) == 0 {
		return err
	}
	return renameGuest(ctx, tx, row, sessions[0], at)
}

// renameGuest frees the name of a guest for the next one who posts by it: from now on, or after the time at where that is not 0. The
// guest's entries get the new id as they are erased.
func renameGuest(ctx context.Context, tx bun.Tx, row *erasureRow, log *sessionRow, at int64) error {
	if err := indexAll(ctx, tx, []*sessionRow{log}); err != nil {
		return err
	}
	guest, err := selectConnection(ctx, tx, *row.ConnectionID)
	if err != nil || !guest.Guest {
		return err
	}
	newID, through := rand.Text(), log.LastSeq
	row.NewID, row.ThroughSeq = &newID, &through
	if at == 0 {
		const rename = "UPDATE connections SET id = ?, data = NULL, origin = NULL WHERE id = ?"
		_, err = tx.ExecContext(ctx, rename, newID, guest.ID)
		return err
	}
	const newest = "SELECT coalesce(max(e.seq), 0) FROM sender_entries AS i CROSS JOIN entries AS e WHERE i.session_id = ? AND i.connection_id = ?" +
		" AND e.session_id = i.session_id AND e.seq = i.seq AND e.created_at <= ?"
	if err := tx.NewRaw(newest, log.ID, guest.ID, at).Scan(ctx, &through); err != nil {
		return err
	}
	nobody := *guest
	nobody.ID, nobody.Data, nobody.Origin = newID, nil, nil
	if _, err := tx.NewInsert().Model(&nobody).Exec(ctx); err != nil {
		return err
	}
	var later bool
	const after = "SELECT EXISTS (SELECT 1 FROM sender_entries WHERE session_id = ? AND connection_id = ? AND seq > ?)"
	if err := tx.NewRaw(after, log.ID, guest.ID, through).Scan(ctx, &later); err != nil {
		return err
	}
	query, args := "DELETE FROM connections WHERE id = ?", []any{guest.ID}
	if later {
		query, args = "UPDATE connections SET created_at = ? WHERE id = ?", []any{at + 1, guest.ID}
	}
	_, err = tx.ExecContext(ctx, query, args...)
	return err
}

// Erasure implements session.Store.
func (s *Store) Erasure(ctx context.Context, id string) (*session.Erasure, error) {
	return read(ctx, s, "read an erasure", func(ctx context.Context) (*session.Erasure, error) {
		row, err := selectByID[erasureRow](ctx, s.readers, id, erasureNotFound)
		if err != nil {
			return nil, err
		}
		return row.toErasure(), nil
	})
}

// Erasures implements session.Store.
func (s *Store) Erasures(ctx context.Context, limit int) ([]*session.Erasure, error) {
	return read(ctx, s, "read erasures", func(ctx context.Context) ([]*session.Erasure, error) {
		var rows []*erasureRow
		if err := s.readers.NewSelect().Model(&rows).Order("created_at DESC", "id").Limit(int64(limit)).Scan(ctx); err != nil {
			return nil, err
		}
		list := make([]*session.Erasure, len(rows))
		for i, row := range rows {
			list[i] = row.toErasure()
		}
		return list, nil
	})
}

// PendingErasures implements session.Store.
func (s *Store) PendingErasures(ctx context.Context) ([]session.PendingErasure, error) {
	return read(ctx, s, "look for erasures", func(ctx context.Context) ([]session.PendingErasure, error) {
		var rows []*erasureRow
		err := s.readers.NewSelect().Model(&rows).Where("phase <> 'done'").Order("created_at", "id").Limit(session.MaxListErasures).Scan(ctx)
		if err != nil {
			return nil, err
		}
		var pending []session.PendingErasure
		for _, row := range rows {
			pending = append(pending, row.toPending())
		}
		return pending, nil
	})
}

// ErasureSession implements session.Store.
func (s *Store) ErasureSession(ctx context.Context, id, after string, live bool) (sessionID string, err error) {
	return read(ctx, s, "look for what is to be erased", func(ctx context.Context) (string, error) {
		row, err := selectByID[erasureRow](ctx, s.readers, id, erasureNotFound)
		if err != nil || !row.phase().Erasing() {
			return "", err
		}
		if row.UserID == nil {
			if at := orZero(row.SessionID); at > after {
				return at, nil
			}
			return "", nil
		}
		var found []string
		if live {
			err = s.readers.NewRaw(sqlLiveSessionOfUser, *row.UserID, after, row.CreatedAt).Scan(ctx, &found)
		} else {
			args := []any{*row.UserID, after, row.CreatedAt, row.reader(), after, row.reader(), after, *row.UserID, after}
			err = s.readers.NewRaw(sqlSessionOfUser, args...).Scan(ctx, &found)
		}
		if err != nil || len(found) == 0 {
			return "", err
		}
		return found[0], nil
	})
}

const (
	sqlConnectionsOfUser = "SELECT c.session_id FROM connections AS c CROSS JOIN sessions AS s WHERE c.user_id || '' = ? AND c.user_id IS NOT NULL AND c.session_id > ?" +
		" AND s.id = c.session_id AND s.deleted_at IS NULL AND c.created_at <= ?"
	sqlLiveSessionOfUser = sqlConnectionsOfUser + " AND c.destroyed_revision IS NULL AND c.created_revision IS NOT NULL ORDER BY c.session_id LIMIT 1"
	// sqlSessionOfUser has a query for each table, so that each is one look-up in an index.
	sqlSessionOfUser = "SELECT session_id FROM (SELECT * FROM (" + sqlConnectionsOfUser + " ORDER BY c.session_id LIMIT 1) AS a" +
		" UNION ALL SELECT * FROM (SELECT r.session_id FROM reactions AS r CROSS JOIN sessions AS s WHERE r.reactor || '' = ? AND r.session_id > ?" +
		" AND s.id = r.session_id AND s.deleted_at IS NULL ORDER BY r.session_id LIMIT 1) AS b" +
		" UNION ALL SELECT * FROM (SELECT m.session_id FROM read_marks AS m CROSS JOIN sessions AS s WHERE m.reader || '' = ? AND m.session_id > ?" +
		" AND s.id = m.session_id AND s.deleted_at IS NULL ORDER BY m.session_id LIMIT 1) AS d" +
		" UNION ALL SELECT * FROM (SELECT n.session_id FROM bans AS n CROSS JOIN sessions AS s WHERE n.user_id = ? AND n.session_id > ?" +
		" AND s.id = n.session_id AND s.deleted_at IS NULL ORDER BY n.session_id LIMIT 1) AS last) AS found ORDER BY session_id LIMIT 1"
)

// NoteErased implements session.Store.
func (s *Store) NoteErased(ctx context.Context, id, node string) error {
	row, err := read(ctx, s, "read an erasure", func(ctx context.Context) (*erasureRow, error) {
		return selectByID[erasureRow](ctx, s.readers, id, erasureNotFound)
	})
	if err != nil {
		return err
	}
	if err := s.erasureRecords.keep(row.record()); err != nil {
		return fail("keep an erasure", err)
	}
	return s.writeFew(ctx, "note an erasure", func(ctx context.Context, tx bun.Tx) error {
		const note = "INSERT INTO erasure_nodes (erasure_id, node) VALUES (?, ?) ON CONFLICT (erasure_id, node) DO NOTHING"
		_, err := tx.ExecContext(ctx, note, id, node)
		return err
	})
}

// KeepErasures implements session.Store. An erasure is never removed, and the database knows all that the file has, so their numbers tell
// whether the file lacks one.
func (s *Store) KeepErasures(ctx context.Context) error {
	if s.erasureRecords.path == "" {
		return nil
	}
	rows, err := read(ctx, s, "look for erasures to keep", func(ctx context.Context) (rows []*erasureRow, err error) {
		var n int
		if err := s.readers.NewRaw("SELECT count(*) FROM erasures").Scan(ctx, &n); err != nil || n <= s.erasureRecords.count() {
			return nil, err
		}
		err = s.readers.NewSelect().Model(&rows).Order("created_at", "id").Scan(ctx)
		return rows, err
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := s.erasureRecords.keep(row.record()); err != nil {
			return fail("keep an erasure", err)
		}
	}
	return nil
}

// SettleErasure implements session.Store.
func (s *Store) SettleErasure(ctx context.Context, id string) (phase session.ErasurePhase, err error) {
	forgotten := false
	err = s.writeFew(ctx, "settle an erasure", func(ctx context.Context, tx bun.Tx) error {
		forgotten = false
		row, err := lockErasure(ctx, tx, id)
		if err != nil {
			return err
		}
		switch phase = row.phase(); phase {
		case session.PhaseRedo, session.PhaseErasing:
			left, err := row.left(ctx, tx)
			if err != nil || left {
				return err
			}
			if err := row.eraseMarks(ctx, tx, ""); err != nil {
				return err
			}
			phase = session.PhaseSpreading
			_, err = tx.ExecContext(ctx, "UPDATE erasures SET phase = ? WHERE id = ?", string(phase), id)
			return err
		case session.PhaseSpreading:
			now, err := s.now(ctx, tx)
			if err != nil {
				return err
			}
			var waiting bool
			if err := tx.NewRaw(sqlNotErased, now, id).Scan(ctx, &waiting); err != nil || waiting {
				return err
			}
			if err := row.eraseMarks(ctx, tx, ""); err != nil { // those that a connection moved while it was being ended
				return err
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM erasure_nodes WHERE erasure_id = ?", id); err != nil {
				return err
			}
			phase, forgotten = session.PhaseClearing, true
			const forget = "UPDATE erasures SET phase = ?, user_id = NULL, connection_id = NULL, session_id = NULL, new_id = NULL," +
				" through_seq = NULL WHERE id = ?"
			_, err = tx.ExecContext(ctx, forget, string(phase), id)
			return err
		}
		return nil
	})
	if err == nil && forgotten {
		s.backend.erased()
	}
	return phase, err
}

// sqlNotErased selects whether a node holds a lease that has not said that it has nothing of an erasure's subject in memory.
const sqlNotErased = "SELECT EXISTS (SELECT 1 FROM nodes AS n WHERE n.lease_until > ? AND NOT EXISTS" +
	" (SELECT 1 FROM erasure_nodes AS e WHERE e.erasure_id = ? AND e.node = n.name))"

// lockErasure returns an erasure's row, which no other transaction changes meanwhile.
func lockErasure(ctx context.Context, tx bun.Tx, id string) (*erasureRow, error) {
	if !storable(id) {
		return nil, erasureNotFound()
	}
	var rows []*erasureRow
	if err := tx.NewRaw("SELECT * FROM erasures WHERE id = ?"+engineOf(tx).forLock(), id).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, erasureNotFound()
	}
	return rows[0], nil
}

// left says whether the database has a connection of the subject, perhaps in a session that was deleted and is being removed.
func (r *erasureRow) left(ctx context.Context, tx bun.Tx) (left bool, err error) {
	if r.UserID == nil {
		const removing = "SELECT EXISTS (SELECT 1 FROM sessions WHERE id = ? AND deleted_at IS NOT NULL)"
		err = tx.NewRaw(removing, orZero(r.SessionID)).Scan(ctx, &left)
		return left, err
	}
	const query = "SELECT EXISTS (SELECT 1 FROM connections WHERE user_id || '' = ? AND user_id IS NOT NULL AND created_at <= ?)"
	err = tx.NewRaw(query, *r.UserID, r.CreatedAt).Scan(ctx, &left)
	return left, err
}

// eraseMarks removes the read marks of the subject in a session, or in all of them for "". Those of somebody who came back with the
// same id since stay.
func (r *erasureRow) eraseMarks(ctx context.Context, tx bun.Tx, sessionID string) error {
	const query = "DELETE FROM read_marks WHERE reader || '' = ? AND (session_id = ? OR ? = '') AND (posted_at IS NULL OR posted_at <= ?)" +
		" AND NOT EXISTS (SELECT 1 FROM connections AS c WHERE c.user_id = ? AND c.session_id = read_marks.session_id AND c.created_at > ?)"
	_, err := tx.ExecContext(ctx, query, r.reader(), sessionID, sessionID, r.CreatedAt, orZero(r.UserID), r.CreatedAt)
	return err
}

// ClearErased implements session.Store.
func (s *Store) ClearErased(ctx context.Context) error {
	ids, err := read(ctx, s, "look for erasures", func(ctx context.Context) (ids []string, err error) {
		const clearing = "SELECT id FROM erasures WHERE phase = 'clearing'"
		err = s.readers.NewRaw(clearing).Scan(ctx, &ids)
		return ids, err
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	if err := s.backend.clearErased(ctx, ids); err != nil {
		return fail("clear what was erased", err)
	}
	return s.writeFew(ctx, "end erasures", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		const end = "UPDATE erasures SET phase = 'done', done_at = ? WHERE id IN (?) AND phase = 'clearing'"
		_, err = tx.ExecContext(ctx, end, now, bun.List(ids))
		return err
	})
}
