package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/uptrace/bun"

	"chattok/session"
)

// DefaultLockWait is how long Open waits for another server to let go of the database file, as at a restart.
const DefaultLockWait = 10 * time.Second

// lockPoll is how often a waiting Open tries the lock again.
const lockPoll = 50 * time.Millisecond

// keepInterval is how often the life record is brought up to date and the write-ahead log looked at.
const keepInterval = time.Second

// Config says which database to open, and how.
type Config struct {
	Path     string        // the database file; its folder must exist
	LockWait time.Duration // how long to wait for another server to let go of the file; 0 for DefaultLockWait
	// ReadOnly opens the database beside a running server, to read what is there: no lock is taken, nothing is made or
	// changed, and every method that writes returns UNAVAILABLE.
	ReadOnly bool
	// ClockOffset is added to the database's clock, so that tests need not wait; nil for none.
	ClockOffset func() time.Duration
	Logger      *slog.Logger // nil for slog.Default
}

// Store is the session.Store on a SQL database. It is safe for concurrent use.
type Store struct {
	path        string
	logger      *slog.Logger
	clockOffset func() time.Duration

	writer  *bun.DB // nil where the database was opened for reading only
	readers *bun.DB
	turn    chan struct{} // holds one value while someone writes
	prepare statements    // of the writer

	lock  *flock.Flock
	life  *lifeRecord
	total atomic.Int64 // of all sessions' last_seq, as committed

	closing   chan struct{}
	keeper    sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

var _ session.Store = (*Store)(nil)

// Open opens the database at config.Path, makes it where it does not exist, and brings its schema up to date. One
// process at a time owns a database file: Open waits config.LockWait for another one, then fails. Every error names the
// path.
func Open(ctx context.Context, config Config) (*Store, error) {
	if err := checkPath(config.Path, config.ReadOnly); err != nil {
		return nil, err
	}
	s := &Store{
		path:        config.Path,
		logger:      config.Logger,
		clockOffset: config.ClockOffset,
		turn:        make(chan struct{}, 1),
		closing:     make(chan struct{}),
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	open := s.openOwned
	if config.ReadOnly {
		open = s.openBeside
	}
	if err := open(ctx, config); err != nil {
		return nil, errors.Join(explainOpen(config.Path, err), s.release())
	}
	return s, nil
}

// openOwned opens the database for the one process that serves it.
func (s *Store) openOwned(ctx context.Context, config Config) (err error) {
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	wait := config.LockWait
	if wait == 0 {
		wait = DefaultLockWait
	}
	if err := s.takeLock(ctx, wait); err != nil {
		return err
	}
	if err := makePrivate(s.path); err != nil {
		return err
	}
	if s.writer, err = openWriter(s.path); err != nil {
		return err
	}
	s.prepare.db = s.writer
	if err := s.migrate(ctx, steps); err != nil {
		return err
	}
	if err := s.beginLife(ctx); err != nil {
		return err
	}
	if err := s.makeLobby(ctx); err != nil {
		return err
	}
	if err := s.makeSecret(ctx); err != nil {
		return err
	}
	if s.readers, err = openReaders(s.path); err != nil {
		return err
	}
	if err := s.readers.PingContext(ctx); err != nil {
		return err
	}
	s.keeper.Go(s.keep)
	return nil
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

// openBeside opens the database to read from it, whether a server is running or not.
func (s *Store) openBeside(ctx context.Context, _ Config) (err error) {
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	if s.readers, err = openReaders(s.path); err != nil {
		return err
	}
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
		if err := s.life.update(s.total.Load()); err != nil {
			s.logger.Warn("can't write the database's life record", "file", s.lock.Path(), "error", err)
		}
		if err := s.shortenWAL(ctx); err != nil && ctx.Err() == nil {
			s.logger.Warn("can't shorten the database's write-ahead log", "database", s.path, "error", err)
		}
	}
}

func (s *Store) shortenWAL(ctx context.Context) error {
	if !walIsLong(s.path) {
		return nil
	}
	release, err := s.acquireWriter(ctx)
	if err != nil {
		return err
	}
	defer release()
	return emptyWAL(ctx, s.writer)
}

// Close waits for the writes under way, and releases the database file. Methods called afterwards return UNAVAILABLE.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.keeper.Wait()
		s.turn <- struct{}{} // never given back
		var err error
		if s.life != nil {
			err = s.life.update(s.total.Load())
		}
		s.closeErr = errors.Join(err, s.release())
		if s.closeErr != nil {
			s.closeErr = fmt.Errorf("close database %s: %w", s.path, s.closeErr)
		}
	})
	return s.closeErr
}

// release lets go of what was opened; the writer last but the lock, since the last connection to close folds the
// write-ahead log into the database.
func (s *Store) release() error {
	var errs []error
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.prepare.close(), s.writer.Close())
	}
	if s.life != nil {
		errs = append(errs, s.life.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
