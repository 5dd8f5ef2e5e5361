package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/uptrace/bun"
)

// statementKind is a statement of a hot path, which is prepared once.
type statementKind uint8

const (
	selectLogs statementKind = iota
	selectSenders
	selectUsedKeys
	selectStoredEntry
	selectStoredChange
	selectPosts
	insertMarks
	moveGuests
	advanceSeq
	indexSenders
	insertPlainEntries
	insertEntries
	selectSenderForward
	selectSenderBackward
	selectUndeletedForward
	selectUndeletedBackward
	selectBySeq
	selectChangeKeys
	selectReactions
	updateEntries
	eraseEntries
	updateReactions
	advanceChanges
	insertReactions
	deleteReactions
	clearReactions
	insertChangeKeys
	selectEntryRow
	selectPage
	selectPages
	updatePage
	selectRoot
)

// plainEntryArgs is how many arguments insertPlainEntries takes for each row.
const plainEntryArgs = 6

// maxRows is the largest number of rows that a statement takes; a longer list takes several statements.
const maxRows = 256

// text returns the statement over n rows.
func (k statementKind) text(e *engine, n int) string {
	list := func(row string) string { return strings.TrimSuffix(strings.Repeat(row+", ", n), ", ") }
	switch k {
	case selectLogs:
		return "SELECT id, epoch, token_required, last_seq, removed_seq, indexed_seq, bytes, revision, changes, run_changes, slow_mode, read_only, banned_until, deleted_at IS NOT NULL, " + e.now + " FROM sessions WHERE id IN (" + list("?") + ") ORDER BY id" + e.forLock()
	case selectSenders:
		return "SELECT id, session_id, guest, coalesce(origin, 0), " + sqlLive + ", " + sqlService + ", role, user_id FROM connections WHERE id IN (" + list("?") + ")"
	case selectUsedKeys:
		return "WITH used (session_id, idempotency_key) AS (VALUES " + list("(?, ?)") + ")" +
			" SELECT e.posted_sum, " + sqlEntryColumns + " FROM used" +
			" JOIN entries AS e ON e.session_id = used.session_id AND e.idempotency_key = used.idempotency_key"
	case selectStoredEntry:
		return "SELECT s.epoch, e.posted_sum, " + sqlEntryColumns + " FROM entries AS e CROSS JOIN sessions AS s" +
			" WHERE e.session_id = ? AND e.idempotency_key IN (?, ?) AND s.id = e.session_id"
	case selectStoredChange:
		return "SELECT k.used_for, s.epoch, " + sqlEntryColumns + " FROM change_keys AS k CROSS JOIN entries AS e CROSS JOIN sessions AS s" +
			" WHERE k.session_id = ? AND k.change_key = ? AND e.session_id = k.session_id AND e.seq = ? AND s.id = k.session_id"
	case selectPosts:
		return "WITH wanted (session_id, reader) AS (VALUES " + list("(?, ?)") + ") SELECT m.session_id, m.reader, m.posted_at FROM wanted" +
			" JOIN read_marks AS m ON m.session_id = wanted.session_id AND m.reader = wanted.reader WHERE m.posted_at IS NOT NULL"
	case insertMarks:
		return "INSERT INTO read_marks (session_id, reader, place, seq, posted_at, purge_at) VALUES " + list("(?, ?, ?, ?, ?, ?)") +
			" ON CONFLICT (session_id, reader) DO UPDATE SET place = excluded.place, seq = excluded.seq," +
			" posted_at = excluded.posted_at, purge_at = excluded.purge_at"
	case moveGuests:
		return "WITH new (id, origin) AS (VALUES " + list("(?, CAST(? AS BIGINT))") + ") UPDATE connections SET origin = new.origin FROM new" +
			" WHERE connections.id = new.id AND connections.guest"
	case advanceSeq:
		// The newest entry of a log that has grown follows all changes.
		return "WITH grown (id, seq, indexed, bytes) AS (VALUES " + list("(?, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT))") + ")" +
			" UPDATE sessions SET last_seq = grown.seq, indexed_seq = grown.indexed, bytes = grown.bytes, run_changes = changes FROM grown WHERE sessions.id = grown.id"
	case indexSenders:
		return sqlIndexSenders
	case insertPlainEntries: // a value that is bound costs more than one that is in the text
		return "INSERT INTO entries (session_id, seq, connection_id, body, idempotency_key, created_at, changes_before) VALUES " +
			list("(?, ?, ?, ?, ?, ?, 0)")
	case insertEntries:
		return "INSERT INTO entries (session_id, seq, connection_id, body, idempotency_key, created_at, user_id, data, reply_to," +
			" changes_before, run_place, posted_sum) VALUES " + list("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	case selectSenderForward:
		return sqlSenderEntries(e, "ASC", "")
	case selectSenderBackward:
		return sqlSenderEntries(e, "DESC", "")
	case selectUndeletedForward:
		return sqlSenderEntries(e, "ASC", " AND deleted_at IS NULL")
	case selectUndeletedBackward:
		return sqlSenderEntries(e, "DESC", " AND deleted_at IS NULL")
	}
	if text := k.changeText(list); text != "" {
		return text
	}
	panic(fmt.Sprintf("statement kind %d has no text", k))
}

// statements prepares and runs the statements of the hot paths. Their sizes are powers of two, so that there are few: a
// list is filled up with copies of its last item, and rows are inserted in several runs. Statements are prepared on
// first use where the engine asks for that. Otherwise the driver prepares them, for each connection.
type statements struct {
	engine   *engine
	db       *bun.DB
	mu       sync.Mutex
	texts    map[statementSize]string
	prepared map[statementSize]*sql.Stmt
}

type statementSize struct {
	kind statementKind
	rows int
}

// ready prepares the statement over n rows, a power of two. A statement of the writer must be prepared with the turn to
// write and outside a transaction, since the writer has one connection.
func (s *statements) ready(ctx context.Context, kind statementKind, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := statementSize{kind, n}
	if s.texts[at] == "" {
		if s.texts == nil {
			s.texts = make(map[statementSize]string)
		}
		s.texts[at] = s.engine.rebind(kind.text(s.engine, n))
	}
	if !s.engine.prepares || s.prepared[at] != nil {
		return nil
	}
	stmt, err := s.db.PrepareContext(ctx, s.texts[at])
	if err != nil {
		return fmt.Errorf("prepare statement: %w", err)
	}
	if s.prepared == nil {
		s.prepared = make(map[statementSize]*sql.Stmt)
	}
	s.prepared[at] = stmt.Stmt
	return nil
}

// find returns the text of a statement that ready was called for, and the prepared statement where there is one. The error says that ready
// was not called: an empty text would run, and find nothing.
func (s *statements) find(kind statementKind, n int) (text string, stmt *sql.Stmt, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := statementSize{kind, n}
	if s.texts[at] == "" {
		return "", nil, fmt.Errorf("statement %d over %d rows is not ready", kind, n)
	}
	return s.texts[at], s.prepared[at], nil
}

// query runs a statement that ready was called for in a transaction.
func (s *statements) query(ctx context.Context, tx bun.Tx, kind statementKind, n int, args []any) (*sql.Rows, error) {
	text, stmt, err := s.find(kind, n)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return tx.Tx.QueryContext(ctx, text, slices.Concat(s.engine.keep, args)...)
	}
	return tx.StmtContext(ctx, stmt).QueryContext(ctx, args...)
}

// read runs a statement outside a transaction.
func (s *statements) read(ctx context.Context, kind statementKind, args ...any) (*sql.Rows, error) {
	if err := s.ready(ctx, kind, 1); err != nil {
		return nil, err
	}
	text, stmt, err := s.find(kind, 1)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return s.db.DB.QueryContext(ctx, text, slices.Concat(s.engine.keep, args)...)
	}
	return stmt.QueryContext(ctx, args...)
}

// exec is query for a statement that returns no rows.
func (s *statements) exec(ctx context.Context, tx bun.Tx, kind statementKind, n int, args ...any) error {
	text, stmt, err := s.find(kind, n)
	if err != nil {
		return err
	}
	if stmt == nil {
		_, err = tx.Tx.ExecContext(ctx, text, slices.Concat(s.engine.keep, args)...)
	} else {
		_, err = tx.StmtContext(ctx, stmt).ExecContext(ctx, args...)
	}
	return err
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
	}
	s.prepared = nil
	return errors.Join(errs...)
}

// sizeFor returns the smallest power of two, up to maxRows, that holds n rows.
func sizeFor(n int) int { return min(maxRows, 1<<bits.Len(uint(n-1))) }

// sizeWithin returns the greatest power of two, up to maxRows, that is at most n.
func sizeWithin(n int) int { return min(maxRows, 1<<(bits.Len(uint(n))-1)) }
