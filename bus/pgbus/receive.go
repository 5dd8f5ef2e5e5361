package pgbus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// silence is how long the server may say nothing before it is asked whether it lives.
	silence = 2 * time.Second

	keepLarge  = time.Minute      // how long a large message waits to be fetched
	sweepEvery = 30 * time.Second // how often each node looks for older ones
)

// receive hands over messages until there is one to send, or the server has been silent for a while; then it asks whether
// the server lives.
func (c *connection) receive() error {
	ctx, done := c.bus.wake.begin(silence)
	defer done()
	for {
		for len(c.incoming) > 0 { // an answer of the server may have brought some
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
	c.bus.link.Receive(payload, c.sequences.Late)
	return nil
}

// payload returns the message that a notification carries or refers to; nil where it can't be had.
func (c *connection) payload(text string) ([]byte, error) {
	key, large := strings.CutPrefix(text, reference)
	if !large {
		payload, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return nil, nil
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

// sweep removes large messages that every node has had time to fetch.
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
