package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"chattok/session"
)

// sessionRow is a row of sessions.
type sessionRow struct {
	bun.BaseModel `bun:"table:sessions"`

	ID            string `bun:"id,pk"`
	Epoch         int64  `bun:"epoch"` // the bits of a session.Epoch
	MediaMode     string `bun:"media_mode"`
	TokenRequired bool   `bun:"token_required"`
	CreatedAt     int64  `bun:"created_at"`
	LastSeq       int64  `bun:"last_seq"`
	Revision      int64  `bun:"revision"`
	IndexedSeq    int64  `bun:"indexed_seq"` // the newest entry that sender_entries has
	Bytes         int64  `bun:"bytes"`       // of the log, with its reactions, keys and changes of data, as session/quota.go counts
	Changes       int64  `bun:"changes"`     // events that changed an entry

	SlowMode         int64   `bun:"slow_mode"` // milliseconds
	SettingsRevision int64   `bun:"settings_revision"`
	BannedUntil      int64   `bun:"banned_until"`      // the latest end of the session's bans
	ServerConnection *string `bun:"server_connection"` // nil until it is needed
	MutedBy          *string `bun:"muted_by"`          // the moderator that muted streams to come; nil for none
	Data             *string `bun:"data"`
	ReadOnly         bool    `bun:"read_only"`
	DeletedAt        *int64  `bun:"deleted_at"` // nil where it was not deleted

	Retention    *int64 `bun:"retention"`     // milliseconds; nil: as the server is set; 0: for ever
	RemovedSeq   int64  `bun:"removed_seq"`   // of the last entry that was removed from the front of the log
	RemovedPlace int64  `bun:"removed_place"` // the last place before the log's first entry
}

func fromSession(s session.Session, createdAt int64) *sessionRow {
	return &sessionRow{
		ID:            s.ID,
		Epoch:         int64(s.Epoch),
		MediaMode:     string(s.MediaMode),
		TokenRequired: s.TokenRequired,
		CreatedAt:     createdAt,
		Retention:     fromRetention(s.Retention),
	}
}

// fromRetention returns a session's retention in milliseconds.
func fromRetention(d *time.Duration) *int64 {
	if d == nil {
		return nil
	}
	ms := d.Milliseconds()
	return &ms
}

func toRetention(ms *int64) *time.Duration {
	if ms == nil {
		return nil
	}
	d := time.Duration(*ms) * time.Millisecond
	return &d
}

// front returns where the log begins.
func (r *sessionRow) front() session.LogFront {
	return session.LogFront{Seq: r.RemovedSeq, Place: r.RemovedPlace}
}

func (r *sessionRow) toSession() *session.Session {
	return &session.Session{
		ID:            r.ID,
		Epoch:         session.Epoch(r.Epoch),
		MediaMode:     session.MediaMode(r.MediaMode),
		TokenRequired: r.TokenRequired,
		CreatedAt:     toTime(r.CreatedAt),

		SlowMode:         time.Duration(r.SlowMode) * time.Millisecond,
		ReadOnly:         r.ReadOnly,
		Data:             r.Data,
		Retention:        toRetention(r.Retention),
		SettingsRevision: r.SettingsRevision,
	}
}

func toTime(milliseconds int64) time.Time { return time.UnixMilli(milliseconds).UTC() }

// Session implements session.Store.
func (s *Store) Session(ctx context.Context, id string) (*session.Session, error) {
	row, err := read(ctx, s, "read session", func(ctx context.Context) (*sessionRow, error) {
		return selectSession(ctx, s.readers, id)
	})
	if err != nil {
		return nil, err
	}
	return row.toSession(), nil
}

// CreateSession implements session.Store.
func (s *Store) CreateSession(ctx context.Context, wanted session.Session) (*session.Session, error) {
	if !storable(wanted.ID) {
		return nil, session.Errorf(session.CodeBadUserInput, "id must be valid UTF-8 without U+0000")
	}
	var stored *sessionRow
	err := s.write(ctx, "create session", func(ctx context.Context, tx bun.Tx) error {
		if wanted.Retention != nil {
			if err := s.requireVersion(ctx, tx, retentionVersion); err != nil {
				return err
			}
		}
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		if err := makeAgain(ctx, tx, wanted.ID); err != nil {
			return err
		}
		if err := insertSession(ctx, tx, fromSession(wanted, now)); err != nil {
			return err
		}
		found, err := selectSessions(ctx, tx, []string{wanted.ID}) // also locks its row
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return sessionNotFound() // a sweep has removed the new session, which had no entries: the next try creates it
		}
		stored = found[0]
		if !wanted.TokenRequired || stored.TokenRequired || stored.ID == session.Lobby {
			return nil
		}
		return requireToken(ctx, tx, stored, wanted)
	})
	if err != nil {
		return nil, err
	}
	return stored.toSession(), nil
}

// requireToken makes a session that was created on first use ask for tokens from now on, unless a connection is in it.
// The session's log stays.
func requireToken(ctx context.Context, tx bun.Tx, stored *sessionRow, wanted session.Session) error {
	var occupied bool
	const query = "SELECT EXISTS (SELECT 1 FROM connections WHERE session_id = ? AND " + sqlLive + ")"
	if err := tx.NewRaw(query, stored.ID).Scan(ctx, &occupied); err != nil || occupied {
		return err
	}
	stored.TokenRequired, stored.MediaMode = true, string(wanted.MediaMode)
	if wanted.Retention != nil {
		stored.Retention = fromRetention(wanted.Retention)
	}
	_, err := tx.ExecContext(ctx, "UPDATE sessions SET token_required = TRUE, media_mode = ?, retention = ? WHERE id = ?",
		stored.MediaMode, stored.Retention, stored.ID)
	return err
}

// UpdateSession implements session.Store.
func (s *Store) UpdateSession(ctx context.Context, id string, u session.SessionUpdate) (session.RosterChange, bool, error) {
	if u.Data != nil && !storable(*u.Data) {
		return session.RosterChange{}, false, session.Errorf(session.CodeBadUserInput, "data must be valid UTF-8 without U+0000")
	}
	return s.changeRosterIf(ctx, "update session", id, nil, s.admitChange, func(ctx context.Context, tx bun.Tx, at *sessionRow, _ int64) (session.RosterChange, bool, error) {
		if err := requireModerator(ctx, tx, u.ModeratorID, id); err != nil {
			return session.RosterChange{}, false, err
		}
		if u.ReadOnly != nil && *u.ReadOnly {
			if err := s.requireVersion(ctx, tx, readOnlyVersion); err != nil {
				return session.RosterChange{}, false, err
			}
		}
		if u.SetRetention && u.Retention != nil {
			if err := s.requireVersion(ctx, tx, retentionVersion); err != nil {
				return session.RosterChange{}, false, err
			}
		}
		if !at.apply(u) {
			return session.RosterChange{Session: at.toSession()}, false, nil
		}
		at.SettingsRevision = at.Revision
		_, err := tx.NewUpdate().Model(at).Column("slow_mode", "read_only", "data", "retention", "settings_revision").WherePK().Exec(ctx)
		return session.RosterChange{Session: at.toSession()}, true, err
	})
}

// apply makes the settings those of u, and says whether that changes any.
func (r *sessionRow) apply(u session.SessionUpdate) (changed bool) {
	before := *r
	if u.SlowMode != nil {
		r.SlowMode = u.SlowMode.Milliseconds()
	}
	if u.ReadOnly != nil {
		r.ReadOnly = *u.ReadOnly
	}
	if u.SetData {
		r.Data = u.Data
	}
	if u.SetRetention {
		r.Retention = fromRetention(u.Retention)
	}
	return r.SlowMode != before.SlowMode || r.ReadOnly != before.ReadOnly || !same(r.Data, before.Data) || !same(r.Retention, before.Retention)
}

// SessionSizes implements session.Store.
func (s *Store) SessionSizes(ctx context.Context, ids []string) (map[string]session.SessionSize, error) {
	rows, err := read(ctx, s, "read the sizes of sessions", func(ctx context.Context) ([]*sessionRow, error) {
		return selectSessions(ctx, s.readers, ids)
	})
	if err != nil {
		return nil, err
	}
	sizes := make(map[string]session.SessionSize, len(rows))
	for _, row := range rows {
		sizes[row.ID] = session.SessionSize{Entries: row.LastSeq - row.RemovedSeq, Bytes: row.Bytes}
	}
	return sizes, nil
}

// LastSeqs implements session.Store.
func (s *Store) LastSeqs(ctx context.Context, sessionIDs []string) (map[string]session.LastSeqs, error) {
	rows, err := read(ctx, s, "read the last numbers", func(ctx context.Context) ([]*sessionRow, error) {
		return selectSessions(ctx, s.readers, sessionIDs)
	})
	if err != nil {
		return nil, err
	}
	last := make(map[string]session.LastSeqs, len(rows))
	for _, row := range rows {
		last[row.ID] = session.LastSeqs{Epoch: session.Epoch(row.Epoch), Seq: row.LastSeq, Place: row.LastSeq + row.Changes, Revision: row.Revision,
			Front: row.front()}
	}
	return last, nil
}

// makeLobby creates the lobby, the session that always exists.
func (s *Store) makeLobby(ctx context.Context) error {
	now, err := s.now(ctx, s.writer)
	if err != nil {
		return err
	}
	lobby := session.Session{ID: session.Lobby, Epoch: newEpoch(), MediaMode: session.MediaRelayed}
	return insertSession(ctx, s.writer, fromSession(lobby, now))
}

// insertSession stores the row unless its id is taken.
func insertSession(ctx context.Context, db bun.IDB, row *sessionRow) error {
	_, err := db.NewInsert().Model(row).On("CONFLICT (id) DO NOTHING").Exec(ctx)
	return err
}

// selectSession returns one session's row. Errors: NOT_FOUND, with ReasonSessionDeleted where it was deleted.
func selectSession(ctx context.Context, db bun.IDB, id string) (*sessionRow, error) {
	row, err := selectByID[sessionRow](ctx, db, id, sessionNotFound)
	if session.CodeOf(err) == session.CodeNotFound || err == nil && row.DeletedAt != nil {
		return nil, missingSession(ctx, db, id)
	}
	return row, err
}

// selectByID returns the row with this id, or the error that notFound makes.
func selectByID[R any](ctx context.Context, db bun.IDB, id string, notFound func() *session.Error) (*R, error) {
	if !storable(id) {
		return nil, notFound()
	}
	row := new(R)
	err := db.NewSelect().Model(row).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound()
	}
	return row, err
}

// selectSessions returns the rows of these sessions, ordered by id. Unknown ids have no row, and neither have deleted sessions. In a
// transaction the rows are locked until its end.
func selectSessions(ctx context.Context, db bun.IDB, ids []string) ([]*sessionRow, error) {
	ids = storableOnly(ids)
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []*sessionRow
	query := db.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Where("deleted_at IS NULL").Order("id")
	if _, changing := db.(bun.Tx); changing && engineOf(db).locksRows() {
		query = query.For(engineOf(db).lockRows)
	}
	err := query.Scan(ctx)
	return rows, err
}

// revision is the number that a row with this id gets.
type revision struct {
	id     string
	number int64
}

// revisions are rows of VALUES in a statement that bun writes.
type revisions []revision

// AppendQuery implements schema.QueryAppender.
func (r revisions) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	for i, one := range r {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = gen.AppendQuery(b, "(?, ?)", one.id, one.number)
	}
	return b, nil
}

// storeRevision stores a session's revision, and the bytes that count to its quota.
func storeRevision(ctx context.Context, tx bun.Tx, at *sessionRow) error {
	_, err := tx.ExecContext(ctx, "UPDATE sessions SET revision = ?, bytes = ? WHERE id = ?", at.Revision, at.Bytes, at.ID)
	return err
}

func setRevision(ctx context.Context, tx bun.Tx, sessionID string, revision int64) error {
	_, err := tx.ExecContext(ctx, "UPDATE sessions SET revision = ? WHERE id = ?", revision, sessionID)
	return err
}

// setRevisions is setRevision for several sessions, in one statement.
func setRevisions(ctx context.Context, tx bun.Tx, bySession map[string]int64) error {
	if len(bySession) == 0 {
		return nil
	}
	grown := make(revisions, 0, len(bySession))
	for id, number := range bySession {
		if len(bySession) == 1 {
			return setRevision(ctx, tx, id, number)
		}
		grown = append(grown, revision{id, number})
	}
	const query = "WITH grown (id, revision) AS (VALUES ?) UPDATE sessions SET revision = grown.revision FROM grown WHERE sessions.id = grown.id"
	_, err := tx.ExecContext(ctx, query, grown)
	return err
}
