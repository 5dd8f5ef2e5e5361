package transport

import (
	"context"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"
)

// webSocket is Streams as gqlgen's graphql.Transport over WebSocket, by the subprotocol graphql-transport-ws, and by the
// older graphql-ws where that or none is named. It takes every request for an upgrade.
//
// Every socket has one goroutine that reads, and one while operations wait their turn. Operations of a socket begin in
// the order in which they came; queries and mutations also end in it.
type webSocket struct{ *Streams }

var _ graphql.Transport = webSocket{}

// WebSocket returns the framing that takes requests for an upgrade.
func (t *Streams) WebSocket() graphql.Transport { return webSocket{t} }

// Supports says yes to requests for an upgrade.
func (t webSocket) Supports(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Do upgrades the connection and returns; the socket lives on.
func (t webSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	p, ok := chooseProtocol(r.Header)
	if !ok {
		WriteError(w, http.StatusBadRequest, malformed("no supported WebSocket subprotocol was offered; the supported ones are "+protocolModern+" and "+protocolLegacy))
		return
	}
	s := &socket{streams: t.Streams, exec: exec, protocol: p, operations: make(map[string]*operation), upgraded: upgradeAuthorization(r.Header),
		client: limited(t.config.Client(r))}
	s.ctx, s.cancel = context.WithCancel(t.config.Detach(r.Context()))
	why := t.admitSocket(s)
	if why == crowdedClosed {
		s.cancel()
		why.refuse(w)
		return
	}
	upgrader := ws.HTTPUpgrader{Timeout: t.config.WriteTimeout, Protocol: func(offered string) bool { return offered == p.name }}
	conn, buffered, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		s.cancel()
		if why == "" {
			t.removeSocket(s)
		}
		return
	}
	if why != "" {
		s.cancel()
		t.turnAway(conn, why)
		return
	}
	s.open(conn, buffered.Reader)
}
