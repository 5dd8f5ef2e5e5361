package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// openServer opens a PostgreSQL database.
func (s *Store) openServer(ctx context.Context, config Config) error {
	parsed, err := parsePostgres(config.Path, config.ReadOnly)
	if err != nil {
		return err
	}
	connections := config.Connections
	if connections == 0 {
		connections = DefaultConnections
	}
	writers := max(2, connections/2)
	anywhere := func(context.Context, *pgx.Conn) error { return nil }
	s.readers = openServerPool(parsed, max(2, connections-writers), true, anywhere)
	s.reading.engine, s.reading.db = s.engine, s.readers
	if err := s.awaitServer(ctx, config.LockWait); err != nil {
		return err
	}
	warning, err := checkServer(ctx, s.readers, s.path)
	if err != nil {
		return err
	}
	if warning != "" {
		s.logger.Warn(warning, "database", s.path)
	}
	if config.ReadOnly {
		steps, err := readMigrations(migrations)
		if err != nil {
			return err
		}
		return s.checkSchema(ctx, steps)
	}
	s.writer = openServerPool(parsed, writers, false, s.noteIdentity)
	s.prepare.engine = s.engine
	s.makeTurns(writers)
	return s.setUp(ctx, s.beginSharedLife)
}

// awaitServer waits for a server that is not up yet, as where both are started together.
func (s *Store) awaitServer(ctx context.Context, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for try := 1; ; try++ {
		err := s.readers.PingContext(ctx)
		if err == nil || ctx.Err() != nil || s.engine.judge(err) != failureLost || time.Now().After(deadline) {
			return err
		}
		if try == 1 {
			s.logger.Warn("the database can't be reached; trying on", "database", s.path, "for", wait, "error", reasonPostgres(err))
		}
		s.pause(try)
	}
}
