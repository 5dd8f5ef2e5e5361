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

// statementKind is a statement that stands in a hot path, and so is prepared once and not written anew each time.
type statementKind uint8

const (
	selectHeads statementKind = iota
	selectSenders
	selectUsedKeys
	advanceSeq
	indexSenders
	insertEntries
	selectSenderForward
	selectSenderBackward
)

// maxRows is the largest size of a statement over several rows; more rows take several statements.
const maxRows = 256

// text returns the statement over n rows.
func (k statementKind) text(e *engine, n int) string {
	list := func(row string) string { return strings.TrimSuffix(strings.Repeat(row+", ", n), ", ") }
	switch k {
	case selectHeads:
		query := "SELECT id, epoch, token_required, last_seq, indexed_seq, bytes, revision, " + e.now + " FROM sessions WHERE id IN (" + list("?") + ") ORDER BY id"
		if e.lockRows != "" {
			query += " FOR " + e.lockRows
		}
		return query
	case selectSenders:
		return "SELECT id, session_id, guest, " + sqlLive + " FROM connections WHERE id IN (" + list("?") + ")"
	case selectUsedKeys:
		return "WITH used (session_id, idempotency_key) AS (VALUES " + list("(?, ?)") + ")" +
			" SELECT " + sqlEntryColumns + " FROM used" +
			" JOIN entries AS e ON e.session_id = used.session_id AND e.idempotency_key = used.idempotency_key"
	case advanceSeq:
		return "WITH grown (id, seq, indexed, bytes) AS (VALUES " + list("(?, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT))") + ")" +
			" UPDATE sessions SET last_seq = grown.seq, indexed_seq = grown.indexed, bytes = grown.bytes FROM grown WHERE sessions.id = grown.id"
	case indexSenders:
		return sqlIndexSenders
	case insertEntries:
		return "INSERT INTO entries (session_id, seq, connection_id, body, idempotency_key, created_at) VALUES " +
			list("(?, ?, ?, ?, ?, ?)")
	case selectSenderForward:
		return sqlSenderEntries("ASC")
	case selectSenderBackward:
		return sqlSenderEntries("DESC")
	}
	panic(fmt.Sprintf("statement kind %d has no text", k))
}

// statements run the hot path's statements. Their sizes are powers of two, so that there are few: a list is filled up
// with its last item, and rows are inserted in several runs. Where the engine asks for it, they are prepared on first
// use; else the driver keeps them, for each connection.
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

// ready prepares the statement over n rows, a power of two. Of the writer's, it must be called with the turn to write
// and outside a transaction, since it uses the one connection.
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

// find returns what ready has made of the statement.
func (s *statements) find(kind statementKind, n int) (text string, stmt *sql.Stmt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := statementSize{kind, n}
	return s.texts[at], s.prepared[at]
}

// query runs the statement, which ready has seen to, in tx.
func (s *statements) query(ctx context.Context, tx bun.Tx, kind statementKind, n int, args []any) (*sql.Rows, error) {
	text, stmt := s.find(kind, n)
	if stmt == nil {
		return tx.Tx.QueryContext(ctx, text, slices.Concat(s.engine.keep, args)...)
	}
	return tx.StmtContext(ctx, stmt).QueryContext(ctx, args...)
}

// read runs a statement outside of a transaction.
func (s *statements) read(ctx context.Context, kind statementKind, args ...any) (*sql.Rows, error) {
	if err := s.ready(ctx, kind, 1); err != nil {
		return nil, err
	}
	text, stmt := s.find(kind, 1)
	if stmt == nil {
		return s.db.DB.QueryContext(ctx, text, slices.Concat(s.engine.keep, args)...)
	}
	return stmt.QueryContext(ctx, args...)
}

// exec is query for a statement that returns no rows.
func (s *statements) exec(ctx context.Context, tx bun.Tx, kind statementKind, n int, args ...any) error {
	text, stmt := s.find(kind, n)
	var err error
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

// sizeFor is the power of two, up to maxRows, that holds n rows.
func sizeFor(n int) int { return min(maxRows, 1<<bits.Len(uint(n-1))) }

// sizeWithin is the greatest power of two, up to maxRows, of at most n rows.
func sizeWithin(n int) int { return min(maxRows, 1<<(bits.Len(uint(n))-1)) }
