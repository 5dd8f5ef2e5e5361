package pgbus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"chattok/bus/wire"
)

const (
	// inlineBytes is how long a notification may be; the server takes less than 8,000 bytes.
	inlineBytes = 7900
	// largeBytes bounds what goes by the table.
	largeBytes = 1 << 20

	groupMessages  = 1000            // that one statement sends
	requestTimeout = 3 * time.Second // for one answer of the server
	silence        = 2 * time.Second // after which a server that said nothing is asked whether it lives

	// keepLarge is how long a large message waits to be fetched; sweepEvery is how often each node looks for older ones.
	keepLarge  = time.Minute
	sweepEvery = 30 * time.Second

	reconnectWait = 250 * time.Millisecond // between two tries, and as much again at random
)

// errLate says that a message was published before the bus was cut off, and would be sent after.
var errLate = errors.New("the bus was cut off meanwhile")

// reference begins a notification of a message that is in the table; what follows is its key.
const reference = "@"

// connection is the bus's connection while it is open. It belongs to one goroutine.
type connection struct {
	*pgx.Conn
	bus      *Bus
	incoming []*pgconn.Notification
	large    int               // messages that this connection put into the table
	places   map[uint64]uint64 // of each publisher's newest message
	swept    time.Time
}

// run keeps the connection until the bus is closed. first is called after the first try.
func (b *Bus) run(first func()) {
	var place uint64 // of the newest message that was sent
	again := false
	for {
		c, err := b.connect()
		if err == nil {
			b.down.Store(nil)
			b.log.Info("the bus is connected", "server", b.config.Host)
			if again {
				b.loses()
			} else {
				b.compare() // at the first connection nothing was lost: what others did before is in the store
			}
			again = true
			first()
			err = c.serve(&place)
			ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
			_ = c.Close(ctx) // it has failed, or there is nothing more to say
			cancel()
		}
		if err == nil {
			err = errors.New("it was closed")
		} else if b.Err() == nil {
			b.log.Warn("the bus is cut off; trying on", "error", err)
		}
		b.setDown(err)
		b.cuts.Add(1)
		b.refuse(err)
		first()
		select {
		case <-time.After(reconnectWait + rand.N(reconnectWait)):
		case <-b.closing:
			return
		}
	}
}

// refuse answers what waits to be sent.
func (b *Bus) refuse(err error) {
	for {
		select {
		case o := <-b.outgoing:
			b.answer(o, err)
		default:
			return
		}
	}
}

func (b *Bus) answer(o outgoing, err error) {
	switch {
	case o.answer != nil:
		o.answer <- err
	case err != nil:
		b.counters.Refused()
	}
}

// connect opens a connection that listens.
func (b *Bus) connect() (c *connection, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	go func() { // so that Close does not wait for it
		select {
		case <-b.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	c = &connection{bus: b, places: make(map[uint64]uint64), swept: time.Now()}
	config := b.config.Copy()
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { c.incoming = append(c.incoming, n) }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	c.Conn = conn
	// A notification is not worth waiting for the disk.
	for _, statement := range []string{"SET synchronous_commit = off", createTable, "LISTEN " + pgx.Identifier{b.channel}.Sanitize()} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("set up the bus: %w", err), conn.Close(ctx))
		}
	}
	return c, nil
}

// createTable makes the table where it is not there: under a lock, since nodes start at the same time. The lock's number
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
func (c *connection) serve(place *uint64) error {
	for {
		if err := c.sendAll(place); err != nil {
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

// sendAll sends what waits, a group at a time.
func (c *connection) sendAll(place *uint64) error {
	for len(c.bus.outgoing) > 0 {
		group := c.gather()
		if len(group) == 0 {
			continue
		}
		err := c.send(group, place)
		for _, o := range group {
			c.bus.answer(o, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gather takes what waits. Of the wake-ups of a session, one with the greatest numbers says what all of them do.
func (c *connection) gather() []outgoing {
	group := make([]outgoing, 0, min(len(c.bus.outgoing), groupMessages))
	wakeUps := make(map[string]int)
	for len(group) < groupMessages && len(c.bus.outgoing) > 0 {
		o := <-c.bus.outgoing
		if o.cuts != c.bus.cuts.Load() { // who published it found the bus up just before it was cut off
			c.bus.answer(o, errLate)
			continue
		}
		if !numbered(o.message) {
			group = append(group, o)
			continue
		}
		at, ok := wakeUps[o.message.SessionID]
		if !ok {
			wakeUps[o.message.SessionID] = len(group)
			group = append(group, o)
			continue
		}
		known := &group[at].message
		known.Seq, known.Revision = max(known.Seq, o.message.Seq), max(known.Revision, o.message.Revision)
	}
	return group
}

// The statements that send: the large messages first, so that they are there when they are told of.
const (
	storeLarge = "INSERT INTO bus_messages (key, payload) SELECT * FROM unnest($1::text[], $2::bytea[])"
	notify     = "SELECT pg_notify($1, text) FROM unnest($2::text[]) WITH ORDINALITY AS all_of (text, place) ORDER BY place"
)

// send sends a group, whole or not at all.
func (c *connection) send(group []outgoing, place *uint64) error {
	var texts, keys []string
	var large [][]byte
	for i := range group {
		payload, err := wire.Marshal(wire.Envelope{Node: c.bus.node, Message: group[i].message}, largeBytes)
		if err != nil { // this one alone
			c.bus.answer(group[i], err)
			group[i].answer = nil
			continue
		}
		*place++
		wire.SetPlace(payload, *place)
		text := base64.RawStdEncoding.EncodeToString(payload)
		if len(text) > inlineBytes {
			c.large++
			key := fmt.Sprintf("%016x-%d-%d", c.bus.node, c.PgConn().PID(), c.large)
			keys, large = append(keys, key), append(large, payload)
			text = reference + key
		}
		texts = append(texts, text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	batch := new(pgx.Batch)
	if len(keys) > 0 {
		batch.Queue(storeLarge, keys, large)
	}
	batch.Queue(notify, c.bus.channel, texts)
	if err := c.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// receive hands over what comes until there is something to send, or a while has passed with nothing; then it asks
// whether the server lives.
func (c *connection) receive() error {
	ctx, done := c.bus.wake.begin(silence)
	defer done()
	for {
		for len(c.incoming) > 0 { // also what came with an answer of the server
			n := c.incoming[0]
			c.incoming = c.incoming[1:]
			if err := c.receiveOne(n); err != nil {
				return err
			}
		}
		switch err := c.PgConn().WaitForNotification(ctx); {
		case err == nil:
		case c.IsClosed() || ctx.Err() == nil:
			return fmt.Errorf("listen: %w", err)
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return c.ask()
		default:
			return nil
		}
	}
}

func (c *connection) ask() error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	return c.Ping(ctx)
}

func (c *connection) receiveOne(n *pgconn.Notification) error {
	if n.PID == c.PgConn().PID() {
		return nil
	}
	payload, err := c.payload(n.Payload)
	if err != nil {
		return err
	}
	e, err := wire.Unmarshal(payload)
	if err != nil {
		c.bus.log.Debug("the bus brought what can't be read", "error", err)
		c.bus.loses()
		return nil
	}
	if e.Node == c.bus.node { // of an earlier connection
		return nil
	}
	c.bus.counters.Received()
	if overtaken := e.Place <= c.places[e.Node]; overtaken && !numbered(e.Message) {
		return nil
	}
	c.places[e.Node] = max(c.places[e.Node], e.Place)
	_ = c.bus.local.Publish(context.Background(), e.Message) // never fails
	return nil
}

// payload returns what a notification carries or refers to; what can't be had is empty.
func (c *connection) payload(text string) ([]byte, error) {
	key, large := strings.CutPrefix(text, reference)
	if !large {
		payload, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return nil, nil // which no message is
		}
		return payload, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	var payload []byte
	err := c.QueryRow(ctx, "SELECT payload FROM bus_messages WHERE key = $1", key).Scan(&payload)
	if errors.Is(err, pgx.ErrNoRows) { // swept, or lost with the server
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetch a large message: %w", err)
	}
	return payload, nil
}

// sweep removes large messages that everybody has had time to fetch.
func (c *connection) sweep() error {
	if time.Since(c.swept) < sweepEvery && !c.bus.sweepDue.Swap(false) {
		return nil
	}
	c.swept = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	_, err := c.Exec(ctx, "DELETE FROM bus_messages WHERE created_at < clock_timestamp() - $1::interval", keepLarge)
	if err != nil {
		return fmt.Errorf("sweep large messages: %w", err)
	}
	return nil
}
