package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"

	"chattok/internal/backoff"
)

// Limits of another try at a transaction.
const (
	conflictTries = 10               // tries, where another transaction was in the way
	lostFor       = 10 * time.Second // since the first try, where the connection or the server was lost
	readFor       = 5 * time.Second  // since the first try, for a transaction that only reads
	resolveFor    = 30 * time.Second // for finding out the outcome of a commit whose answer was lost
)

// A writer that was not used for renewWriterRow, for example because the machine slept, gets a new row. A row that was
// not used for keepWriterRow, which belongs to a process that ended, is removed by the next writer that gets a new row.
// The second time is far longer than the first, so that no row in use is removed though clocks differ.
const (
	renewWriterRow = 24 * time.Hour
	keepWriterRow  = 30 * renewWriterRow
)

// errReplaced says that the database is behind a writer's last commit.
var errReplaced = errors.New("the database has gone back behind what it had committed")

// writer is a turn to write. On PostgreSQL it has a row in the table writers, with the number of its last commit: a
// transaction counts its own number there and holds the row's lock until its end. After a lost answer, the row says
// whether the commit was made. docs/decisions/postgres.md has the reasons.
type writer struct {
	id         int64  // of the row; 0 where it has none
	committed  int64  // the number in its row, if the database is the one that was written to
	generation string // of the database, when the row was made
	used       time.Time
}

// transact runs change in a transaction, and runs it again where that is safe and may help: after a conflict, and where
// the connection was lost before the commit. Where the connection was lost during the commit, it first finds out
// whether the commit was made. Nothing cancels a transaction that has begun.
func (p *postgresServer) transact(ctx context.Context, w *writer, change func(ctx context.Context, tx bun.Tx) error) error {
	ctx = context.WithoutCancel(ctx)
	begun := time.Now()
	for try := 1; ; try++ {
		err := p.try(ctx, w, change)
		if err == nil {
			return nil
		}
		if errors.Is(err, errReplaced) {
			if err := p.acceptRestore(ctx, w); err != nil {
				return err
			}
		}
		switch p.engine.classify(err) {
		case failureConflict:
			if try >= conflictTries {
				return err
			}
		case failureLost:
			if time.Since(begun) >= lostFor {
				return err
			}
		default:
			if !errors.Is(err, errReplaced) && !errors.Is(err, errMoved) || try >= conflictTries {
				return err
			}
		}
		if !p.pause(try) {
			return err
		}
	}
}

// read runs get, and again within ctx where its connection is lost.
func (p *postgresServer) read(ctx context.Context, get func(ctx context.Context) error) error {
	begun := time.Now()
	for try := 1; ; try++ {
		limited, cancel := context.WithTimeout(ctx, transactionTimeout)
		err := get(limited)
		cancel()
		if err == nil || ctx.Err() != nil || p.engine.classify(err) != failureLost || time.Since(begun) >= readFor || !p.pause(try) {
			return err
		}
	}
}

// retry is the wait before another try.
var retry = backoff.Backoff{First: 10 * time.Millisecond, Longest: 500 * time.Millisecond, Random: true}

// pause waits before another try. It returns false where the store is closing.
func (p *postgresServer) pause(try int) bool { return retry.Pause(try, p.closing) }

// try runs change in one transaction. The outcome is known when it returns, except after an unresolvedError.
func (p *postgresServer) try(ctx context.Context, w *writer, change func(ctx context.Context, tx bun.Tx) error) error {
	if err := p.ensureRow(ctx, w); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	tx, err := p.writer.BeginTx(limited, nil)
	if err != nil {
		return err
	}
	if p.moved.Load() {
		_ = tx.Rollback()
		if err := p.acceptMove(ctx); err != nil {
			return err
		}
		return errMoved
	}
	if err := change(limited, tx); err != nil {
		_ = tx.Rollback() // a transaction that is lost with its connection is rolled back by the server
		return err
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
	return p.resolve(ctx, w, err)
}

// countCommit counts the transaction as its writer's next commit. It returns false where the transaction has written
// nothing.
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

// resolve finds out the outcome of a commit that was not answered. It returns nil where the commit was made, and cause
// where it was not and never will be, so that the change may be tried again.
func (p *postgresServer) resolve(ctx context.Context, w *writer, cause error) error {
	if p.engine.classify(cause) != failureLost {
		return cause // the server answered that it did not commit
	}
	p.logger.Warn("a commit was not answered; looking for what became of it", "database", p.path, "error", cause)
	deadline := time.Now().Add(resolveFor)
	for try := 1; ; try++ {
		committed, err := p.readWriter(ctx, w.id)
		switch {
		case err == nil && committed == w.committed+1:
			w.committed++
			return nil
		case err == nil:
			return cause
		case time.Now().After(deadline) || !p.pause(try):
			w.id = 0 // the commit may still be made: the next transaction uses another row
			return fmt.Errorf("the outcome of a commit is unknown: %w", &unresolvedError{errors.Join(cause, err)})
		}
	}
}

// readWriter returns the number in a writer's row once no transaction holds the row; -1 where there is no row, as in a
// database that was put back.
func (p *postgresServer) readWriter(ctx context.Context, id int64) (committed int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	var found []int64
	err = p.writer.NewRaw("SELECT committed FROM writers WHERE id = ? FOR UPDATE", id).Scan(ctx, &found)
	if err == nil && len(found) == 0 {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	return found[0], nil
}

// unresolvedError hides its causes from classify, since the change must not be tried again.
type unresolvedError struct{ cause error }

func (e *unresolvedError) Error() string { return e.cause.Error() }

// ensureRow gives a writer a row where it has none, or was not used for long.
func (p *postgresServer) ensureRow(ctx context.Context, w *writer) error {
	used := w.used
	w.used = time.Now().Round(0) // by the wall clock, which goes on while a machine sleeps
	if w.id != 0 && w.used.Sub(used) < renewWriterRow {
		return nil
	}
	w.id = 0
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	id := rand.Int64()
	generation, err := getMeta(ctx, p.writer, keyGeneration)
	if err != nil {
		return err
	}
	query := "INSERT INTO writers (id, committed, used_at) VALUES (?, 0, " + p.engine.now + ")"
	if _, err := p.writer.ExecContext(ctx, query, id); err != nil {
		return err
	}
	w.id, w.committed, w.generation = id, 0, generation
	sweep := "DELETE FROM writers WHERE used_at < " + p.engine.now + " - ?"
	if _, err := p.writer.ExecContext(ctx, sweep, keepWriterRow.Milliseconds()); err != nil {
		p.logger.Warn("can't sweep the rows of writers that ended", "database", p.path, "error", err)
	}
	return nil
}
