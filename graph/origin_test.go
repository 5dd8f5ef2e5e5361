package graph_test

import (
	"context"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"chattok/session"
)

// connecting is a Store that passes on the Origin of each new connection.
type connecting struct {
	session.Store
	origins chan int64
}

func (s connecting) CreateConnections(ctx context.Context, all []session.NewConnection, idle time.Duration) []session.ConnectionResult {
	for _, c := range all {
		s.origins <- c.Origin
	}
	return s.Store.CreateConnections(ctx, all, idle)
}

// The origin by which bans know a connection is that of its client's network. Loopback, a trusted proxy and an unknown address
// have none. It depends on the database's own key, and on nothing that differs between its nodes.
func TestOriginOfConnections(t *testing.T) {
	origins := make(chan int64, 1)
	start := func(key string) *world {
		return newWorld(t, options{streams: from, domain: session.Config{UserKey: []byte(key)},
			proxy: netip.MustParsePrefix("10.0.0.0/8").Contains,
			store: func(s session.Store) session.Store { return connecting{s, origins} }})
	}
	node, other, elsewhere := start("key of the database"), start("key of the database"), start("key of another one")
	origin := func(w *world, address string) int64 {
		transport := http.Header{"X-Test-Address": {address}}
		if answer := w.postWith(t, transport, `mutation{connect(sessionId:"s"){connection{id}}}`); answer.Code != http.StatusOK {
			t.Fatalf("%s: %s", address, answer.Body)
		}
		return <-origins
	}
	known := origin(node, "192.0.2.1")
	if known == 0 || known != origin(node, "192.0.2.1") || known != origin(node, "::ffff:192.0.2.1") || known != origin(other, "192.0.2.1") {
		t.Error("an address has no origin, or several")
	}
	if known == origin(node, "192.0.2.2") || known == origin(elsewhere, "192.0.2.1") {
		t.Error("two addresses, or two databases, have the same origin")
	}
	network := origin(node, "2001:db8:0:1::1")
	if network == 0 || network != origin(node, "2001:db8:0:1:ffff::2") || network == origin(node, "2001:db8:0:2::1") {
		t.Error("an IPv6 origin is not that of a network of 64 bits")
	}
	for _, address := range []string{"127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "::ffff:10.1.2.3", ""} {
		if got := origin(node, address); got != 0 {
			t.Errorf("%q has the origin %d, want none", address, got)
		}
	}
}
