package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// DefaultLockWait is how long Open waits for another server to let go of the database file, as at a restart.
const DefaultLockWait = 10 * time.Second

// Config says which database to open, and how.
type Config struct {
	// Path is a SQLite database's file, whose folder must exist, or a PostgreSQL database's URL, postgres://….
	Path string
	// LockWait is how long to wait for another server to let go of the file, or for PostgreSQL to be up; 0 for
	// DefaultLockWait.
	LockWait time.Duration
	// Connections is how many connections to PostgreSQL there may be, at least 4; 0 for DefaultConnections. Half of them
	// write.
	Connections int
	// Erasures is the file that keeps erasures for the case that an older copy of the database is put back; where it is empty, the one
	// beside a SQLite database, and none for PostgreSQL.
	Erasures string
	// ReadOnly opens the database beside a running server: no lock is taken, nothing is created or changed, and every
	// method that writes returns UNAVAILABLE.
	ReadOnly bool
	// ClockOffset is added to the database's clock, so that tests need not wait; nil for none.
	ClockOffset func() time.Duration
	Logger      *slog.Logger // nil for slog.Default

	alone      bool // no server may have the database open, though it is opened for reading only
	unfinished bool // the database may be an unfinished copy
}

// Store is the session.Store on a SQL database. It is safe for concurrent use.
type Store struct {
	path        string // of the file; for a server, its name without the password
	engine      *engine
	backend     backend
	logger      *slog.Logger
	clockOffset func() time.Duration

	writer  *bun.DB // nil where the database was opened for reading only
	readers *bun.DB
	writers chan *writer  // those that are free
	singles chan struct{} // one for each transaction of a single caller that waits for a writer or has it
	writing statements
	reading statements

	unindexed unindexedEntries
	kept      keptLogs
	live      liveSenders
	total     atomic.Int64 // of all sessions' events, as committed; of a file alone
	migrated  Migrated

	erasureRecords *erasureRecords

	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error
}

var _ session.Store = (*Store)(nil)

// Open opens the database that config names, creates a file that does not exist, and brings the schema up to date. One
// process at a time owns a database file: Open waits config.LockWait for another one, then fails. A PostgreSQL database
// must exist, and may be open in any number of processes. Every error names the database.
func Open(ctx context.Context, config Config) (*Store, error) {
	s := &Store{
		path:        config.Path,
		engine:      sqliteEngine,
		logger:      config.Logger,
		clockOffset: config.ClockOffset,
		closing:     make(chan struct{}),

		erasureRecords: &erasureRecords{known: make(map[string]bool)},
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if config.LockWait == 0 {
		config.LockWait = DefaultLockWait
	}
	s.backend = newSQLiteFile(s)
	if IsPostgres(config.Path) {
		s.path, s.engine = DisplayName(config.Path), postgresEngine
		s.backend = &postgresServer{Store: s}
	}
	err := s.backend.open(ctx, config)
	if err == nil && !config.unfinished {
		err = s.checkFinished(ctx, s.readers)
	}
	if err == nil && config.alone {
		err = s.backend.awaitAlone(ctx)
	}
	if err == nil && !config.ReadOnly && !config.unfinished {
		err = s.redoErasures(ctx, config.Erasures)
	}
	if err != nil {
		close(s.closing)
		s.backend.stop()
		return nil, errors.Join(s.engine.describe(s.path, err), s.release())
	}
	return s, nil
}

// ParallelCommits implements session.Store. Half of the writers commit groups of entries; transactions of single callers have no more than
// the other half.
func (s *Store) ParallelCommits() int { return max(1, cap(s.writers)/2) }

// Size returns how many bytes the database takes on its disk: a file and its log, or what PostgreSQL says of the whole database. Errors:
// UNAVAILABLE.
func (s *Store) Size(ctx context.Context) (int64, error) {
	return read(ctx, s, "read the database's size", s.backend.size)
}

// setUp brings the schema up to date, and makes what a database has once. checkRestored gives the sessions new epochs
// where the database is not the one that was served last.
func (s *Store) setUp(ctx context.Context, checkRestored func(ctx context.Context) error) error {
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	if s.migrated.From, err = s.migrate(ctx, steps); err != nil {
		return err
	}
	s.migrated.To = len(steps)
	if err := checkRestored(ctx); err != nil {
		return err
	}
	if err := s.makeLobby(ctx); err != nil {
		return err
	}
	return s.makeSecrets(ctx)
}

// makeWriters lets n transactions write at once.
func (s *Store) makeWriters(n int) {
	s.writers = make(chan *writer, n)
	s.singles = make(chan struct{}, max(1, n-s.ParallelCommits()))
	for range n {
		s.writers <- new(writer)
	}
}

// Close waits for the writes under way, and releases the database. Methods called afterwards return UNAVAILABLE.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		for range cap(s.writers) {
			<-s.writers // never given back
		}
		s.backend.stop()
		s.closeErr = errors.Join(s.backend.finish(), s.release())
		if s.closeErr != nil {
			s.closeErr = fmt.Errorf("close database %s: %w", s.path, s.closeErr)
		}
	})
	return s.closeErr
}

// release closes what was opened. The writer is closed after the readers: the last connection to close folds the
// write-ahead log into the database. The lock comes last.
func (s *Store) release() error {
	var errs []error
	if s.readers != nil {
		errs = append(errs, s.reading.close(), s.readers.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writing.close(), s.writer.Close())
	}
	return errors.Join(append(errs, s.backend.release())...)
}

// Migrated is the schema's version before and after an Open.
type Migrated struct{ From, To int } // From is 0 for an empty database

// Migrate brings a database's schema up to date, and creates what an empty database needs. restored says that the
// database was put back in a way that nothing within it tells, such as from a snapshot of its disk: every cursor that
// was given out before becomes invalid. A file must not be in use by a server.
func Migrate(ctx context.Context, config Config, restored bool) (m Migrated, err error) {
	s, err := Open(ctx, config)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if restored {
		err = s.changeSchema(ctx, s.backend.markRestored)
	}
	return s.migrated, err
}
