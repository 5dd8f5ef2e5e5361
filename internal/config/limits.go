package config

import (
	"flag"
	"fmt"
	"time"

	"chattok/graph/edge"
	"chattok/graph/transport"
	"chattok/rates"
	"chattok/session"
)

// Limits bound what clients may hold open and do. 0 means no limit where the flag's text says so.
type Limits struct {
	// WebSockets and HTTP streams.
	Sockets              int
	SocketsPerAddress    int
	SocketsPerConnection int
	Uninitialised        int // without connection_init
	Operations           int // of one WebSocket
	Selections           int // different subscriptions of one caller
	MessageBytes         int
	InitTimeout          time.Duration
	WriteTimeout         time.Duration
	PingInterval         time.Duration
	KeepAlive            time.Duration
	Gather               time.Duration // between two writes to a subscriber

	// Requests over HTTP that are under way; 0 for a number that follows from the memory.
	Requests           int
	RequestsPerAddress int

	// TCP connections; 0 for a number that follows from the files that the process may open and from its memory.
	TCP           int
	TCPPerAddress int
	Proxies       string // List of addresses and networks whose X-Forwarded-For is believed

	Rates rates.Limits

	// Sessions.
	SessionBytes       int
	SessionConnections int
	TokenConnections   int
	AddressConnections int
	MaxStay            time.Duration
	EditWindow         time.Duration // 0: entries can't be edited
	Retention          time.Duration // 0: entries are kept as long as their session
}

func (l *Limits) flags(f *flag.FlagSet) {
	f.IntVar(&l.Sockets, "max-sockets", transport.DefaultMaxSockets, "WebSockets and HTTP streams open at once; one more is closed with 1013, or gets status 503")
	f.IntVar(&l.SocketsPerAddress, "max-sockets-per-address", transport.DefaultMaxPerAddress, "the same of one client address (of an IPv6 one its /64), loopback aside; 1013, or status 429")
	f.IntVar(&l.SocketsPerConnection, "max-sockets-per-connection", session.DefaultSocketLimit, "the same of one connection of a session; 1013, or RATE_LIMITED")
	f.IntVar(&l.Uninitialised, "max-uninitialised", transport.DefaultMaxWaiting, "WebSockets that have not sent connection_init; the oldest gets 1013")
	f.IntVar(&l.Operations, "max-operations", transport.DefaultMaxOperations, "operations under way on a WebSocket; one more gets an error with RATE_LIMITED")
	f.IntVar(&l.Selections, "max-selections", transport.DefaultMaxSelections, "subscriptions of a caller that select something different; one more gets RATE_LIMITED")
	f.IntVar(&l.Requests, "max-requests", 0, "requests under way on a node over HTTP, streams aside; one more gets status 503 (0: 10,000, or one for each 512 KiB of memory where these are fewer, 500 at least)")
	f.IntVar(&l.RequestsPerAddress, "max-requests-per-address", transport.DefaultMaxRequestsPerAddress, "the same of one client address, loopback aside, and a quarter of all at most where -max-requests is 0; status 429")
	f.IntVar(&l.MessageBytes, "max-message-bytes", transport.DefaultMaxMessageBytes, "bytes of a message over a WebSocket; above, it is closed with 1009")
	DurationVar(f, &l.InitTimeout, "init-timeout", transport.DefaultInitTimeout, "`time` for a WebSocket's connection_init to come; then 4408")
	DurationVar(f, &l.WriteTimeout, "write-timeout", transport.DefaultWriteTimeout, "`time` for a slow reader to take a write; then its socket or stream is closed, and it resumes by its cursor")
	DurationVar(f, &l.PingInterval, "ping-interval", transport.DefaultPingInterval, "`time` of silence after which a WebSocket is pinged; after two pings without an answer it is closed")
	DurationVar(f, &l.KeepAlive, "keep-alive", transport.DefaultKeepAlive, "`time` of silence on an SSE or multipart stream before a heartbeat is sent, 30s at most")
	DurationVar(f, &l.Gather, "gather", 0, "least `time` between two writes of events to a subscriber; events that come meanwhile go out together, which saves work in large, busy rooms; 20ms is a good value (0: every event at once)")
	f.IntVar(&l.TCP, "max-tcp-connections", 0, "TCP connections open at once, idle ones too; for one more, the connection is closed that has waited longest without a request, or else the new one (0: as many as there may be files, less some, and at most one for each 48 KiB of memory, 1,024 at least)")
	f.IntVar(&l.TCPPerAddress, "max-tcp-connections-per-address", 0, "the same of one client address (of an IPv6 one its /64, and ten times as many of its /48), trusted proxies and loopback aside (0: twice -max-sockets-per-address); a quarter of all at most, and half for a /48")
	l.rateFlags(f)
	f.IntVar(&l.SessionBytes, "max-session-bytes", session.DefaultSessionBytes, "bytes of a session that was made on first use: its entries, each counted with 128 more and three for each byte of an id beyond 48, reactions (512 each), and for 7 days the keys of changes (640 each) and changes of streams, names, roles and mutes (128 and their text each); what would add to it is then refused with FORBIDDEN, SESSION_FULL; a session of createSession has no such limit (0: no limit)")
	f.IntVar(&l.SessionConnections, "max-connections-per-session", session.DefaultSessionConnections, "live connections of a session; one more is refused with RATE_LIMITED, TOO_MANY_CONNECTIONS")
	f.IntVar(&l.TokenConnections, "max-connections-per-token", session.DefaultTokenConnections, "live connections of one session token; the same")
	f.IntVar(&l.AddressConnections, "max-connections-per-address", session.DefaultAddressConnections, "live connections of one client address (of an IPv6 one its /64), loopback aside; the same")
	DurationVar(f, &l.MaxStay, "max-stay", 0, "`time` after which a connection ends for good, its sockets too, and renewAccess is refused with UNAUTHENTICATED, STAY_ENDED (0: none)")
	DurationVar(f, &l.EditWindow, "edit-window", session.DefaultEditWindow, "`time` after which an entry can't be edited any more, and editChatEntry is refused with FORBIDDEN, EDIT_WINDOW (0: no entry can be edited)")
	DurationVar(f, &l.Retention, "retention", 0, "`time`, such as 90d, after which entries are removed for good from the front of their log; a session's own retention, by createSession or updateSession, takes precedence; where nodes differ, the shortest holds (0: they are kept as long as their session)")
	f.StringVar(&l.Proxies, "trusted-proxies", "", "`addresses` and networks, separated by commas, whose X-Forwarded-For is believed wherever a client's address counts: for rates, limits and bans")
}

// maxKeepAlive is less than the silence after which clients take a stream for lost, such as 45 s in internal/client.
const maxKeepAlive = 30 * time.Second

func (l Limits) validate() error {
	for _, n := range []struct {
		name       string
		value, min int
	}{
		{"max-sockets", l.Sockets, 1}, {"max-sockets-per-address", l.SocketsPerAddress, 1},
		{"max-sockets-per-connection", l.SocketsPerConnection, 1}, {"max-uninitialised", l.Uninitialised, 1},
		{"max-tcp-connections", l.TCP, 0}, {"max-tcp-connections-per-address", l.TCPPerAddress, 0},
		{"max-session-bytes", l.SessionBytes, 0}, {"max-connections-per-session", l.SessionConnections, 1},
		{"max-connections-per-token", l.TokenConnections, 1}, {"max-connections-per-address", l.AddressConnections, 1},
		{"max-operations", l.Operations, 1}, {"max-selections", l.Selections, 1},
		{"max-requests", l.Requests, 0}, {"max-requests-per-address", l.RequestsPerAddress, 1}, {"max-message-bytes", l.MessageBytes, 1024},
	} {
		if n.value < n.min {
			return fmt.Errorf("%w: -%s must be at least %d", ErrUsage, n.name, n.min)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"init-timeout", l.InitTimeout}, {"write-timeout", l.WriteTimeout}, {"ping-interval", l.PingInterval},
		{"keep-alive", l.KeepAlive}} {
		if d.value < 100*time.Millisecond {
			return fmt.Errorf("%w: -%s must be at least 100ms", ErrUsage, d.name)
		}
	}
	if l.KeepAlive > maxKeepAlive {
		return fmt.Errorf("%w: -keep-alive must be at most %v", ErrUsage, maxKeepAlive)
	}
	if l.Gather < 0 || l.Gather > time.Second {
		return fmt.Errorf("%w: -gather must be 0 to 1s", ErrUsage)
	}
	if l.MaxStay != 0 && l.MaxStay < time.Minute {
		return fmt.Errorf("%w: -max-stay must be 0, or at least 1m", ErrUsage)
	}
	if l.Retention != 0 && (l.Retention < session.MinRetention || l.Retention > session.MaxRetention) {
		return fmt.Errorf("%w: -retention must be 0, or %v to 18250d", ErrUsage, session.MinRetention)
	}
	if l.EditWindow < 0 {
		return fmt.Errorf("%w: -edit-window must not be below 0", ErrUsage)
	}
	if err := l.validateRates(); err != nil {
		return err
	}
	if _, err := edge.ParseProxies(List(l.Proxies)); err != nil {
		return fmt.Errorf("%w: -trusted-proxies: %w", ErrUsage, err)
	}
	return nil
}
