package pgbus

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/jackc/pgx/v5"

	"chattok/bus/link"
	"chattok/bus/wire"
	"chattok/session"
)

const (
	// groupMessages is how many messages one statement sends at most.
	groupMessages = 1000
	// inlineBytes bounds a notification; the server takes less than 8,000 bytes.
	inlineBytes = 7900
	// largeBytes bounds a message that goes by the table.
	largeBytes = 1 << 20

	// reference begins a notification of a message that is in the table; its key follows.
	reference = "@"
)

// group is messages that are sent in one statement.
type group []link.Item[session.Message]

// sendAll sends all messages that wait, a group at a time.
func (c *connection) sendAll(sequence *uint64) error {
	for c.bus.outgoing.Len() > 0 {
		g := c.nextGroup()
		if len(g) == 0 {
			continue
		}
		if err := c.send(g, sequence); err != nil {
			return err
		}
	}
	return nil
}

// nextGroup takes the messages that wait. Wake-ups of one session become one, with the greatest of their numbers.
func (c *connection) nextGroup() group {
	g := make(group, 0, min(c.bus.outgoing.Len(), groupMessages))
	wakeUps := make(map[string]int) // each session's index in g
	for len(g) < groupMessages {
		item, ok := c.bus.outgoing.Take()
		if !ok {
			break
		}
		m := item.Value
		if !link.Numbered(m) {
			g = append(g, item)
			continue
		}
		at, ok := wakeUps[m.SessionID]
		if !ok {
			wakeUps[m.SessionID] = len(g)
			g = append(g, item)
			continue
		}
		first := &g[at].Value
		first.Seq, first.Revision = max(first.Seq, m.Seq), max(first.Revision, m.Revision)
		if m.Log.Through > first.Log.Through {
			first.Log, first.Trace = m.Log, m.Trace
		}
	}
	return g
}

// The statements that send. Large messages are stored first, so that they are there when they are announced.
const (
	storeLarge = "INSERT INTO bus_messages (key, payload) SELECT * FROM unnest($1::text[], $2::bytea[])"
	notify     = "SELECT pg_notify($1, text) FROM unnest($2::text[]) WITH ORDINALITY AS all_of (text, place) ORDER BY place"
)

// send sends a group, whole or not at all, and answers its messages. A message that can't be written fails alone.
func (c *connection) send(g group, sequence *uint64) error {
	var texts, keys []string
	var large [][]byte
	var sent group
	for _, item := range g {
		payload, err := wire.Marshal(wire.Envelope{Node: c.bus.link.Node(), Message: item.Value}, largeBytes)
		if err != nil {
			c.bus.outgoing.Answer(item, err)
			continue
		}
		*sequence++
		wire.SetSequence(payload, *sequence)
		text := base64.RawStdEncoding.EncodeToString(payload)
		if len(text) > inlineBytes {
			c.large++
			key := fmt.Sprintf("%016x-%d-%d", c.bus.link.Node(), c.PgConn().PID(), c.large)
			keys, large = append(keys, key), append(large, payload)
			text = reference + key
		}
		texts, sent = append(texts, text), append(sent, item)
	}
	err := c.notify(texts, keys, large)
	for _, item := range sent {
		c.bus.outgoing.Answer(item, err)
	}
	return err
}

// notify sends the texts, after it has stored the large messages that some of them refer to.
func (c *connection) notify(texts, keys []string, large [][]byte) error {
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
