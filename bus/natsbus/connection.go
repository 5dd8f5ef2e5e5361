package natsbus

import (
	"errors"

	"github.com/nats-io/nats.go"
)

// callbacks are the connection's. nats.go calls them one after the other.
func (b *Bus) callbacks() []nats.Option {
	return []nats.Option{
		nats.ConnectHandler(b.connected),
		nats.ReconnectHandler(b.connected),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			err = cause(err)
			b.link.Down(err)
			b.log.Warn("the bus is cut off; trying on", "error", err)
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { b.link.Down(cause(err)) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrSlowConsumer) {
				b.link.MayHaveLost()
			}
			b.log.Warn("the bus has an error", "error", cause(err))
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
	}
}

// connected is called when all subscriptions have been sent to the server. Nothing is lost any more once the server has
// taken them, which its answer to the flush says.
func (b *Bus) connected(conn *nats.Conn) {
	defer b.first.Do(func() { close(b.ready) })
	for conn.IsConnected() {
		if err := conn.FlushTimeout(connectTimeout); err != nil {
			b.log.Warn("the bus does not answer", "error", err)
			continue
		}
		b.maxPayload.Store(conn.MaxPayload())
		b.link.Up(conn.ConnectedUrlRedacted())
		return
	}
}

// cause returns why there is no connection. nats.go has no error where no server answered, or a server closed the
// connection.
func cause(err error) error {
	if err == nil {
		return errors.New("no server answers")
	}
	return err
}
