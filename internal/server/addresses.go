package server

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"chattok/accept"
	"chattok/graph/edge"
	"chattok/graph/transport"
	"chattok/internal/config"
	"chattok/internal/memory"
)

const (
	assumedFiles = 1 << 16 // that may be open, where the system does not say
	mostFiles    = 1 << 20 // that are counted on, however many the system allows

	leastConnections = 1024 // that may be open by default, however little memory there is
	leastRequests    = 500  // that may be under way, likewise
)

func trustedProxies(l config.Limits) edge.Proxies {
	proxies, _ := edge.ParseProxies(config.List(l.Proxies)) // validated
	return proxies
}

// mostConnections returns how many TCP connections may be open, where the process may open files, the operator asked for so many (0: did
// not), and the memory has room for roomFor. An eighth of the files, within 64 to 4,096, is left for the database, the bus, and the
// server's own requests. Memory counts because files are often allowed by the hundred thousand, and a client with an IPv6 site (/48) may
// open 20,000 connections.
func mostConnections(files, asked, roomFor int) int {
	most := max(16, files-min(max(files/8, 64), 4096))
	if asked > 0 {
		return min(most, asked)
	}
	return min(most, max(leastConnections, roomFor))
}

// mostRequests returns how many requests may be under way over HTTP, in all and of a client's address, where the operator asked for so many
// in all (0: did not) and for so many of an address, and the memory has room for roomFor. Then an address has a quarter of all at most.
func mostRequests(asked, ofAddress, roomFor int) (all, each int) {
	if asked > 0 {
		return asked, ofAddress
	}
	all = min(transport.DefaultMaxRequests, max(leastRequests, roomFor))
	return all, min(ofAddress, all/4)
}

// connections returns the counter that bounds TCP connections.
func connections(l config.Limits, log *slog.Logger) *accept.Connections {
	proxies := trustedProxies(l)
	most := mostConnections(openFiles(), l.TCP, memory.Connections())
	perAddress := 2 * l.SocketsPerAddress
	if l.TCPPerAddress > 0 {
		perAddress = l.TCPPerAddress
	}
	return accept.New(accept.Config{Max: most, PerAddress: max(1, min(perAddress, most/4)), Proxy: proxies.Trusted, Log: log})
}

// unbelievedEvery is the least time between two warnings about an X-Forwarded-For that is not believed.
const unbelievedEvery = 10 * time.Minute

// clientAddress returns a function that finds the address of a request's client. It warns in the log where that is most likely
// the address of a proxy.
func clientAddress(l config.Limits, log *slog.Logger) func(*http.Request) netip.Addr {
	proxies := trustedProxies(l)
	var told atomic.Int64
	return func(r *http.Request) netip.Addr {
		client, unbelieved := proxies.Client(r)
		if unbelieved {
			now, before := time.Now().UnixNano(), told.Load()
			if (before == 0 || now-before >= int64(unbelievedEvery)) && told.CompareAndSwap(before, now) {
				log.Warn("X-Forwarded-For comes from an address that CHATTOK_TRUSTED_PROXIES does not name; where that is a proxy, "+
					"all of its clients are counted as one, or on loopback not at all", "address", client.String())
			}
		}
		return client
	}
}

// streamConfig returns the limits of sockets and streams.
func streamConfig(l config.Limits, log *slog.Logger) transport.StreamConfig {
	return transport.StreamConfig{
		Client:          clientAddress(l, log),
		MaxSockets:      l.Sockets,
		MaxPerAddress:   l.SocketsPerAddress,
		MaxWaiting:      l.Uninitialised,
		MaxOperations:   l.Operations,
		MaxSelections:   l.Selections,
		MaxMessageBytes: l.MessageBytes,
		InitTimeout:     l.InitTimeout,
		WriteTimeout:    l.WriteTimeout,
		PingInterval:    l.PingInterval,
		KeepAlive:       l.KeepAlive,
		Combine:         l.Gather,
	}
}
