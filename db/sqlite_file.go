package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/uptrace/bun"
)

// lockPoll is how often a waiting Open tries the lock again.
const lockPoll = 50 * time.Millisecond

// maintainInterval is how often the generation record is updated and the size of the write-ahead log checked.
const maintainInterval = time.Second

// sqliteFile is the backend on a SQLite database, a file that one process owns.
type sqliteFile struct {
	*Store
	lock       *flock.Flock
	generation *generationRecord
	files      *databaseFiles
	misplaced  atomic.Bool // the files are not those that were opened; set by checkFiles
	maintainer sync.WaitGroup

	erasures erasures
	gate     readGate

	checkInterval time.Duration // the least time between two checks of the files by commits
	opened        time.Time
	checkedAt     atomic.Int64 // of the latest check by a commit, in nanoseconds since opened; 0 before the first
}

func newSQLiteFile(s *Store) *sqliteFile {
	f := &sqliteFile{Store: s, checkInterval: commitCheckInterval, opened: time.Now()}
	f.erasures.after.Store(int64(eraseAfter))
	return f
}

// open opens a SQLite database, to serve it alone or to read beside a server.
func (f *sqliteFile) open(ctx context.Context, config Config) (err error) {
	if f.path, err = checkPath(f.path, config.ReadOnly); err != nil {
		return err
	}
	if !config.ReadOnly || config.alone {
		if err := f.takeLock(ctx, config.LockWait); err != nil {
			return err
		}
	}
	if config.ReadOnly {
		return f.openBeside(ctx)
	}
	if err := checkLog(f.path); err != nil {
		return err
	}
	if err := makePrivate(f.path); err != nil {
		return err
	}
	restrictPermissions(f.path, f.logger)
	if f.writer, err = openWriter(f.path); err != nil {
		return err
	}
	f.writing.engine, f.writing.db = f.engine, f.writer
	f.makeWriters(1)
	f.unindexed.alone, f.kept.alone = true, true
	if err := f.setUp(ctx, f.checkRestored); err != nil {
		return err
	}
	if err := endLeases(ctx, f.writer); err != nil {
		return err
	}
	if f.readers, err = openReaders(f.path); err != nil {
		return err
	}
	f.reading.engine, f.reading.db = f.engine, f.readers
	if err := f.readers.PingContext(ctx); err != nil {
		return err
	}
	if f.files, err = openFiles(f.path); err != nil {
		return err
	}
	f.erased() // by the process before, perhaps
	f.maintainer.Go(f.maintain)
	return nil
}

// transact runs change in one transaction, which holds the whole database.
func (f *sqliteFile) transact(ctx context.Context, _ *writer, change func(ctx context.Context, tx bun.Tx) error) error {
	ctx = context.WithoutCancel(ctx)
	tx, err := f.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := change(ctx, tx); err != nil {
		_ = tx.Rollback() // change's error says more
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return f.checkCommitted()
}

func (f *sqliteFile) read(ctx context.Context, get func(ctx context.Context) error) error {
	f.gate.enter(ctx)
	defer f.gate.leave()
	return get(ctx)
}

func (f *sqliteFile) mayWrite() error {
	if !f.misplaced.Load() {
		return nil
	}
	return f.checkFiles(fileNames) // they may be back
}

func (f *sqliteFile) check() error {
	if err := f.checkFiles(fileNames); err != nil {
		return err
	}
	return fail("ping", checkFreeSpace(f.path))
}

// markRestored gives new epochs. The generation record already says that this database is the one.
func (f *sqliteFile) markRestored(ctx context.Context, tx bun.Tx) error { return renewEpochs(ctx, tx) }

func (f *sqliteFile) size(context.Context) (bytes int64, err error) {
	for _, name := range []string{"", "-wal"} {
		info, err := os.Stat(f.path + name)
		if err != nil {
			return 0, fmt.Errorf("look at the database's files: %w", err)
		}
		bytes += info.Size()
	}
	return bytes, nil
}

func (f *sqliteFile) awaitAlone(context.Context) error { return nil } // the lock says so

func (f *sqliteFile) stop() { f.maintainer.Wait() }

func (f *sqliteFile) finish() error {
	if f.generation == nil {
		return nil
	}
	return f.generation.update(f.total.Load())
}

func (f *sqliteFile) release() error {
	var errs []error
	if f.files != nil {
		errs = append(errs, f.files.close())
	}
	if f.generation != nil {
		errs = append(errs, f.generation.close())
	}
	if f.lock != nil {
		errs = append(errs, f.lock.Close())
	}
	return errors.Join(errs...)
}

// checkLog returns an error where there is a write-ahead log without its database: SQLite would delete the log, and
// with it the latest entries.
func checkLog(path string) error {
	log, err := os.Stat(path + "-wal")
	if err != nil || log.Size() == 0 {
		return nil
	}
	if file, err := os.Stat(path); err == nil && file.Size() > 0 {
		return nil
	}
	return fmt.Errorf("database %s is missing or empty, but its write-ahead log %s is there, with what was stored last: put the file back, or move the log away to begin anew", path, path+"-wal")
}

// makePrivate creates an empty file where there is none, readable by this user alone: it will hold the API secret. The
// files beside it get the same permissions from SQLite.
func makePrivate(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // not opened here: closing it would drop the locks that this process holds on it
	}
	if err != nil {
		return fmt.Errorf("make database %s: %w", path, err)
	}
	return file.Close()
}

// openBeside opens the file for reading, whether a server is running or not.
func (f *sqliteFile) openBeside(ctx context.Context) (err error) {
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	if f.readers, err = openReaders(f.path); err != nil {
		return err
	}
	f.reading.engine, f.reading.db = f.engine, f.readers
	return f.checkSchema(ctx, steps)
}

func (f *sqliteFile) takeLock(ctx context.Context, wait time.Duration) error {
	lock := flock.New(f.path + ".lock")
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	locked, err := lock.TryLockContext(limited, lockPoll)
	switch {
	case locked:
		f.lock = lock
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("wait for database %s: %w", f.path, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("database %s is in use by another server: its lock %s was not free within %v",
			f.path, lock.Path(), wait)
	default:
		return fmt.Errorf("lock database %s: %w", f.path, err)
	}
}

// maintain keeps the generation record and the write-ahead log in order until Close.
func (f *sqliteFile) maintain() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.maintainer.Go(func() { // so that Close does not wait for a checkpoint
		<-f.closing
		cancel()
	})
	ticker := time.NewTicker(maintainInterval)
	defer ticker.Stop()
	for {
		select {
		case <-f.closing:
			return
		case <-ticker.C:
		}
		if f.checkFiles(fileNames) != nil {
			continue // nothing is checkpointed into files that are not the database's
		}
		if err := f.generation.update(f.total.Load()); err != nil {
			f.logger.Warn("can't write the database's generation record", "file", f.lock.Path(), "error", err)
		}
		if err := f.shortenWAL(ctx); err != nil && ctx.Err() == nil && !f.misplaced.Load() {
			f.logger.Warn("can't shorten the database's write-ahead log", "database", f.path, "error", err)
		}
		if err := f.erase(ctx); err != nil && ctx.Err() == nil && !f.misplaced.Load() {
			f.logger.Warn("can't clear the database's write-ahead log of deleted texts; trying on", "database", f.path, "error", err)
		}
	}
}

// shortenWAL truncates the write-ahead log where it is longer than automatic checkpoints should leave it. It holds the
// turn to write, so it waits for no reader longer than gateTime: a long one, such as a backup, would hold up every write. A
// checkpoint beside a reader gets as far as the reader allows, and the next call goes on.
func (f *sqliteFile) shortenWAL(ctx context.Context) error {
	if !walIsLong(f.path) {
		return nil
	}
	w, err := f.acquireWriter(ctx)
	if err != nil {
		return err
	}
	defer f.releaseWriter(w)
	_, err = f.truncate(ctx)
	return err
}
