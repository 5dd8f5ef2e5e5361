package transport

import (
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"

	"chattok/graph/transport/gqlerr"
)

// webSocket is Streams as a graphql.Transport of gqlgen: WebSocket with the subprotocol graphql-transport-ws, or with
// the older graphql-ws where that one or none is named. It takes every request for an upgrade.
//
// A socket has a goroutine that reads while bytes arrive, and all the time where the system can't report that a socket is silent;
// another one runs its operations while there are some. Operations of a socket begin in the order in which they came; queries and
// mutations also end in it.
type webSocket struct{ *Streams }

var _ graphql.Transport = webSocket{}

// WebSocket returns the transport for requests that ask for an upgrade.
func (t *Streams) WebSocket() graphql.Transport { return webSocket{t} }

// Supports says whether the request asks for an upgrade.
func (t webSocket) Supports(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Do upgrades the connection and returns; the socket lives on.
func (t webSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	p, ok := chooseProtocol(r.Header)
	if !ok {
		WriteError(w, r, http.StatusBadRequest, gqlerr.Malformed("no supported WebSocket subprotocol was offered; the supported ones are "+protocolModern+" and "+protocolLegacy))
		return
	}
	s := newSocket(t.config.Detach(r.Context()), t.Streams, exec, p, limited(t.config.Client(r)), upgradeAuthorization(r.Header))
	why := t.admitSocket(s)
	if why == deniedRestarting {
		s.cancel()
		why.refuse(w, r)
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
