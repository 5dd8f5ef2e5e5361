package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"chattok/session"
)

// CopyConfig names the databases of a copy.
type CopyConfig struct {
	From, To Config
	// Progress, where it is not nil, is called at intervals, on the goroutine that copies.
	Progress func(CopyProgress)
}

// CopyProgress is the progress of a copy.
type CopyProgress struct {
	Checking    bool // the rows are being compared; before that, they are copied
	Table       string
	Rows, Total int64 // of all tables, in this phase
	Began       int64 // how many of Rows an earlier run had copied
}

// CopyReport is the result of a copy.
type CopyReport struct {
	Tables    []CopiedTable
	Resumed   bool // an earlier run had been interrupted
	Restarted bool // the source had changed since then, so its rows were copied again
}

// CopiedTable is a table whose rows were found equal on both sides.
type CopiedTable struct {
	Name string
	Rows int64
	Hash string // SHA-256 of the rows in order, as hexadecimal text
}

const (
	// keyCopying is in a database from the first row that is copied to it until all rows have been found equal: no
	// server serves the database meanwhile. Its value is a copyState.
	keyCopying = "copying"
	// copyChunk is how many rows one transaction copies.
	copyChunk = 2000
)

// copyState is how far a copy has come.
type copyState struct {
	Source string `json:"source"` // the database that is copied
	State  string `json:"state"`  // of the source when the copy began
	Table  string `json:"table"`  // the table that is being copied, after those before it
	After  []any  `json:"after"`  // the key of the last row that was copied
	Rows   int64  `json:"rows"`   // of all tables
}

// Copy copies a database to another one, which is empty or an unfinished copy of the same database: an interrupted copy
// goes on where it stopped. No server may serve either database. At the end every row of both is compared. Sessions
// keep their epochs, and the API secret and the user key stay, so cursors, tokens and users' ids stay valid. Presence is not
// copied: live connections have the grace time of the next start to come back.
func Copy(ctx context.Context, config CopyConfig) (report CopyReport, err error) {
	if config.From.Path == config.To.Path {
		return report, errors.New("copy: from and to are the same database")
	}
	from, err := openSource(ctx, config.From)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openTarget(ctx, config.To)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	c := &copying{from: from, to: to, report: &report, progress: config.Progress}
	if c.progress == nil {
		c.progress = func(CopyProgress) {}
	}
	if err := c.run(ctx); err != nil {
		if ctx.Err() != nil {
			return report, fmt.Errorf("copy: %w; the same command goes on where this one stopped", context.Cause(ctx))
		}
		return report, fmt.Errorf("copy from %s to %s: %w", from.path, to.path, err)
	}
	return report, nil
}

// openSource opens a database to read, which no server may serve.
func openSource(ctx context.Context, config Config) (*Store, error) {
	config.ReadOnly, config.alone = true, true
	return Open(ctx, config)
}

// openTarget opens a database to write, which no server may serve and which may be an unfinished copy.
func openTarget(ctx context.Context, config Config) (*Store, error) {
	config.ReadOnly, config.alone, config.unfinished = false, true, true
	return Open(ctx, config)
}

// copying is one run of a copy.
type copying struct {
	from, to *Store
	report   *CopyReport
	progress func(CopyProgress)

	state copyState
	total int64
	began int64
}

func (c *copying) run(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	passed := c.state.Table == ""
	for i := range copiedTables {
		table := &copiedTables[i]
		if !passed && table.name != c.state.Table {
			continue
		}
		passed = true
		if err := c.copyTable(ctx, table); err != nil {
			return fmt.Errorf("table %s: %w", table.name, err)
		}
	}
	if err := c.check(ctx); err != nil {
		return err
	}
	return c.finish(ctx)
}

// begin finds out whether the target may be written to, and where the copy goes on.
func (c *copying) begin(ctx context.Context) error {
	source, state, total, err := describeSource(ctx, c.from)
	if err != nil {
		return err
	}
	c.total = total
	text, err := getMeta(ctx, c.to.writer, keyCopying)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		if err := mustBeEmpty(ctx, c.to); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		if err := json.Unmarshal([]byte(text), &c.state); err != nil {
			return fmt.Errorf("read how far the copy was: %w", err)
		}
		if c.state.Source != source {
			return errors.New("the target is an unfinished copy of another database")
		}
		c.report.Resumed = true
		if c.state.State == state {
			c.began = c.state.Rows
			return nil
		}
		c.report.Resumed, c.report.Restarted = false, true
	}
	c.state = copyState{Source: source, State: state}
	return c.to.unbounded(ctx, func(ctx context.Context, tx bun.Tx) error {
		for i := range copiedTables {
			table := copiedTables[len(copiedTables)-1-i] // rows that refer to others are deleted first
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table.name); err != nil {
				return err
			}
		}
		return c.note(ctx, tx)
	})
}

// describeSource returns an identification of a database by its secret, a text that changes with its content, and its
// number of rows.
func describeSource(ctx context.Context, s *Store) (source, state string, rows int64, err error) {
	secret, err := s.Secret(ctx)
	if err != nil {
		return "", "", 0, err
	}
	sum := sha256.Sum256(append([]byte("copy of "), secret...))
	generation, err := getMeta(ctx, s.readers, keyGeneration) // a start of a server renews it, where the database is a file
	if err != nil {
		return "", "", 0, err
	}
	state = generation
	for _, table := range copiedTables {
		var n int64
		if err := s.readers.NewRaw("SELECT count(*) FROM "+table.name).Scan(ctx, &n); err != nil {
			return "", "", 0, err
		}
		rows += n
		state += fmt.Sprint(" ", n)
	}
	var changes int64
	const numbers = "SELECT CAST(coalesce(sum(last_seq + changes + revision), 0) AS BIGINT) FROM sessions"
	if err := s.readers.NewRaw(numbers).Scan(ctx, &changes); err != nil {
		return "", "", 0, err
	}
	return hex.EncodeToString(sum[:16]), state + fmt.Sprint(" ", changes), rows, nil
}

// mustBeEmpty refuses a database that has more in it than Open creates.
func mustBeEmpty(ctx context.Context, s *Store) error {
	for _, table := range copiedTables {
		query, args := "SELECT EXISTS (SELECT 1 FROM "+table.name+")", []any(nil)
		if table.name == "sessions" {
			query, args = "SELECT EXISTS (SELECT 1 FROM sessions WHERE id <> ? OR last_seq > 0)", []any{session.Lobby}
		}
		var used bool
		if err := s.writer.NewRaw(query, args...).Scan(ctx, &used); err != nil {
			return err
		}
		if used {
			return fmt.Errorf("the target is not empty: its table %s has rows, and it is no unfinished copy", table.name)
		}
	}
	return nil
}

// note records how far the copy has come.
func (c *copying) note(ctx context.Context, tx bun.Tx) error {
	text, err := json.Marshal(c.state)
	if err != nil {
		return err
	}
	return putMeta(ctx, tx, keyCopying, string(text))
}

// finish makes the copy a database that can be served.
func (c *copying) finish(ctx context.Context) error {
	secrets := make(map[string]string)
	for _, key := range []string{keySecret, keyUsers} {
		value, err := read(ctx, c.from, "read a secret", func(ctx context.Context) (string, error) {
			return getMeta(ctx, c.from.readers, key)
		})
		if err != nil {
			return err
		}
		secrets[key] = value
	}
	err := c.to.unbounded(ctx, func(ctx context.Context, tx bun.Tx) error {
		// No live connection is attached to a node here.
		end := "UPDATE connections SET expires_at = " + c.to.engine.now + " WHERE expires_at IS NULL AND " + sqlLive
		if _, err := tx.ExecContext(ctx, end); err != nil {
			return err
		}
		for key, value := range secrets {
			if err := putMeta(ctx, tx, key, value); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM meta WHERE key = ?", keyCopying)
		return err
	})
	if err != nil {
		return err
	}
	var total int64
	if err := c.to.writer.NewRaw(sqlEvents).Scan(ctx, &total); err != nil {
		return err
	}
	c.to.total.Store(total)
	return nil
}

// unbounded runs change in a transaction that may take long.
func (s *Store) unbounded(ctx context.Context, change func(ctx context.Context, tx bun.Tx) error) error {
	return s.writer.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if s.engine.unbounded != "" {
			if _, err := tx.ExecContext(ctx, s.engine.unbounded); err != nil {
				return err
			}
		}
		return change(ctx, tx)
	})
}

// checkFinished refuses a database that is an unfinished copy.
func (s *Store) checkFinished(ctx context.Context, db bun.IDB) error {
	_, err := getMeta(ctx, db, keyCopying)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("database %s is an unfinished copy; run the same 'chattok copy' again to finish it", s.path)
	}
	return err
}
