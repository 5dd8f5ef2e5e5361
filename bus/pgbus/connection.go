package pgbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"chattok/bus/link"
	"chattok/internal/backoff"
)

// requestTimeout bounds one answer of the server.
const requestTimeout = 3 * time.Second

// retry is the wait between two tries to connect: 250 to 500 ms.
var retry = backoff.Backoff{First: 500 * time.Millisecond, Longest: 500 * time.Millisecond, Random: true}

// connection is the bus's connection while it is open. It belongs to one goroutine.
type connection struct {
	*pgx.Conn
	bus       *Bus
	incoming  []*pgconn.Notification
	large     int // messages that this connection has stored in the table
	sequences link.Sequences
	swept     time.Time
}

// run keeps a connection open until the bus is closed. first is called after the first try.
func (b *Bus) run(first func()) {
	var sequence uint64 // of the newest message that was sent
	for try := 1; ; try++ {
		c, err := b.connect()
		if err == nil {
			b.link.Up(b.config.Host)
			first()
			err = c.serve(&sequence)
			ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
			_ = c.Close(ctx) // it has failed, or there is nothing more to say
			cancel()
		}
		if err == nil {
			err = errors.New("it was closed")
		} else if b.link.Err() == nil {
			b.log.Warn("the bus is cut off; trying on", "error", err)
		}
		b.link.Down(err)
		b.outgoing.Refuse(err)
		first()
		if !retry.Pause(try, b.closing) {
			return
		}
	}
}

// connect opens a connection that listens.
func (b *Bus) connect() (c *connection, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() { // so that Close does not wait for a server that is silent
		select {
		case <-b.closing:
			cancel()
		case <-ctx.Done():
		}
	})
	c = &connection{bus: b, sequences: make(link.Sequences), swept: time.Now()}
	config := b.config.Copy()
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { c.incoming = append(c.incoming, n) }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	c.Conn = conn
	// A notification is not worth a wait for the disk.
	for _, statement := range []string{"SET synchronous_commit = off", createTable, "LISTEN " + pgx.Identifier{b.channel}.Sanitize()} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("set up the bus: %w", err), conn.Close(ctx))
		}
	}
	return c, nil
}

// createTable creates the table where it is missing: under a lock, since nodes start at the same time. The lock's number
// is the bytes of "chatbus".
const createTable = `DO $$ BEGIN
	IF to_regclass('bus_messages') IS NULL THEN
		PERFORM pg_advisory_xact_lock(x'63686174627573'::bigint);
		CREATE UNLOGGED TABLE IF NOT EXISTS bus_messages (
			key        TEXT        NOT NULL PRIMARY KEY,
			payload    BYTEA       NOT NULL,
			created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
		);
	END IF;
END $$`

// serve sends and receives until the bus is closed or the connection fails.
func (c *connection) serve(sequence *uint64) error {
	for {
		if err := c.sendAll(sequence); err != nil {
			return err
		}
		select {
		case <-c.bus.closing:
			return nil
		default:
		}
		if err := c.receive(); err != nil {
			return err
		}
		if err := c.sweep(); err != nil {
			return err
		}
	}
}
