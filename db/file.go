package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a waiting Open tries the lock again.
const lockPoll = 50 * time.Millisecond

// keepInterval is how often the life record is brought up to date and the write-ahead log looked at.
const keepInterval = time.Second

// openFile opens a SQLite database: for the one process that serves it, or beside it.
func (s *Store) openFile(ctx context.Context, config Config) (err error) {
	if s.path, err = checkPath(s.path, config.ReadOnly); err != nil {
		return err
	}
	if !config.ReadOnly || config.alone {
		if err := s.takeLock(ctx, config.LockWait); err != nil {
			return err
		}
	}
	if config.ReadOnly {
		return s.openBeside(ctx)
	}
	if err := checkLog(s.path); err != nil {
		return err
	}
	if err := makePrivate(s.path); err != nil {
		return err
	}
	closeToOthers(s.path, s.logger)
	if s.writer, err = openWriter(s.path); err != nil {
		return err
	}
	s.prepare.engine, s.prepare.db = s.engine, s.writer
	s.makeTurns(1)
	s.recent.alone = true
	if err := s.setUp(ctx, s.beginLife); err != nil {
		return err
	}
	if s.readers, err = openReaders(s.path); err != nil {
		return err
	}
	s.reading.engine, s.reading.db = s.engine, s.readers
	if err := s.readers.PingContext(ctx); err != nil {
		return err
	}
	if s.place, err = openPlace(s.path); err != nil {
		return err
	}
	s.keeper.Go(s.keep)
	return nil
}

// checkLog fails where there is a write-ahead log without the database that it belongs to: SQLite would delete it, and
// with it what was stored last.
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

// makePrivate makes an empty file where there is none, for this user alone: the API secret will be in it. What belongs
// to the database beside it takes over its permissions.
func makePrivate(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // never opened here: closing it would drop the locks that this process holds on it
	}
	if err != nil {
		return fmt.Errorf("make database %s: %w", path, err)
	}
	return file.Close()
}

// openBeside opens the file to read from it, whether a server is running or not.
func (s *Store) openBeside(ctx context.Context) (err error) {
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	if s.readers, err = openReaders(s.path); err != nil {
		return err
	}
	s.reading.engine, s.reading.db = s.engine, s.readers
	return s.checkSchema(ctx, steps)
}

func (s *Store) takeLock(ctx context.Context, wait time.Duration) error {
	lock := flock.New(s.path + ".lock")
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	locked, err := lock.TryLockContext(limited, lockPoll)
	switch {
	case locked:
		s.lock = lock
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("wait for database %s: %w", s.path, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("database %s is in use by another server: its lock %s was not free within %v",
			s.path, lock.Path(), wait)
	default:
		return fmt.Errorf("lock database %s: %w", s.path, err)
	}
}

// keep runs until Close.
func (s *Store) keep() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.keeper.Go(func() { // so that a checkpoint that waits for a reader does not hold up Close
		<-s.closing
		cancel()
	})
	ticker := time.NewTicker(keepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-ticker.C:
		}
		if s.checkPlace(true) != nil {
			continue // and nothing is checkpointed into what is lost
		}
		if err := s.life.update(s.total.Load()); err != nil {
			s.logger.Warn("can't write the database's life record", "file", s.lock.Path(), "error", err)
		}
		if err := s.shortenWAL(ctx); err != nil && ctx.Err() == nil && !s.misplaced.Load() {
			s.logger.Warn("can't shorten the database's write-ahead log", "database", s.path, "error", err)
		}
	}
}

// shortenWAL folds the write-ahead log into the database where it has outgrown what the automatic checkpoints should leave
// of it. It waits for no reader: a long one, such as a backup, would hold up every write for as long as it waited, since
// it has the turn to write. While one reads, it gets as far as that one allows, and the next look goes on.
func (s *Store) shortenWAL(ctx context.Context) error {
	if !walIsLong(s.path) {
		return nil
	}
	w, err := s.acquireWriter(ctx)
	if err != nil {
		return err
	}
	defer s.releaseWriter(w)
	return emptyWAL(ctx, s.writer)
}
