package main

import (
	"flag"
	"fmt"
	"log/slog"
	"time"

	"chattok/graph/edge"
	"chattok/graph/transport"
	"chattok/rates"
	"chattok/session"
)

// limits are those on what clients may hold open.
type limits struct {
	sockets            int
	perAddress         int
	perConnection      int
	uninitialised      int
	operations         int
	selections         int
	requests           int
	requestsPerAddress int
	messageBytes       int
	initTimeout        time.Duration
	writeTimeout       time.Duration
	pingInterval       time.Duration
	keepAlive          time.Duration
	gather             time.Duration
	proxies            string
	rates              rates.Limits
	tcp                int
	tcpPerAddress      int

	sessionBytes       int
	sessionConnections int
	tokenConnections   int
	addressConnections int
	maxStay            time.Duration
}

func (l *limits) flags(f *flag.FlagSet) {
	f.IntVar(&l.sockets, "max-sockets", transport.DefaultMaxSockets, "WebSockets and HTTP streams open at once; one more is closed with 1013, or gets status 503")
	f.IntVar(&l.perAddress, "max-sockets-per-address", transport.DefaultMaxPerAddress, "the same of one client address (of an IPv6 one its /64), loopback aside; 1013, or status 429")
	f.IntVar(&l.perConnection, "max-sockets-per-connection", session.DefaultSocketLimit, "the same of one connection of a session; 1013, or RATE_LIMITED")
	f.IntVar(&l.uninitialised, "max-uninitialised", transport.DefaultMaxWaiting, "WebSockets that have not sent connection_init; 1013")
	f.IntVar(&l.operations, "max-operations", transport.DefaultMaxOperations, "operations under way on a WebSocket; one more gets an error with RATE_LIMITED")
	f.IntVar(&l.selections, "max-selections", transport.DefaultMaxSelections, "subscriptions of a caller that select something different; one more gets RATE_LIMITED")
	f.IntVar(&l.requests, "max-requests", transport.DefaultMaxRequests, "requests under way on a node over HTTP, streams aside; one more gets status 503")
	f.IntVar(&l.requestsPerAddress, "max-requests-per-address", transport.DefaultMaxRequestsPerAddress, "the same of one client address, loopback aside; status 429")
	f.IntVar(&l.messageBytes, "max-message-bytes", transport.DefaultMaxMessageBytes, "bytes of a message over a WebSocket; above, it is closed with 1009")
	durationVar(f, &l.initTimeout, "init-timeout", transport.DefaultInitTimeout, "`time` for a WebSocket's connection_init to come; then 4408")
	durationVar(f, &l.writeTimeout, "write-timeout", transport.DefaultWriteTimeout, "`time` for a slow reader to take a write; then it is closed, and resumes by its cursor")
	durationVar(f, &l.pingInterval, "ping-interval", transport.DefaultPingInterval, "`time` between pings to a silent WebSocket; after two it is gone")
	durationVar(f, &l.keepAlive, "keep-alive", transport.DefaultKeepAlive, "`time` of silence on an SSE or multipart stream before it gets a sign of life")
	durationVar(f, &l.gather, "gather", 0, "`time` between two writes of events to a subscriber, at least; what comes meanwhile goes out together, which large, busy rooms cost less for; 20ms is a good value (0: every event at once)")
	f.IntVar(&l.tcp, "max-tcp-connections", 0, "TCP connections open at once, idle ones too; one more has the one closed that is idle longest, or is closed itself (0: as many as there may be files, less some)")
	f.IntVar(&l.tcpPerAddress, "max-tcp-connections-per-address", 0, "the same of one client address (of an IPv6 one its /64, and ten times as many of its /48), trusted proxies and loopback aside (0: twice -max-sockets-per-address); half of all at most")
	l.rateFlags(f)
	f.IntVar(&l.sessionBytes, "max-session-bytes", session.DefaultSessionBytes, "bytes of the entries of a session that was made on first use, each counted with 128 more; then adds are refused with FORBIDDEN, SESSION_FULL; of one that createSession made there may be any number (0: no limit)")
	f.IntVar(&l.sessionConnections, "max-connections-per-session", session.DefaultSessionConnections, "live connections of a session; one more is refused with RATE_LIMITED, TOO_MANY_CONNECTIONS")
	f.IntVar(&l.tokenConnections, "max-connections-per-token", session.DefaultTokenConnections, "live connections of one session token; the same")
	f.IntVar(&l.addressConnections, "max-connections-per-address", session.DefaultAddressConnections, "live connections of one client address (of an IPv6 one its /64), loopback aside; the same")
	durationVar(f, &l.maxStay, "max-stay", 0, "`time` after which a connection ends for good, its sockets too, and renewAccess is refused with UNAUTHENTICATED, STAY_ENDED (0: none)")
	f.StringVar(&l.proxies, "trusted-proxies", "", "`addresses` and networks, separated by commas, whose X-Forwarded-For is believed when clients' sockets are counted")
}

func (l limits) validate() error {
	for _, n := range []struct {
		name       string
		value, min int
	}{
		{"max-sockets", l.sockets, 1}, {"max-sockets-per-address", l.perAddress, 1},
		{"max-sockets-per-connection", l.perConnection, 1}, {"max-uninitialised", l.uninitialised, 1},
		{"max-tcp-connections", l.tcp, 0}, {"max-tcp-connections-per-address", l.tcpPerAddress, 0},
		{"max-session-bytes", l.sessionBytes, 0}, {"max-connections-per-session", l.sessionConnections, 1},
		{"max-connections-per-token", l.tokenConnections, 1}, {"max-connections-per-address", l.addressConnections, 1},
		{"max-operations", l.operations, 1}, {"max-selections", l.selections, 1},
		{"max-requests", l.requests, 1}, {"max-requests-per-address", l.requestsPerAddress, 1}, {"max-message-bytes", l.messageBytes, 1024},
	} {
		if n.value < n.min {
			return fmt.Errorf("%w: -%s must be at least %d", errUsage, n.name, n.min)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"init-timeout", l.initTimeout}, {"write-timeout", l.writeTimeout}, {"ping-interval", l.pingInterval},
		{"keep-alive", l.keepAlive}} {
		if d.value < 100*time.Millisecond {
			return fmt.Errorf("%w: -%s must be at least 100ms", errUsage, d.name)
		}
	}
	if l.gather < 0 || l.gather > time.Second {
		return fmt.Errorf("%w: -gather must be 0 to 1s", errUsage)
	}
	if l.maxStay != 0 && l.maxStay < time.Minute {
		return fmt.Errorf("%w: -max-stay must be 0, or at least 1m", errUsage)
	}
	if err := l.validateRates(); err != nil {
		return err
	}
	if _, err := edge.ParseProxies(list(l.proxies)); err != nil {
		return fmt.Errorf("%w: -trusted-proxies: %w", errUsage, err)
	}
	return nil
}

// streams returns the limits of what stays open, as its transports take them.
func (l limits) streams(log *slog.Logger) transport.StreamConfig {
	return transport.StreamConfig{
		Client:          l.client(log),
		MaxSockets:      l.sockets,
		MaxPerAddress:   l.perAddress,
		MaxWaiting:      l.uninitialised,
		MaxOperations:   l.operations,
		MaxSelections:   l.selections,
		MaxMessageBytes: l.messageBytes,
		InitTimeout:     l.initTimeout,
		WriteTimeout:    l.writeTimeout,
		PingInterval:    l.pingInterval,
		KeepAlive:       l.keepAlive,
		Gather:          l.gather,
	}
}
