package transport

import (
	"context"
	"net/http"
	"net/netip"
	"time"
)

// Defaults of StreamConfig.
const (
	DefaultMaxMessageBytes = 1 << 20
	DefaultMaxOperations   = 256
	DefaultMaxSelections   = 32
	DefaultInitTimeout     = 10 * time.Second
	DefaultPingInterval    = 20 * time.Second
	DefaultKeepAlive       = 15 * time.Second
	DefaultWriteTimeout    = 10 * time.Second
)

// StreamConfig configures Streams. A limit of zero stands for its default above.
type StreamConfig struct {
	Authenticate Authenticate
	Attach       Attach
	// Detach returns a context for the time after the upgrade, with those values of the request's context that are
	// still needed and without its end; nil: context.WithoutCancel.
	Detach func(context.Context) context.Context
	// Connection names the connection of ctx's caller, "" where there is none. A connection's subscriptions are counted
	// together, and those of callers without one by address. nil: no caller has a connection.
	Connection func(ctx context.Context) string
	// Uncounted says that the subscriptions of ctx's caller are not counted; nil: all are.
	Uncounted func(ctx context.Context) bool
	Client    func(*http.Request) netip.Addr // the address that a request comes from; nil: unknown, and not limited
	// Pace is called for each frame read from a WebSocket, with the context of its operations and its length. It returns for how long
	// the next frame is to be left unread, by which TCP slows the client down. nil: never.
	Pace   func(ctx context.Context, bytes int) time.Duration
	Decode Decode
	Parse  Parse // nil: small messages are parsed at once
	// Render is called before events are rendered for one reader alone, with the context of its operation, and returns when there is room
	// for that; done is called afterwards. Errors: the context's, where that ends first. nil: rendering never waits.
	Render func(ctx context.Context) (done func(), err error)
	Shared map[string]Shared // the subscription fields whose events are executed once for all readers, by name

	Begin    Begin    // nil: nothing is called
	Answered Answered // nil: nobody is told
	// Delivered is called with events that were written to a subscriber, or are about to be, some of which may not be for it; nil:
	// nobody is told.
	Delivered func(events []any)

	Answers *Answers // bounds the answers under way; nil: they are not bounded

	MaxMessageBytes int           // bytes of a WebSocket's message, over all its fragments; above: 1009
	MaxOperations   int           // operations under way on a WebSocket; one more gets an error frame with RATE_LIMITED
	MaxSockets      int           // WebSockets and HTTP streams open at once; one more is closed with 1013, or gets status 503
	MaxPerAddress   int           // the same for one client address that is not loopback; 1013, or status 429
	MaxWaiting      int           // WebSockets that have not sent connection_init; for one more, the oldest of them is closed with 1013
	MessageTimeout  time.Duration // for a WebSocket's message to arrive whole, where it has more than one frame or 4 KiB; then 1013
	InitTimeout     time.Duration // for connection_init to arrive; then 4408
	PingInterval    time.Duration // between pings to a silent WebSocket; after two without a sign of life it is closed
	KeepAlive       time.Duration // silence on an HTTP stream before it gets a comment (SSE) or an empty part (multipart)
	MaxSelections   int           // different selections that one caller subscribes to; one more gets RATE_LIMITED
	Combine         time.Duration // at least so long between two writes of events to a subscriber; zero: events are not combined
	WriteTimeout    time.Duration // for a write to be taken; then the socket or stream is ended, and its client resumes by cursor
}

func (c *StreamConfig) setDefaults() {
	setDefault(&c.MaxMessageBytes, DefaultMaxMessageBytes)
	setDefault(&c.MaxOperations, DefaultMaxOperations)
	setDefault(&c.MaxSelections, DefaultMaxSelections)
	setDefault(&c.MaxSockets, DefaultMaxSockets)
	setDefault(&c.MaxPerAddress, DefaultMaxPerAddress)
	setDefault(&c.MaxWaiting, DefaultMaxWaiting)
	if c.Detach == nil {
		c.Detach = context.WithoutCancel
	}
	if c.Client == nil {
		c.Client = func(*http.Request) netip.Addr { return netip.Addr{} }
	}
	setDefault(&c.MessageTimeout, DefaultMessageTimeout)
	setDefault(&c.InitTimeout, DefaultInitTimeout)
	setDefault(&c.PingInterval, DefaultPingInterval)
	setDefault(&c.KeepAlive, DefaultKeepAlive)
	setDefault(&c.WriteTimeout, DefaultWriteTimeout)
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Decode is called before a large body or message is decoded, with the context of its operation, and returns when there
// is room for that; done is called afterwards. Errors: the context's, where that ends first.
type Decode func(ctx context.Context) (done func(), err error)

// largeBytes is the size from which on decoding is costly.
const largeBytes = 16 << 10

// wait calls d where there are many bytes.
func (d Decode) wait(ctx context.Context, bytes int) (done func(), err error) {
	if d == nil || bytes < largeBytes {
		return func() {}, nil
	}
	return d(ctx)
}

// Parse is called before a small message of a WebSocket is parsed, with the context of its operations, and may wait. done is called
// afterwards. The error is the cause of ctx's end.
type Parse func(ctx context.Context) (done func(), err error)
