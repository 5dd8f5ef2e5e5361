// Package accept bounds the TCP connections that an HTTP server has open, in all and by client address. It counts each of
// them from its acceptance to its end: while it is silent, shakes hands, sends a request's header, is served, or has become
// a WebSocket.
//
// A connection waits while no handler serves it: it has sent nothing yet, a part of a header, or nothing since its last
// answer. At a limit, the connection that has waited longest is closed in favour of a new one; a new one is refused only
// where none waits. So connections that are opened and left cost nobody else an answer.
//
// net/http keeps far more memory than the bytes of a header that has not ended. So such connections are limited too: above the limit,
// the one whose header began first is closed.
//
// net/http also keeps far more of a connection than the kernel does, from its acceptance on. So it gets one when the first bytes have come,
// and a TLS handshake when few others are under way.
//
// Four hooks tell Connections which ones wait: Listener wraps the net.Listener, State and Context are the http.Server's ConnState and
// ConnContext, and Handler wraps its handler.
package accept

import (
	"container/list"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"chattok/rates"
)

// Config holds the limits of Connections.
type Config struct {
	Max        int                   // connections open at once, over all listeners
	PerAddress int                   // the same of one IPv4 address or IPv6 /64; ten times as many of a /48, or half of Max where that is fewer; loopback is exempt
	Proxy      func(netip.Addr) bool // whether an address is a proxy's, which PerAddress does not bound; nil: none is
	Log        *slog.Logger          // told of refused connections, as warnings

	patience time.Duration // for the first bytes, and for the handshake's place; 0 is arrivalTimeout
}

// Connections are the open connections of a server. Their methods are safe for concurrent use.
type Connections struct {
	config   Config
	networks func(netip.Addr) []netip.Prefix // rates.Networks

	mu         sync.Mutex
	open       int
	waiting    *list.List // of *conn, in front the one that has waited longest
	unfinished *list.List // of *conn in the middle of a header, in front the one that began first
	peers      map[netip.Prefix]*peer

	places places
}

// peer holds one network's connections.
type peer struct {
	open       int
	http2      int        // those that may speak HTTP/2
	waiting    *list.List // as Connections.waiting
	unfinished *list.List // as Connections.unfinished

	places   places
	requests *rate.Limiter // that its handlers begin
}

// New returns Connections, of which none is open.
func New(config Config) *Connections {
	return &Connections{config: config, networks: rates.Networks, waiting: list.New(), unfinished: list.New(),
		peers: make(map[netip.Prefix]*peer), places: placesOfAll()}
}

// Open returns how many connections are open.
func (c *Connections) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Listener returns l with its connections counted. l must be a TCP listener.
func (c *Connections) Listener(l net.Listener) net.Listener { return newListener(l, c) }

// conn is a connection that is counted until it is closed. It embeds the *net.TCPConn, so that callers find its methods.
type conn struct {
	*net.TCPConn
	all   *Connections
	peers []netip.Prefix
	of    []*peer       // of peers
	out   chan struct{} // closed once it is counted out, after which it is closed at once

	received  atomic.Int64 // bytes of a header that is not whole yet, or of a TLS handshake
	whole     atomic.Bool  // a request's header has come, and its answer has not gone: further bytes are its body's
	early     atomic.Bool  // bytes have come since the header was whole, of its body or of the next header
	deadlines atomic.Int32 // after an answer, how many read deadlines net/http sets until it reads the next header
	listed    atomic.Bool  // it is one of the unfinished ones
	held      held
	greeted   atomic.Bool // its first bytes are a ClientHello, or too few to tell, and no request
	hello     int64       // bytes of the ClientHello with which it was given away, or 0
	answered  atomic.Bool // the server has written something
	secured   bool        // the first byte was that of a TLS handshake; read and written by the reader alone

	// Guarded by all.mu.
	left     bool
	http2    bool            // it may speak HTTP/2, and is counted for that
	served   int             // handlers that are running: at most one over HTTP/1, one for each stream over HTTP/2
	idle     bool            // the server's own state; over HTTP/2, streams that were reset may still be served
	protocol int             // of its newest request, 1 or 2; 0 before the first
	places   []*list.Element // in the waiting lists, the one of Connections first; nil while it does not wait
	begun    []*list.Element // in the lists of unfinished ones, likewise
}

// Gone returns a channel that is closed once the connection is counted out, and about to be closed. GetCertificate of a tls.Config may wait
// for as long as that.
func (c *conn) Gone() <-chan struct{} { return c.out }

// Close implements net.Conn.
func (c *conn) Close() error {
	c.all.mu.Lock()
	c.all.leave(c)
	c.all.mu.Unlock()
	for s := range stages {
		c.exit(s) // after it is counted out, from when on its reader, which may be another goroutine, keeps no place that it gets
	}
	return c.TCPConn.Close()
}

// admit counts a connection in, and returns nil where there is no room for it.
func (c *Connections) admit(tcp *net.TCPConn) *conn {
	made := &conn{TCPConn: tcp, all: c, out: make(chan struct{})}
	var address netip.Addr
	if remote, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		address = remote.AddrPort().Addr().Unmap()
	}
	if address.IsValid() && (c.config.Proxy == nil || !c.config.Proxy(address)) {
		made.peers = c.networks(address)
	}
	c.mu.Lock()
	victims, why := c.makeRoom(made)
	if why == "" {
		c.countIn(made)
	}
	c.mu.Unlock()
	for _, v := range victims {
		_ = v.TCPConn.Close()
	}
	if why != "" {
		c.config.Log.Warn("a connection was refused: "+why, "address", address.String())
		return nil
	}
	return made
}

// spared is how many connections with a request that the server has not seen yet are passed over when one has to be closed.
const spared = 16

// longestWaiting returns the connection that has waited longest, or nil where none waits. One whose next request has come, while the
// server was too busy to read it, waits no longer: it goes to the end of the lists, so that its request is answered. mu is held.
func (c *Connections) longestWaiting(waiting *list.List) *conn {
	for range min(spared, waiting.Len()-1) {
		front := waiting.Front().Value.(*conn)
		if front.greeted.Load() || !unread(front.TCPConn) {
			return front
		}
		c.wait(front)
	}
	if waiting.Len() == 0 {
		return nil
	}
	return waiting.Front().Value.(*conn)
}

// makeRoom removes waiting connections where a new one would exceed a limit. why says which limit leaves no room, and is
// empty where there is room. mu is held.
func (c *Connections) makeRoom(made *conn) (victims []*conn, why string) {
	take := func(waiting *list.List) bool {
		v := c.longestWaiting(waiting)
		if v == nil {
			return false
		}
		c.leave(v)
		victims = append(victims, v)
		return true
	}
	limit := c.config.PerAddress
	for _, network := range made.peers {
		if p := c.peers[network]; p != nil && p.open >= limit && !take(p.waiting) {
			return victims, "its address has as many open as it may"
		}
		limit = max(limit, min(limit*rates.SiteTimes, c.config.Max/2)) // connections that are served do not give way: others need room
	}
	if c.open >= c.config.Max && !take(c.waiting) {
		return victims, "as many are open as there may be"
	}
	return victims, ""
}

// countIn counts a connection in, which waits from then on. mu is held.
func (c *Connections) countIn(made *conn) {
	c.open++
	limit := rate.Limit(maxRequestRate)
	for _, network := range made.peers {
		p := c.peers[network]
		if p == nil {
			p = &peer{waiting: list.New(), unfinished: list.New(), places: placesOfOne(), requests: rate.NewLimiter(limit, int(burst*limit))}
			c.peers[network] = p
		}
		p.open++
		made.of = append(made.of, p)
		limit *= rates.SiteTimes
	}
	c.wait(made)
}

// leave counts a connection out, once. mu is held.
func (c *Connections) leave(gone *conn) {
	if gone.left {
		return
	}
	gone.left = true
	close(gone.out)
	c.stopWaiting(gone)
	c.finish(gone)
	c.open--
	for _, network := range gone.peers {
		p := c.peers[network]
		if gone.http2 {
			p.http2--
		}
		if p.open--; p.open == 0 {
			delete(c.peers, network)
		}
	}
}

// wait puts a connection at the end of the waiting lists, unless a handler serves it. mu is held.
func (c *Connections) wait(of *conn) {
	switch {
	case of.left || of.served > 0:
	case of.places == nil:
		of.places = append(of.places, c.waiting.PushBack(of))
		for _, network := range of.peers {
			of.places = append(of.places, c.peers[network].waiting.PushBack(of))
		}
	default:
		c.waiting.MoveToBack(of.places[0])
		for i, network := range of.peers {
			c.peers[network].waiting.MoveToBack(of.places[1+i])
		}
	}
}

// stopWaiting takes a connection out of the waiting lists. mu is held.
func (c *Connections) stopWaiting(of *conn) {
	if of.places == nil {
		return
	}
	c.waiting.Remove(of.places[0])
	for i, network := range of.peers {
		c.peers[network].waiting.Remove(of.places[1+i])
	}
	of.places = nil
}

// State is the http.Server's ConnState. A connection begins to wait anew when a request's header is complete, and after an answer.
func (c *Connections) State(of net.Conn, state http.ConnState) {
	if state != http.StateActive && state != http.StateIdle {
		return
	}
	if counted := countedConn(of); counted != nil {
		if state == http.StateActive {
			counted.whole.Store(true)
			counted.exit(parsing)
		}
		c.mu.Lock()
		counted.idle = state == http.StateIdle
		c.follow(counted, state)
		c.wait(counted)
		c.mu.Unlock()
	}
}

// contextKey is of the *conn in a request's context.
type contextKey struct{}

// Context is the http.Server's ConnContext, by which Handler knows the connection of a request.
func (c *Connections) Context(ctx context.Context, of net.Conn) context.Context {
	if counted := countedConn(of); counted != nil {
		return context.WithValue(ctx, contextKey{}, counted)
	}
	return ctx
}

// Handler returns next, during whose calls the request's connection does not wait. A hijacked connection never waits again.
func (c *Connections) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted, ok := r.Context().Value(contextKey{}).(*conn)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		counted.whole.Store(true)
		counted.exit(parsing)
		c.mu.Lock()
		counted.served++
		counted.protocol = r.ProtoMajor
		c.finish(counted)
		c.stopWaiting(counted)
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			if counted.served--; counted.idle {
				c.wait(counted)
			}
			c.mu.Unlock()
		}()
		if counted.pace(r.Context()) { // else the client has gone
			next.ServeHTTP(w, r)
		}
	})
}

// countedConn returns the counted connection below of, or nil.
func countedConn(of net.Conn) *conn {
	if secured, ok := of.(*tls.Conn); ok {
		of = secured.NetConn()
	}
	counted, _ := of.(*conn)
	return counted
}
