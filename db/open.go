package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/uptrace/bun"

	"chattok/session"
)

// DefaultLockWait is how long Open waits for another server to let go of the database file, as at a restart.
const DefaultLockWait = 10 * time.Second

// Config says which database to open, and how.
type Config struct {
	// Path is the SQLite database's file, whose folder must exist, or a PostgreSQL database's URL, postgres://….
	Path string
	// LockWait is how long to wait for another server to let go of the file, or for PostgreSQL to be up; 0 for
	// DefaultLockWait.
	LockWait time.Duration
	// Connections is how many connections to PostgreSQL there may be, at least 4; 0 for DefaultConnections. Half of them
	// write.
	Connections int
	// ReadOnly opens the database beside a running server, to read what is there: no lock is taken, nothing is made or
	// changed, and every method that writes returns UNAVAILABLE.
	ReadOnly bool
	// ClockOffset is added to the database's clock, so that tests need not wait; nil for none.
	ClockOffset func() time.Duration
	Logger      *slog.Logger // nil for slog.Default

	alone      bool // no server may have the database, though it is opened for reading only
	unfinished bool // it may be an unfinished copy
}

// Store is the session.Store on a SQL database. It is safe for concurrent use.
type Store struct {
	path        string // of the file; of a server the name to show
	engine      *engine
	logger      *slog.Logger
	clockOffset func() time.Duration

	writer  *bun.DB // nil where the database was opened for reading only
	readers *bun.DB
	turns   chan *writer // those that are free
	prepare statements   // of the writer
	reading statements   // of the readers
	recent  recentSenders
	live    liveSenders

	// Of SQLite alone.
	lock  *flock.Flock
	life  *lifeRecord
	place *place
	// misplaced says that the files are not what was opened; set by checkPlace.
	misplaced atomic.Bool
	total     atomic.Int64 // of all sessions' last_seq, as committed

	lives    lives // of PostgreSQL alone
	migrated Migrated

	closing   chan struct{}
	keeper    sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

var _ session.Store = (*Store)(nil)

// Open opens the database that config names, makes a file that does not exist, and brings the schema up to date. One
// process at a time owns a database file: Open waits config.LockWait for another one, then fails. A PostgreSQL database
// must exist, and may be open in any number of processes. Every error names the database.
func Open(ctx context.Context, config Config) (*Store, error) {
	s := &Store{
		path:        config.Path,
		engine:      sqliteEngine,
		logger:      config.Logger,
		clockOffset: config.ClockOffset,
		closing:     make(chan struct{}),
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if config.LockWait == 0 {
		config.LockWait = DefaultLockWait
	}
	open := s.openFile
	if IsPostgres(config.Path) {
		s.path, s.engine = DisplayName(config.Path), postgresEngine
		open = s.openServer
	}
	err := open(ctx, config)
	if err == nil && !config.unfinished {
		err = s.checkFinished(ctx, s.readers)
	}
	if err == nil && config.alone {
		err = s.awaitNoNodes(ctx)
	}
	if err != nil {
		return nil, errors.Join(s.engine.explain(s.path, err), s.release())
	}
	return s, nil
}

// Lanes implements session.Store.
func (s *Store) Lanes() int {
	// Half of the writers: the others are for what comes beside entries.
	return max(1, cap(s.turns)/2)
}

// setUp brings the schema up to date, and makes what a database has once.
func (s *Store) setUp(ctx context.Context, begin func(ctx context.Context) error) error {
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	if s.migrated.From, err = s.migrate(ctx, steps); err != nil {
		return err
	}
	s.migrated.To = len(steps)
	if err := begin(ctx); err != nil {
		return err
	}
	if err := s.makeLobby(ctx); err != nil {
		return err
	}
	return s.makeSecret(ctx)
}

// makeTurns has so many transactions write at once.
func (s *Store) makeTurns(n int) {
	s.turns = make(chan *writer, n)
	for range n {
		s.turns <- new(writer)
	}
}

// Close waits for the writes under way, and releases the database. Methods called afterwards return UNAVAILABLE.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.keeper.Wait()
		for range cap(s.turns) {
			<-s.turns // never given back
		}
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
		errs = append(errs, s.reading.close(), s.readers.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.prepare.close(), s.writer.Close())
	}
	if s.place != nil {
		errs = append(errs, s.place.close())
	}
	if s.life != nil {
		errs = append(errs, s.life.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
