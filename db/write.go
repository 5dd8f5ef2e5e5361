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

// fail turns an error into one of the contract's: a session.Error stays as it is, and any other error becomes
// UNAVAILABLE, with what was tried and the cause for the log.
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

// storable says whether a text can be in the database at all. A text that can't is never found.
func storable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// storableOnly returns the texts that can be in the database.
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

// write runs one change for a single caller in a transaction of its own: everything that is stored comes this way or by writeFew. ctx
// bounds the wait for the turn to write; once the transaction has begun, nothing cancels it. change may be run more than once, after a
// conflict or where a connection was lost: it must begin afresh each time, and have no effect but on tx and on what it returns.
func (s *Store) write(ctx context.Context, tried string, change func(ctx context.Context, tx bun.Tx) error) error {
	return s.writePrepared(ctx, tried, prepareNothing, change, func() {})
}

// writePrepared is write with a step that needs the turn to write and can't be within the transaction, such as preparing
// statements. committed is called before another transaction has the turn, so that what it notes is in the order of the commits.
func (s *Store) writePrepared(
	ctx context.Context, tried string, prepare func(ctx context.Context) error, change func(ctx context.Context, tx bun.Tx) error,
	committed func(),
) error {
	leave, err := s.enterSingles(ctx)
	if err != nil {
		return fail(tried, err)
	}
	defer leave()
	return s.writeFewPrepared(ctx, tried, prepare, change, committed)
}

// prepareNothing is the step of writes that have nothing to prepare.
func prepareNothing(context.Context) error { return nil }

// enterSingles waits for one of the turns that transactions of single callers have to wait for a writer.
func (s *Store) enterSingles(ctx context.Context) (leave func(), err error) {
	if s.singles == nil { // read only: acquireWriter says so
		return func() {}, nil
	}
	select {
	case s.singles <- struct{}{}:
		return func() { <-s.singles }, nil
	case <-s.closing:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// writeFew is write for transactions of which few are made at a time, however many callers there are: groups of many callers' writes, what
// takes turns in the same queues, and what a node writes for itself, such as its lease. They do not stand behind all transactions of
// single callers: on SQLite behind one of those at most, on PostgreSQL half of the writers are free of them.
func (s *Store) writeFew(ctx context.Context, tried string, change func(ctx context.Context, tx bun.Tx) error) error {
	return s.writeFewPrepared(ctx, tried, prepareNothing, change, func() {})
}

// writeFewPrepared is to writeFew as writePrepared is to write.
func (s *Store) writeFewPrepared(
	ctx context.Context, tried string, prepare func(ctx context.Context) error, change func(ctx context.Context, tx bun.Tx) error,
	committed func(),
) error {
	w, err := s.acquireWriter(ctx)
	if err != nil {
		return fail(tried, err)
	}
	defer s.releaseWriter(w)
	ctx = context.WithoutCancel(ctx)
	if err := prepare(ctx); err != nil {
		return fail(tried, err)
	}
	s.kept.begin()
	err = s.backend.transact(ctx, w, change)
	if err == nil {
		committed()
	}
	return fail(tried, err)
}

// read runs get, which only reads, and may run it more than once where its connection is lost.
func read[R any](ctx context.Context, s *Store, tried string, get func(ctx context.Context) (R, error)) (R, error) {
	var result R
	err := s.backend.read(ctx, func(ctx context.Context) (err error) {
		result, err = get(ctx)
		return err
	})
	return result, fail(tried, err)
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
	if err := s.backend.mayWrite(); err != nil {
		return nil, err
	}
	select {
	case w := <-s.writers:
		return w, nil
	case <-s.closing:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Store) releaseWriter(w *writer) { s.writers <- w }

// now reads the database's clock.
func (s *Store) now(ctx context.Context, db bun.IDB) (milliseconds int64, err error) {
	err = db.NewRaw("SELECT "+s.engine.now).Scan(ctx, &milliseconds)
	return milliseconds + s.offset(), err
}

func (s *Store) offset() int64 {
	if s.clockOffset == nil {
		return 0
	}
	return s.clockOffset().Milliseconds()
}
