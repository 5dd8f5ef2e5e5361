package db

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
)

// postgresServer is the backend on a PostgreSQL database, which any number of processes share.
type postgresServer struct {
	*Store
	generations generations
	vacuums     vacuums
	identity    atomic.Pointer[string] // of the database when it was last looked at; nil until Open has looked
	moved       atomic.Bool            // a new connection led to another database
}

// open opens the pools, once the server is up.
func (p *postgresServer) open(ctx context.Context, config Config) error {
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
	p.readers = openServerPool(parsed, max(2, connections-writers), true, anywhere)
	p.reading.engine, p.reading.db = p.engine, p.readers
	if err := p.awaitServer(ctx, config.LockWait); err != nil {
		return err
	}
	warning, err := checkServer(ctx, p.readers, p.path)
	if err != nil {
		return err
	}
	if warning != "" {
		p.logger.Warn(warning, "database", p.path)
	}
	if config.ReadOnly {
		steps, err := readMigrations(migrations)
		if err != nil {
			return err
		}
		return p.checkSchema(ctx, steps)
	}
	p.writer = openServerPool(parsed, writers, false, p.noteIdentity)
	p.writing.engine = p.engine
	p.makeWriters(writers)
	if err := p.setUp(ctx, p.checkRestored); err != nil {
		return err
	}
	p.vacuums.all.Store(true) // what a process before has erased, perhaps, and not vacuumed
	p.erased()
	p.vacuums.running.Go(p.vacuumInTurn)
	return nil
}

// awaitServer waits for a server that is not up yet, which happens where both are started together.
func (p *postgresServer) awaitServer(ctx context.Context, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for try := 1; ; try++ {
		err := p.readers.PingContext(ctx)
		if err == nil || ctx.Err() != nil || p.engine.classify(err) != failureLost || time.Now().After(deadline) {
			return err
		}
		if try == 1 {
			p.logger.Warn("the database can't be reached; trying on", "database", p.path, "for", wait, "error", reasonPostgres(err))
		}
		p.pause(try)
	}
}

func (p *postgresServer) mayWrite() error { return nil }
func (p *postgresServer) check() error    { return nil }

// clearMoved has nothing to do: a page that is vacuumed has no copies of rows.
func (p *postgresServer) clearMoved(context.Context, bun.Tx, entrySeq) error { return nil }

// clearRemoved has nothing to do either.
func (p *postgresServer) clearRemoved(context.Context, bun.Tx, []int64) error { return nil }

// clearErased makes this node vacuum all tables that had something of the users that were erased.
func (p *postgresServer) clearErased(context.Context, []string) error {
	p.vacuums.all.Store(true)
	p.erased()
	return nil
}

func (p *postgresServer) prepareRemoval(context.Context) error { return nil }

func (p *postgresServer) stop()          { p.vacuums.running.Wait() }
func (p *postgresServer) finish() error  { return nil }
func (p *postgresServer) release() error { return nil }

func (p *postgresServer) markRestored(ctx context.Context, tx bun.Tx) error {
	_, err := renewGeneration(ctx, tx)
	return err
}

func (p *postgresServer) size(ctx context.Context) (bytes int64, err error) {
	err = p.readers.NewRaw("SELECT pg_database_size(current_database())").Scan(ctx, &bytes)
	return bytes, err
}

// leaseWait is how long the lease of a node that has ended may still run.
const leaseWait = 20 * time.Second

// awaitAlone waits until no node holds a lease.
func (p *postgresServer) awaitAlone(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(leaseWait); ; {
		var nodes int
		if err := p.readers.NewRaw("SELECT count(*) FROM nodes WHERE lease_until > "+p.engine.now).Scan(ctx, &nodes); err != nil {
			return err
		}
		if nodes == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("database %s is being served by %d nodes; stop them first", p.path, nodes)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
