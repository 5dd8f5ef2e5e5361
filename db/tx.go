package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"chattok/session"
)

var (
	errReadOnly = errors.New("the database was opened for reading only")
	errClosed   = errors.New("the database has been closed")
)

// fail makes any error one of the contract's: an *Error stays what it is, everything else is UNAVAILABLE, with what was
// tried and the cause for the log.
func fail(tried string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*session.Error](err); ok {
		return err
	}
	return session.Unavailable(fmt.Errorf("%s: %w", tried, err))
}

func sessionNotFound() *session.Error {
	return session.Errorf(session.CodeNotFound, "there is no such session")
}

func connectionNotFound() *session.Error {
	return session.Errorf(session.CodeNotFound, "there is no such connection")
}

func streamNotFound() *session.Error {
	return session.Errorf(session.CodeNotFound, "there is no such stream")
}

func connectionDestroyed() *session.Error {
	return session.Errorf(session.CodeUnauthenticated, "this connection has ended; connect again").
		WithReason(session.ReasonConnectionDestroyed)
}

// storable says whether a text can be in the database at all: what can't be is never found.
func storable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// storableOnly returns those of the texts that can be in the database.
func storableOnly(texts []string) []string {
	for i, s := range texts {
		if storable(s) {
			continue
		}
		kept := append([]string(nil), texts[:i]...)
		for _, s := range texts[i+1:] {
			if storable(s) {
				kept = append(kept, s)
			}
		}
		return kept
	}
	return texts
}

// write runs one change in a transaction of its own. ctx bounds the wait for the turn to write; once the transaction has
// begun, nothing cancels it. change may be run more than once, where another transaction stood in the way or the
// connection was lost: it must begin afresh each time, and have no effect but on tx and on what it returns.
func (s *Store) write(ctx context.Context, tried string, change func(ctx context.Context, tx bun.Tx) error) error {
	w, err := s.acquireWriter(ctx)
	if err != nil {
		return fail(tried, err)
	}
	defer s.releaseWriter(w)
	return fail(tried, s.transact(ctx, w, change))
}

// acquireWriter waits for the turn to write.
func (s *Store) acquireWriter(ctx context.Context) (*writer, error) {
	if s.writer == nil {
		return nil, errReadOnly
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-s.closing:
		return nil, errClosed
	default:
	}
	if s.misplaced.Load() {
		if err := s.checkPlace(true); err != nil {
			return nil, err
		}
	}
	select {
	case w := <-s.turns:
		return w, nil
	case <-s.closing:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Store) releaseWriter(w *writer) { s.turns <- w }

// now reads the database's clock.
func (s *Store) now(ctx context.Context, db bun.IDB) (milliseconds int64, err error) {
	err = db.NewRaw("SELECT "+s.engine.now).Scan(ctx, &milliseconds)
	return milliseconds + s.offset(), err
}

func (s *Store) offset() (milliseconds int64) {
	if s.clockOffset == nil {
		return 0
	}
	return s.clockOffset().Milliseconds()
}
