package db

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
)

// No query returns a text that was edited or deleted, but the server keeps the row's earlier versions until they are vacuumed.
// Autovacuum comes when much of a table has changed, which for a large log may be never, so the nodes vacuum the entries
// themselves, and after an erasure all userTables.

const (
	// vacuumInterval is the least time between two vacuums, over all nodes.
	vacuumInterval = time.Minute
	// vacuumCheck is how often a node that removed texts looks whether it may vacuum.
	vacuumCheck = 5 * time.Second

	// keyVacuumed is the key in meta of the time when the latest vacuum began.
	keyVacuumed = "vacuumed"
)

// userTables are the tables that have something of users.
var userTables = []string{"entries", "connections", "sender_entries", "reactions", "read_marks", "change_keys", "bans", "service_connections",
	"streams", "stream_changes", "erasures"}

// vacuums knows whether this node has removed texts whose rows may not have been vacuumed.
type vacuums struct {
	due     atomic.Bool
	all     atomic.Bool // not of entries alone
	manual  atomic.Bool // none at intervals; for tests
	running sync.WaitGroup
}

// erased notes that a text was removed.
func (p *postgresServer) erased() { p.vacuums.due.Store(true) }

// vacuumInTurn vacuums the entries, and after an erasure all userTables, at intervals, until Close.
func (p *postgresServer) vacuumInTurn() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.vacuums.running.Go(func() {
		<-p.closing
		cancel()
	})
	ticker := time.NewTicker(vacuumCheck)
	defer ticker.Stop()
	for {
		select {
		case <-p.closing:
			return
		case <-ticker.C:
		}
		if p.vacuums.manual.Load() {
			continue
		}
		if err := p.vacuum(ctx); err != nil && ctx.Err() == nil {
			p.logger.Warn("can't vacuum the tables; trying on", "database", p.path, "error", err)
		}
	}
}

// vacuum vacuums the entries where texts were removed, and all userTables where a user was erased, unless a node did so less than
// vacuumInterval ago.
func (p *postgresServer) vacuum(ctx context.Context) (err error) {
	if !p.vacuums.due.Load() {
		return nil
	}
	if mine, err := p.takeVacuum(ctx); err != nil || !mine {
		return err
	}
	p.vacuums.due.Store(false) // before it begins, so that a text that is removed meanwhile counts
	all := p.vacuums.all.Swap(false)
	defer func() {
		if err != nil {
			p.vacuums.due.Store(true)
			p.vacuums.all.CompareAndSwap(false, all)
		}
	}()
	conn, err := p.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "SET statement_timeout = 0"); err != nil {
		return err
	}
	defer func() {
		reset := fmt.Sprintf("SET statement_timeout = %d", transactionTimeout.Milliseconds())
		_, failed := conn.ExecContext(context.WithoutCancel(ctx), reset)
		err = errors.Join(err, failed)
	}()
	tables := "entries"
	if all {
		tables = strings.Join(userTables, ", ")
	}
	// Analyzed too: the planner's samples have texts and ids of users.
	_, err = conn.ExecContext(ctx, "VACUUM (ANALYZE) "+tables)
	return err
}

// takeVacuum says whether it is this node's turn to vacuum, and then notes that it begins.
func (p *postgresServer) takeVacuum(ctx context.Context) (mine bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	err = p.writer.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		now, err := p.now(ctx, tx)
		if err != nil {
			return err
		}
		// One statement, so that of two nodes the second sees the first one's time.
		const take = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value" +
			" WHERE CAST(meta.value AS BIGINT) <= ?"
		result, err := tx.ExecContext(ctx, take, keyVacuumed, strconv.FormatInt(now, 10), now-vacuumInterval.Milliseconds())
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		mine = n > 0
		return err
	})
	return mine, err
}
