package main

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"chattok/accept"
	"chattok/graph/edge"
)

// Numbers of files.
const (
	assumedFiles = 1 << 16 // where the system does not say how many there may be
	mostFiles    = 1 << 20
)

// connections returns what counts the server's TCP connections, by these limits. Some files are left for the database, the
// bus, and what the server asks of others.
func (l limits) connections(log *slog.Logger) *accept.Connections {
	proxies, _ := edge.ParseProxies(list(l.proxies)) // validated
	files := openFiles()
	most := max(16, files-min(max(files/8, 64), 4096))
	if l.tcp > 0 {
		most = min(most, l.tcp)
	}
	perAddress := 2 * l.perAddress
	if l.tcpPerAddress > 0 {
		perAddress = l.tcpPerAddress
	}
	return accept.New(accept.Config{Max: most, PerAddress: max(1, min(perAddress, most/2)), Proxy: proxies.Trusted, Log: log})
}

// unbelievedEvery is how often the log says at most that X-Forwarded-For is not believed.
const unbelievedEvery = 10 * time.Minute

// client returns what finds the address that a request comes from. The log is told where that is most likely a proxy's.
func (l limits) client(log *slog.Logger) func(*http.Request) netip.Addr {
	proxies, _ := edge.ParseProxies(list(l.proxies)) // validated
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
