package natsbus

import (
	"context"

	"chattok/bus/link"
	"chattok/bus/wire"
	"chattok/session"
)

const (
	// maxBytes bounds a message whose content is in the Store too: a larger one goes as numbers alone. 256 short entries
	// fit, the most that one commit has.
	maxBytes = 128 << 10
	// serverBytes is the size of the largest message that a server takes, unless it says otherwise.
	serverBytes = 1 << 20
)

// outgoing is a message as it is sent.
type outgoing struct {
	subject string
	payload []byte
}

// Publish implements session.Bus.
func (b *Bus) Publish(ctx context.Context, m session.Message) error {
	return b.link.Publish(ctx, m, b.publish)
}

func (b *Bus) publish(ctx context.Context, m session.Message) error {
	limit := int(b.maxPayload.Load())
	if link.Numbered(m) {
		limit = min(limit, maxBytes)
	}
	payload, err := wire.Marshal(wire.Envelope{Node: b.link.Node(), Message: m}, limit)
	if err != nil {
		return err
	}
	return b.outgoing.Add(ctx, m, outgoing{b.subject(m.SessionID), payload}, func() {})
}

// send sends the messages that wait, until the bus is closed and none is left.
func (b *Bus) send() {
	for sequence := uint64(1); ; sequence++ {
		select {
		case item := <-b.outgoing.Items():
			b.sendOne(item, sequence)
		case <-b.closing:
			for range b.outgoing.Len() {
				b.sendOne(<-b.outgoing.Items(), sequence)
				sequence++
			}
			return
		}
	}
}

func (b *Bus) sendOne(item link.Item[outgoing], sequence uint64) {
	wire.SetSequence(item.Value.payload, sequence)
	err := b.conn.Publish(item.Value.subject, item.Value.payload)
	if err != nil {
		b.log.Debug("the bus did not take a message", "subject", item.Value.subject, "error", err)
	}
	b.outgoing.Answer(item, err)
}
