package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

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
	IndexedSeq    int64  `bun:"indexed_seq"` // up to where sender_entries has the log
	Bytes         int64  `bun:"bytes"`       // of the log, as session.ChatEntry.QuotaBytes counts
}

func fromSession(s session.Session, createdAt int64) *sessionRow {
	return &sessionRow{
		ID:            s.ID,
		Epoch:         int64(s.Epoch),
		MediaMode:     string(s.MediaMode),
		TokenRequired: s.TokenRequired,
		CreatedAt:     createdAt,
	}
}

func (r *sessionRow) toSession() *session.Session {
	return &session.Session{
		ID:            r.ID,
		Epoch:         session.Epoch(r.Epoch),
		MediaMode:     session.MediaMode(r.MediaMode),
		TokenRequired: r.TokenRequired,
		CreatedAt:     toTime(r.CreatedAt),
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
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		if err := insertSession(ctx, tx, fromSession(wanted, now)); err != nil {
			return err
		}
		found, err := selectSessions(ctx, tx, []string{wanted.ID}) // and kept from others
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return sessionNotFound() // removed since, as one that came to nothing: the next try makes it
		}
		stored = found[0]
		if !wanted.TokenRequired || stored.TokenRequired || stored.ID == session.Lobby {
			return nil
		}
		return takeOver(ctx, tx, stored, wanted)
	})
	if err != nil {
		return nil, err
	}
	return stored.toSession(), nil
}

// takeOver has a session that was made on first use ask for tokens from now on, unless somebody is in it. Its log stays.
func takeOver(ctx context.Context, tx bun.Tx, stored *sessionRow, wanted session.Session) error {
	var inhabited bool
	const query = "SELECT EXISTS (SELECT 1 FROM connections WHERE session_id = ? AND " + sqlLive + ")"
	if err := tx.NewRaw(query, stored.ID).Scan(ctx, &inhabited); err != nil || inhabited {
		return err
	}
	stored.TokenRequired, stored.MediaMode = true, string(wanted.MediaMode)
	_, err := tx.ExecContext(ctx, "UPDATE sessions SET token_required = TRUE, media_mode = ? WHERE id = ?", stored.MediaMode, stored.ID)
	return err
}

// Heads implements session.Store.
func (s *Store) Heads(ctx context.Context, sessionIDs []string) (map[string]session.Head, error) {
	rows, err := read(ctx, s, "read heads", func(ctx context.Context) ([]*sessionRow, error) {
		return selectSessions(ctx, s.readers, sessionIDs)
	})
	if err != nil {
		return nil, err
	}
	heads := make(map[string]session.Head, len(rows))
	for _, row := range rows {
		heads[row.ID] = session.Head{Epoch: session.Epoch(row.Epoch), Seq: row.LastSeq, Revision: row.Revision}
	}
	return heads, nil
}

// makeLobby makes the session that always exists.
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

// selectSession returns one session's row. Errors: NOT_FOUND.
func selectSession(ctx context.Context, db bun.IDB, id string) (*sessionRow, error) {
	return selectByID[sessionRow](ctx, db, id, sessionNotFound)
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

// selectSessions returns the rows of these sessions, ordered by id and, in a transaction, kept from others until its
// end; unknown ones are absent.
func selectSessions(ctx context.Context, db bun.IDB, ids []string) ([]*sessionRow, error) {
	ids = storableOnly(ids)
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []*sessionRow
	query := db.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Order("id")
	if _, changing := db.(bun.Tx); changing && engineOf(db).lockRows != "" {
		query = query.For(engineOf(db).lockRows)
	}
	err := query.Scan(ctx)
	return rows, err
}
