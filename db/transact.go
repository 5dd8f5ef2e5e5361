package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"
)

// How often, and for how long, a transaction is tried again.
const (
	conflictTries = 10               // that another transaction stood in the way
	lostFor       = 10 * time.Second // since the first try, that the connection or the server was lost
	readFor       = 5 * time.Second  // the same, of what only reads
	resolveFor    = 30 * time.Second // that a commit whose answer was lost is asked after
	firstPause    = 5 * time.Millisecond
	longestPause  = 500 * time.Millisecond
)

// A writer's row that was not used for keepWriter goes with the next writer that begins, so that those of processes that
// ended are not kept for ever. A writer that was not used for freshWriter, as in a machine that slept, begins anew itself:
// long before, so that clocks need not agree, a row is never missed that was swept.
const (
	freshWriter = 24 * time.Hour
	keepWriter  = 30 * freshWriter
)

// errReplaced says that the database is not where a writer left it.
var errReplaced = errors.New("the database has gone back behind what it had committed")

// writer is a turn to write. Where the engine is shared it has a row in writers, with the number of its last commit, by
// which it knows what became of a commit whose answer was lost: a transaction counts its own number there, and holds
// the row's lock until its end. docs/decisions/postgres.md has the reasons.
type writer struct {
	id        int64  // of the row; 0 where it has none
	committed int64  // what its row says, if the database is the one that was written to
	life      string // the database's, when the row was made
	used      time.Time
}

// transact runs change in a transaction, and again where that is safe and may help: after a conflict, and where a
// connection was lost before the commit. Where it was lost in the commit, it finds out first what became of it.
// Nothing cancels it once it has begun.
func (s *Store) transact(ctx context.Context, w *writer, change func(ctx context.Context, tx bun.Tx) error) error {
	ctx = context.WithoutCancel(ctx)
	begun := time.Now()
	for try := 1; ; try++ {
		err := s.try(ctx, w, change)
		if err == nil {
			return nil
		}
		if !s.engine.shared {
			return err
		}
		if errors.Is(err, errReplaced) {
			if err := s.rejoin(ctx, w); err != nil {
				return err
			}
		}
		switch s.engine.judge(err) {
		case failureConflict:
			if try >= conflictTries {
				return err
			}
		case failureLost:
			if time.Since(begun) >= lostFor {
				return err
			}
		default:
			if !errors.Is(err, errReplaced) && !errors.Is(err, errElsewhere) || try >= conflictTries {
				return err
			}
		}
		if !s.pause(try) {
			return err
		}
	}
}

// read runs what only reads; again, within ctx, where its connection is lost.
func read[R any](ctx context.Context, s *Store, tried string, get func(ctx context.Context) (R, error)) (R, error) {
	if !s.engine.shared {
		r, err := get(ctx)
		return r, fail(tried, err)
	}
	begun := time.Now()
	for try := 1; ; try++ {
		limited, cancel := context.WithTimeout(ctx, transactionTimeout)
		r, err := get(limited)
		cancel()
		if err == nil || ctx.Err() != nil || s.engine.judge(err) != failureLost || time.Since(begun) >= readFor || !s.pause(try) {
			return r, fail(tried, err)
		}
	}
}

// pause waits before another try, longer each time and never equally long, so that two that collided don't again. It
// returns false where the store is closing.
func (s *Store) pause(try int) bool {
	d := min(longestPause, firstPause<<min(try, 10))
	timer := time.NewTimer(d/2 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.closing:
		return false
	}
}

// try runs change in one transaction, whose outcome is known when it returns, save after an unresolvedError.
func (s *Store) try(ctx context.Context, w *writer, change func(ctx context.Context, tx bun.Tx) error) error {
	limited := ctx
	if s.engine.shared {
		if err := s.enlist(ctx, w); err != nil {
			return err
		}
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, transactionTimeout)
		defer cancel()
	}
	tx, err := s.writer.BeginTx(limited, nil)
	if err != nil {
		return err
	}
	if s.lives.suspect.Load() {
		_ = tx.Rollback()
		if err := s.settle(ctx); err != nil {
			return err
		}
		return errElsewhere
	}
	if err := change(limited, tx); err != nil {
		_ = tx.Rollback() // what is lost with the connection is rolled back by the server
		return err
	}
	if !s.engine.shared {
		if err := tx.Commit(); err != nil {
			return err
		}
		return s.checkPlace(false) // what was committed to a file that is gone is lost
	}
	counted, err := countCommit(limited, tx, w)
	if err != nil {
		_ = tx.Rollback()
		return err
	}
	err = tx.Commit()
	switch {
	case !counted:
		return err // nothing was written
	case err == nil:
		w.committed++
		return nil
	}
	return s.resolve(ctx, w, err)
}

// countCommit counts the transaction as its writer's next, and returns false where it has written nothing.
func countCommit(ctx context.Context, tx bun.Tx, w *writer) (counted bool, err error) {
	query := "UPDATE writers SET committed = ?, used_at = " + engineOf(tx).now +
		" WHERE id = ? AND committed = ? AND pg_current_xact_id_if_assigned() IS NOT NULL"
	result, err := tx.ExecContext(ctx, query, w.committed+1, w.id, w.committed)
	if err != nil {
		return false, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err == nil, err
	}
	var wrote bool
	if err := tx.NewRaw("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").Scan(ctx, &wrote); err != nil {
		return false, err
	}
	if wrote {
		return false, errReplaced
	}
	return false, nil
}

// resolve finds out what became of a commit that was not answered: nil where it is there, cause where it is not and can
// never be, so that the same may be tried again.
func (s *Store) resolve(ctx context.Context, w *writer, cause error) error {
	if s.engine.judge(cause) != failureLost {
		return cause // the server says that it did not
	}
	s.logger.Warn("a commit was not answered; looking for what became of it", "database", s.path, "error", cause)
	deadline := time.Now().Add(resolveFor)
	for try := 1; ; try++ {
		committed, err := s.readWriter(ctx, w.id)
		switch {
		case err == nil && committed == w.committed+1:
			w.committed++
			return nil
		case err == nil:
			return cause
		case time.Now().After(deadline) || !s.pause(try):
			w.id = 0 // it may still count: the next transaction has another row
			return fmt.Errorf("the outcome of a commit is unknown: %w", &unresolvedError{errors.Join(cause, err)})
		}
	}
}

// readWriter returns what a writer's row says when no transaction has it; -1 where there is none, as in a database that
// was put back.
func (s *Store) readWriter(ctx context.Context, id int64) (committed int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	var found []int64
	err = s.writer.NewRaw("SELECT committed FROM writers WHERE id = ? FOR UPDATE", id).Scan(ctx, &found)
	if err == nil && len(found) == 0 {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	return found[0], nil
}

// unresolvedError hides its causes from judge: what they are of must not be tried again.
type unresolvedError struct{ cause error }

func (e *unresolvedError) Error() string { return e.cause.Error() }

// enlist gives a writer a row, where it has none or has not been used for long.
func (s *Store) enlist(ctx context.Context, w *writer) error {
	used := w.used
	w.used = time.Now().Round(0) // by the wall's clock, which goes on while a machine sleeps
	if w.id != 0 && w.used.Sub(used) < freshWriter {
		return nil
	}
	w.id = 0
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	id := rand.Int64()
	life, err := getMeta(ctx, s.writer, keyLife)
	if err != nil {
		return err
	}
	query := "INSERT INTO writers (id, committed, used_at) VALUES (?, 0, " + s.engine.now + ")"
	if _, err := s.writer.ExecContext(ctx, query, id); err != nil {
		return err
	}
	w.id, w.committed, w.life = id, 0, life
	sweep := "DELETE FROM writers WHERE used_at < " + s.engine.now + " - ?"
	if _, err := s.writer.ExecContext(ctx, sweep, keepWriter.Milliseconds()); err != nil {
		s.logger.Warn("can't sweep the rows of writers that ended", "database", s.path, "error", err)
	}
	return nil
}
