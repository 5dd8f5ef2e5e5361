package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
)

// A PostgreSQL database has no file beside it that could hold a generation record. Two things tell that it was replaced.
//
// The first is its identity: the cluster's system identifier and timeline, the database and the table of sessions. meta
// keeps the identity that was served last. A dump that was restored, or a server that was recovered to a point in time, has
// another identity. Each start compares them, and so does each connection that writes.
//
// The second is for a database that is put back while nodes run: the rows of their writers are then not as the nodes left
// them.
//
// Either way the sessions get new epochs, and the database a new generation, by which other nodes see that it was done.

// keyIdentity is the key in meta of the database's identity when its epochs were last right.
const keyIdentity = "identity"

// sqlIdentity selects the database's identity. A failover begins a new timeline too: nothing within the database tells whether
// the standby had everything, so cursors become invalid then.
const sqlIdentity = "SELECT (SELECT system_identifier FROM pg_control_system())" +
	" || ' ' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)" +
	" || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database()) || ' ' || 'sessions'::regclass::oid"

// generations are the database's generations that this process has seen, oldest first.
type generations struct {
	mu   sync.Mutex
	seen []string
}

// later says whether a is a later generation than b.
func (g *generations) later(a, b string) bool {
	at := slices.Index(g.seen, a)
	return at < 0 || at > slices.Index(g.seen, b)
}

func (g *generations) note(generation string) {
	if !slices.Contains(g.seen, generation) {
		g.seen = append(g.seen, generation)
	}
}

// errMoved says that a connection leads to another database than was served, as after a failover.
var errMoved = errors.New("the database is another one than was served")

// noteIdentity looks where a new connection leads. A failover breaks every connection, so none leads to another database
// without being looked at. The latest commits may be lost there, and their numbers given again, with no node left that would know.
func (p *postgresServer) noteIdentity(ctx context.Context, conn *pgx.Conn) error {
	known := p.identity.Load()
	if known == nil {
		return nil
	}
	var identity string
	if err := conn.QueryRow(ctx, sqlIdentity).Scan(&identity); err != nil {
		return fmt.Errorf("read the database's identity: %w", err)
	}
	if identity != *known {
		p.moved.Store(true)
	}
	return nil
}

// acceptMove gives the sessions new epochs before anything is written to another database.
func (p *postgresServer) acceptMove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	p.moved.Store(false) // before it looks, so that a move that is seen meanwhile counts
	if err := p.checkRestored(ctx); err != nil {
		p.moved.Store(true)
		return fmt.Errorf("take up a database that is another one: %w", err)
	}
	return nil
}

// checkRestored gives the sessions new epochs where the database is not the one that was served last.
func (p *postgresServer) checkRestored(ctx context.Context) error {
	p.generations.mu.Lock()
	defer p.generations.mu.Unlock()
	var replaced bool
	var identity string
	err := p.changeSchema(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := tx.NewRaw(sqlIdentity).Scan(ctx, &identity); err != nil {
			return fmt.Errorf("read the database's identity: %w", err)
		}
		known, err := getMeta(ctx, tx, keyIdentity)
		first := errors.Is(err, sql.ErrNoRows)
		if err != nil && !first {
			return err
		}
		generation, err := getMeta(ctx, tx, keyGeneration)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if replaced = !first && identity != known; replaced || generation == "" {
			if generation, err = renewGeneration(ctx, tx); err != nil {
				return err
			}
		}
		p.generations.note(generation)
		return putMeta(ctx, tx, keyIdentity, identity)
	})
	if err != nil {
		return err
	}
	p.identity.Store(&identity)
	if replaced {
		p.warnReplaced()
	}
	return nil
}

// renewGeneration gives the sessions new epochs and the database a new generation, which tells other nodes.
func renewGeneration(ctx context.Context, tx bun.Tx) (generation string, err error) {
	if err := renewEpochs(ctx, tx); err != nil {
		return "", err
	}
	generation = newGeneration()
	return generation, putMeta(ctx, tx, keyGeneration, generation)
}

// acceptRestore takes up a database that is behind a writer's last commit: the sessions get new epochs, unless another node
// has given them already. The writer will get a new row.
func (p *postgresServer) acceptRestore(ctx context.Context, w *writer) error {
	p.generations.mu.Lock()
	defer p.generations.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	renewed := false
	err := p.changeSchema(ctx, func(ctx context.Context, tx bun.Tx) error {
		generation, err := getMeta(ctx, tx, keyGeneration)
		if err != nil {
			return err
		}
		if renewed = !p.generations.later(generation, w.generation); renewed {
			if generation, err = renewGeneration(ctx, tx); err != nil {
				return err
			}
		}
		p.generations.note(generation)
		return nil
	})
	if err != nil {
		return fmt.Errorf("take up a database that was put back: %w", err)
	}
	if renewed {
		p.warnReplaced()
	}
	w.id = 0
	return nil
}

func (p *postgresServer) warnReplaced() {
	p.logger.Warn("the database is not the one that was here last, such as a restored copy: cursors from before are refused",
		"database", p.path)
}
