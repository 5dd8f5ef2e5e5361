package transport

import (
	"context"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"

	"chattok/session"
)

// Defaults of WebSocket.
const (
	DefaultMaxMessageBytes = 1 << 20
	DefaultMaxOperations   = 256
	DefaultMaxSockets      = 100_000
	DefaultInitTimeout     = 10 * time.Second
	DefaultPingInterval    = 20 * time.Second
	DefaultWriteTimeout    = 10 * time.Second
)

// WebSocketConfig is what a WebSocket transport is made of. Zero limits are the defaults above.
type WebSocketConfig struct {
	Authenticate    Authenticate
	Shared          map[string]Shared // the subscription fields whose events are executed once for all, by name
	MaxMessageBytes int               // of a message from the client, over all its fragments; above: 1009
	MaxOperations   int               // under way on a socket; one more gets an error frame with RATE_LIMITED
	MaxSockets      int               // open at once; one more is refused with status 503
	InitTimeout     time.Duration     // for connection_init to arrive; then: 4408
	PingInterval    time.Duration     // between pings to a silent client; after two without a sign of life the socket is gone
	WriteTimeout    time.Duration     // for a write to be taken; then the socket is gone, and its client resumes by cursor
}

// WebSocket is gqlgen's graphql.Transport over WebSocket, by the subprotocol graphql-transport-ws, and by the older
// graphql-ws where that or none is named. It takes every request for an upgrade.
//
// Every socket has one goroutine that reads, and one while operations wait their turn. Subscriptions to shared fields
// are members of groups, which a worker for each processor serves; others have a goroutine each. Operations of a socket begin in the order in which they came; queries and mutations also end in it.
type WebSocket struct {
	config        WebSocketConfig
	groups        *groups
	subscriptions atomic.Int64

	mu      sync.Mutex
	sockets map[*socket]struct{}
	closed  bool
	running sync.WaitGroup
	stop    chan struct{} // closed at the end of Shutdown
}

var _ graphql.Transport = (*WebSocket)(nil)

// NewWebSocket returns a transport that works until Shutdown.
func NewWebSocket(config WebSocketConfig) *WebSocket {
	setDefault(&config.MaxMessageBytes, DefaultMaxMessageBytes)
	setDefault(&config.MaxOperations, DefaultMaxOperations)
	setDefault(&config.MaxSockets, DefaultMaxSockets)
	setDefault(&config.InitTimeout, DefaultInitTimeout)
	setDefault(&config.PingInterval, DefaultPingInterval)
	setDefault(&config.WriteTimeout, DefaultWriteTimeout)
	t := &WebSocket{config: config, groups: newGroups(), sockets: make(map[*socket]struct{}), stop: make(chan struct{})}
	t.running.Go(t.watch)
	for range runtime.GOMAXPROCS(0) {
		t.running.Go(t.groups.work)
	}
	return t
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Supports says yes to requests for an upgrade.
func (t *WebSocket) Supports(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Do upgrades the connection and returns; the socket lives on.
func (t *WebSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	p, ok := chooseProtocol(r.Header)
	if !ok {
		WriteError(w, http.StatusBadRequest, malformed("no supported WebSocket subprotocol was offered; the supported ones are "+protocolModern+" and "+protocolLegacy))
		return
	}
	s := &socket{transport: t, exec: exec, protocol: p, operations: make(map[string]*operation)}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(r.Context()))
	if !t.add(s) {
		s.cancel()
		w.Header().Set("Retry-After", "5")
		WriteError(w, http.StatusServiceUnavailable, newError(session.CodeUnavailable, "", "no more sockets can be opened now; try again later"))
		return
	}
	upgrader := ws.HTTPUpgrader{Timeout: t.config.WriteTimeout, Protocol: func(offered string) bool { return offered == p.name }}
	conn, buffered, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		s.cancel()
		t.remove(s)
		return
	}
	s.open(conn, buffered.Reader)
}

// add counts a socket in, where there is room for it.
func (t *WebSocket) add(s *socket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.sockets) >= t.config.MaxSockets {
		return false
	}
	t.sockets[s] = struct{}{}
	t.running.Add(1)
	return true
}

func (t *WebSocket) remove(s *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sockets, s)
	t.running.Done()
}

// Sockets returns how many sockets are open.
func (t *WebSocket) Sockets() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.sockets)
}

// Subscriptions returns how many subscriptions are under way.
func (t *WebSocket) Subscriptions() int { return int(t.subscriptions.Load()) }

func (t *WebSocket) all() []*socket {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*socket, 0, len(t.sockets))
	for s := range t.sockets {
		all = append(all, s)
	}
	return all
}

// watch pings the sockets that are silent, and closes those that stay so, with one timer for all.
func (t *WebSocket) watch() {
	tick := time.NewTicker(t.config.PingInterval / 4)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			for _, s := range t.all() {
				s.checkAlive()
			}
		}
	}
}

// Shutdown refuses new sockets, closes the open ones with CloseRestart, spread over half of the time that ctx leaves, so
// that their clients don't all come back at once, and returns when everything has ended, or ctx has.
func (t *WebSocket) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(4 * time.Second)
	}
	open := t.all()
	spread := min(time.Until(deadline)/2, time.Duration(len(open))*5*time.Millisecond)
	settling, settled := context.WithTimeout(ctx, time.Until(deadline)*3/4)
	defer settled()
	var closing sync.WaitGroup
	for _, s := range open {
		closing.Go(func() {
			sleep(ctx, time.Duration(rand.Float64()*float64(spread)))
			s.settle(settling)
			s.close(CloseRestart, restartReason)
		})
	}
	ended := make(chan struct{})
	go func() {
		closing.Wait()
		close(t.stop)
		t.groups.queue.close()
		t.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		for _, s := range t.all() {
			s.abandon()
		}
		return ctx.Err()
	}
}
