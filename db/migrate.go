package db

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migration is one step of the schema, from a file "<version>_<name>.sql".
type migration struct {
	version int
	query   string
}

// readMigrations returns the steps in order. Their versions are 1, 2, 3 … without a hole.
func readMigrations(fsys fs.FS) ([]migration, error) {
	names, err := fs.Glob(fsys, "migrations/*.sql") // sorted
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	steps := make([]migration, 0, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s must have number %d", name, i+1)
		}
		query, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		steps = append(steps, migration{version, string(query)})
	}
	return steps, nil
}

// schemaVersion returns the version of the database's schema; 0 for an empty database. It refuses a database that has
// only another program's tables, so that a mistyped path changes nothing there.
func (s *Store) schemaVersion(ctx context.Context, db bun.IDB) (version int, err error) {
	var tables []string
	if err := db.NewRaw(s.engine.tables).Scan(ctx, &tables); err != nil {
		return 0, err
	}
	if len(tables) == 0 {
		return 0, nil
	}
	if !slices.Contains(tables, "migrations") || !slices.Contains(tables, "meta") {
		return 0, fmt.Errorf("database %s is not a ChatTok database: it has tables of another program", s.path)
	}
	err = db.NewRaw("SELECT coalesce(max(version), 0) FROM migrations").Scan(ctx, &version)
	return version, err
}

// checkVersion refuses a schema that is newer than this binary.
func checkVersion(path string, version, newest int) error {
	if version > newest {
		return fmt.Errorf("database %s has schema version %d, but this chattok knows only up to %d; use a newer chattok",
			path, version, newest)
	}
	return nil
}

// migrate brings the schema up to date, in one transaction, and returns its version before.
func (s *Store) migrate(ctx context.Context, steps []migration) (from int, err error) {
	err = s.changeSchema(ctx, func(ctx context.Context, tx bun.Tx) error {
		from, err = s.schemaVersion(ctx, tx)
		if err != nil {
			return err
		}
		if err := checkVersion(s.path, from, len(steps)); err != nil {
			return err
		}
		if from == 0 {
			const table = "CREATE TABLE migrations (version BIGINT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)"
			if _, err := tx.ExecContext(ctx, table); err != nil {
				return err
			}
		}
		for _, step := range steps[from:] {
			// Not formatted by bun: a migration is plain SQL, in which a question mark stands for itself.
			if _, err := tx.Tx.ExecContext(ctx, s.engine.schema(step.query)); err != nil {
				return fmt.Errorf("migration %d: %w", step.version, err)
			}
			record := "INSERT INTO migrations (version, applied_at) VALUES (?, " + s.engine.now + ")"
			if _, err := tx.ExecContext(ctx, record, step.version); err != nil {
				return err
			}
		}
		return nil
	})
	return from, err
}

// changeSchema runs a transaction that only one process at a time may run.
func (s *Store) changeSchema(ctx context.Context, change func(ctx context.Context, tx bun.Tx) error) error {
	return s.writer.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := s.lockSchema(ctx, tx); err != nil {
			return err
		}
		return change(ctx, tx)
	})
}

// lockSchema waits until no other process runs a transaction that has called it.
func (s *Store) lockSchema(ctx context.Context, tx bun.Tx) error {
	if s.engine.lockSchema == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, s.engine.lockSchema)
	return err
}

// checkSchema refuses a database whose schema is not this binary's, for a reader that can't change it.
func (s *Store) checkSchema(ctx context.Context, steps []migration) error {
	version, err := s.schemaVersion(ctx, s.readers)
	if err != nil {
		return err
	}
	if err := checkVersion(s.path, version, len(steps)); err != nil {
		return err
	}
	if version < len(steps) {
		return fmt.Errorf("database %s has schema version %d, but this chattok needs %d; start the server once to bring it up to date",
			s.path, version, len(steps))
	}
	return nil
}
