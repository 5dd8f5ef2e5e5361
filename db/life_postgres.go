package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
)

// A PostgreSQL database has no file beside it to keep a record in. What tells that it was replaced is, first, what it is:
// the cluster's system identifier and timeline, the database and its table of sessions, which meta keeps; a dump that
// was restored, or a server recovered to a point in time, is another one. Each start and each connection that writes looks.
// And second, for one that is put back while
// nodes run, the writers' rows, which are not where the nodes left them. Either way the sessions get new epochs and the
// database a new life, by which the other nodes know that it has been done.

// keyIdentity is what the database was when its epochs were last right.
const keyIdentity = "identity"

// sqlIdentity is what the database is. A failover makes a new timeline too: whether the standby had everything can't be
// told from within, so cursors are refused then.
const sqlIdentity = "SELECT (SELECT system_identifier FROM pg_control_system())" +
	" || ' ' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)" +
	" || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database()) || ' ' || 'sessions'::regclass::oid"

// lives are those that the database was seen to have, oldest first.
type lives struct {
	mu   sync.Mutex
	seen []string

	identity atomic.Pointer[string] // what the database was when it was last looked at; nil before the start has
	suspect  atomic.Bool            // a connection led to another one
}

// after says whether a is a later life than b.
func (l *lives) after(a, b string) bool {
	at := slices.Index(l.seen, a)
	return at < 0 || at > slices.Index(l.seen, b)
}

func (l *lives) note(life string) {
	if !slices.Contains(l.seen, life) {
		l.seen = append(l.seen, life)
	}
}

// errElsewhere says that a connection leads to another database than was served, as after a failover.
var errElsewhere = errors.New("the database is another one than was served")

// noteIdentity looks where a new connection leads. A failover breaks every connection, so that none leads elsewhere
// unseen. What was committed there last may be lost, with nobody left who would know: its numbers are given again.
func (s *Store) noteIdentity(ctx context.Context, conn *pgx.Conn) error {
	known := s.lives.identity.Load()
	if known == nil {
		return nil
	}
	var identity string
	if err := conn.QueryRow(ctx, sqlIdentity).Scan(&identity); err != nil {
		return fmt.Errorf("read what the database is: %w", err)
	}
	if identity != *known {
		s.lives.suspect.Store(true)
	}
	return nil
}

// settle has the sessions have new epochs before anything is written to a database that is another one than was served.
func (s *Store) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	s.lives.suspect.Store(false) // before it looks: what is found elsewhere meanwhile counts
	if err := s.beginSharedLife(ctx); err != nil {
		s.lives.suspect.Store(true)
		return fmt.Errorf("take up a database that is another one: %w", err)
	}
	return nil
}

// beginSharedLife gives the sessions new epochs where the database is not the one that was here last.
func (s *Store) beginSharedLife(ctx context.Context) error {
	s.lives.mu.Lock()
	defer s.lives.mu.Unlock()
	var replaced bool
	var identity string
	err := s.changeSchema(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := tx.NewRaw(sqlIdentity).Scan(ctx, &identity); err != nil {
			return fmt.Errorf("read what the database is: %w", err)
		}
		known, err := getMeta(ctx, tx, keyIdentity)
		first := errors.Is(err, sql.ErrNoRows)
		if err != nil && !first {
			return err
		}
		life, err := getMeta(ctx, tx, keyLife)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if replaced = !first && identity != known; replaced || life == "" {
			if life, err = renewLife(ctx, tx); err != nil {
				return err
			}
		}
		s.lives.note(life)
		return putMeta(ctx, tx, keyIdentity, identity)
	})
	if err != nil {
		return err
	}
	s.lives.identity.Store(&identity)
	if replaced {
		s.warnReplaced()
	}
	return nil
}

// renewLife gives the sessions new epochs and the database a new life, which tells other nodes.
func renewLife(ctx context.Context, tx bun.Tx) (life string, err error) {
	if err := renewEpochs(ctx, tx); err != nil {
		return "", err
	}
	life = newLife()
	return life, putMeta(ctx, tx, keyLife, life)
}

// rejoin is for a writer that finds the database behind its last commit: where no other node has done so, the sessions
// get new epochs. The writer gets a new row.
func (s *Store) rejoin(ctx context.Context, w *writer) error {
	s.lives.mu.Lock()
	defer s.lives.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	renewed := false
	err := s.changeSchema(ctx, func(ctx context.Context, tx bun.Tx) error {
		life, err := getMeta(ctx, tx, keyLife)
		if err != nil {
			return err
		}
		if renewed = !s.lives.after(life, w.life); renewed {
			if life, err = renewLife(ctx, tx); err != nil {
				return err
			}
		}
		s.lives.note(life)
		return nil
	})
	if err != nil {
		return fmt.Errorf("take up a database that was put back: %w", err)
	}
	if renewed {
		s.warnReplaced()
	}
	w.id = 0
	return nil
}

func (s *Store) warnReplaced() {
	s.logger.Warn("the database is not the one that was here last, such as a restored copy: cursors from before are refused",
		"database", s.path)
}
