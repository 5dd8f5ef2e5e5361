// Package accept counts the TCP connections that a server has accepted, whatever they are used for: those that wait for a
// request, shake hands, send slowly, or have become WebSockets. Where there are too many, in all or of one address, the
// one that has been idle longest is closed for a new one, and where none is idle the new one is.
package accept

import (
	"container/list"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"chattok/rates"
)

// Config is what Connections are made of.
type Config struct {
	Max        int                   // open at once, of all listeners together
	PerAddress int                   // of one IPv4 address or IPv6 /64; ten times as many of a /48; none of loopback is counted
	Proxy      func(netip.Addr) bool // says of whom no address is counted, since they speak for many; nil: of none
	Log        *slog.Logger
}

// Connections are those that are open.
type Connections struct {
	config   Config
	networks func(netip.Addr) []netip.Prefix // rates.Networks

	mu    sync.Mutex
	open  int
	idle  *list.List // of *conn, the one that has been idle longest in front
	peers map[netip.Prefix]*peer
}

// peer is one network's connections.
type peer struct {
	open int
	idle *list.List // as Connections.idle
}

// New returns Connections, of which none is open.
func New(config Config) *Connections {
	return &Connections{config: config, networks: rates.Networks, idle: list.New(), peers: make(map[netip.Prefix]*peer)}
}

// Open returns how many there are.
func (c *Connections) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Listener returns l with its connections counted. It must be one of TCP.
func (c *Connections) Listener(l net.Listener) net.Listener { return &listener{l, c} }

type listener struct {
	net.Listener
	connections *Connections
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				l.connections.config.Log.Warn("can't accept connections", "error", err)
			}
			return nil, err
		}
		tcp, ok := accepted.(*net.TCPConn)
		if !ok {
			return accepted, nil
		}
		if made := l.connections.admit(tcp); made != nil {
			return made, nil
		}
		_ = tcp.Close()
	}
}

// conn is a connection that is counted until it is closed. It is a *net.TCPConn for all who look at what it can do.
type conn struct {
	*net.TCPConn
	all   *Connections
	peers []netip.Prefix

	// Guarded by all.mu.
	left   bool
	places []*list.Element // in the lists of idle ones, all's first; none while it is in use
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.all.mu.Lock()
	c.all.leave(c)
	c.all.mu.Unlock()
	return c.TCPConn.Close()
}

// admit counts a connection in; nil where it is one too many.
func (c *Connections) admit(tcp *net.TCPConn) *conn {
	made := &conn{TCPConn: tcp, all: c}
	address, err := netip.ParseAddrPort(tcp.RemoteAddr().String())
	if err == nil && (c.config.Proxy == nil || !c.config.Proxy(address.Addr().Unmap())) {
		made.peers = c.networks(address.Addr())
	}
	c.mu.Lock()
	victims, why := c.makeRoom(made)
	if why == "" {
		c.enter(made)
	}
	c.mu.Unlock()
	for _, v := range victims {
		_ = v.TCPConn.Close()
	}
	if why != "" {
		c.config.Log.Warn("a connection was refused: "+why, "address", address.Addr().String())
		return nil
	}
	return made
}

// makeRoom takes idle connections out where there are too many for a new one, and says why there is no room where none is
// idle. mu is held.
func (c *Connections) makeRoom(made *conn) (victims []*conn, why string) {
	take := func(idle *list.List) bool {
		front := idle.Front()
		if front == nil {
			return false
		}
		v := front.Value.(*conn)
		c.leave(v)
		victims = append(victims, v)
		return true
	}
	limit := c.config.PerAddress
	for _, network := range made.peers {
		if p := c.peers[network]; p != nil && p.open >= limit && !take(p.idle) {
			return victims, "its address has as many open as it may"
		}
		limit *= rates.SiteTimes
	}
	if c.open >= c.config.Max && !take(c.idle) {
		return victims, "as many are open as there may be"
	}
	return victims, ""
}

// enter counts a connection in. mu is held.
func (c *Connections) enter(made *conn) {
	c.open++
	for _, network := range made.peers {
		p := c.peers[network]
		if p == nil {
			p = &peer{idle: list.New()}
			c.peers[network] = p
		}
		p.open++
	}
}

// leave counts a connection out, once. mu is held.
func (c *Connections) leave(gone *conn) {
	if gone.left {
		return
	}
	gone.left = true
	c.setIdle(gone, false)
	c.open--
	for _, network := range gone.peers {
		p := c.peers[network]
		if p.open--; p.open == 0 {
			delete(c.peers, network)
		}
	}
}

// setIdle puts a connection at the end of the lists of idle ones, or takes it out. mu is held.
func (c *Connections) setIdle(of *conn, idle bool) {
	if idle == (of.places != nil) {
		return
	}
	lists := []*list.List{c.idle}
	for _, network := range of.peers {
		lists = append(lists, c.peers[network].idle)
	}
	places := of.places
	of.places = nil
	for i, l := range lists {
		if idle {
			of.places = append(of.places, l.PushBack(of))
		} else {
			l.Remove(places[i])
		}
	}
}

// State is http.Server's ConnState.
func (c *Connections) State(of net.Conn, state http.ConnState) {
	if secured, ok := of.(*tls.Conn); ok {
		of = secured.NetConn()
	}
	counted, ok := of.(*conn)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !counted.left {
		c.setIdle(counted, state == http.StateIdle)
	}
}
