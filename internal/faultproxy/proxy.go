package faultproxy

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Direction is one of the two directions of a connection.
type Direction int

const (
	Up   Direction = iota // from the client to the target
	Down                  // from the target to the client
)

// Fault is the treatment of connections. The zero Fault passes everything on at once.
type Fault struct {
	Up, Down Link
	Refuse   bool // new connections are reset
}

// Link is the treatment of one direction.
type Link struct {
	Delay     time.Duration // before bytes are passed on
	Jitter    time.Duration // up to so much more, at random; bytes stay in order
	Blackhole bool          // nothing arrives
}

// Both treats both directions alike.
func Both(l Link) Fault { return Fault{Up: l, Down: l} }

// Bounds of the proxy.
const (
	dialTimeout = 5 * time.Second
	chunkBytes  = 16 << 10
	chunks      = 64 // that may be on their way in each direction
)

// Proxy passes connections to one target. Its methods are safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	seed     uint64
	accepted atomic.Int64
	done     sync.WaitGroup

	mu      sync.Mutex
	fault   Fault
	changed chan struct{} // closed when fault changes
	pipes   map[*pipe]struct{}
	closed  bool
}

// Listen starts a proxy to a target on a free port of the loopback. The seed decides the random delays: those of the
// n-th connection are the same for the same seed.
func Listen(target string, seed uint64) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a proxy to %s: %w", target, err)
	}
	p := &Proxy{listener: listener, target: target, seed: seed, changed: make(chan struct{}), pipes: make(map[*pipe]struct{})}
	p.done.Go(p.accept)
	return p, nil
}

// Addr returns the host and port that the proxy listens on.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set changes the treatment from now on, also of bytes on their way.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	close(p.changed)
	p.changed = make(chan struct{})
}

// Cut resets every connection, in both directions and at once, and returns the number of connections. Bytes on their
// way are lost.
func (p *Proxy) Cut() int {
	open := p.open()
	for _, c := range open {
		c.reset()
	}
	return len(open)
}

// HalfClose ends one direction of every connection: the receiver reads an end, and bytes that are sent that way
// afterwards are lost; the other direction stays open. It returns the number of connections.
func (p *Proxy) HalfClose(d Direction) int {
	open := p.open()
	for _, c := range open {
		c.halfClose(d)
	}
	return len(open)
}

// Open returns how many connections are open now.
func (p *Proxy) Open() int { return len(p.open()) }

// Accepted returns how many connections there have been in all.
func (p *Proxy) Accepted() int { return int(p.accepted.Load()) }

// Close cuts every connection, accepts no more, and returns when all goroutines have ended.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.Cut()
	p.done.Wait()
	return err
}

func (p *Proxy) open() []*pipe {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.pipes))
}

// now returns the present treatment, and a channel that is closed when it changes.
func (p *Proxy) now() (Fault, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault, p.changed
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // too many files are open: some will be closed
			continue
		}
		n := p.accepted.Add(1)
		if f, _ := p.now(); f.Refuse {
			reset(client)
			continue
		}
		p.done.Go(func() { p.serve(client, uint64(n)) })
	}
}

// serve passes one connection on until both directions have ended.
func (p *Proxy) serve(client net.Conn, n uint64) {
	server, err := net.DialTimeout("tcp", p.target, dialTimeout)
	if err != nil {
		reset(client)
		return
	}
	c := &pipe{proxy: p, client: client, server: server, gone: make(chan struct{})}
	p.mu.Lock()
	closed := p.closed
	p.pipes[c] = struct{}{}
	p.mu.Unlock()
	if closed {
		c.reset()
	}
	var directions sync.WaitGroup
	directions.Go(func() { c.pass(Up, rand.New(rand.NewPCG(p.seed, 2*n))) })
	directions.Go(func() { c.pass(Down, rand.New(rand.NewPCG(p.seed, 2*n+1))) })
	directions.Wait()
	c.reset()
	p.mu.Lock()
	delete(p.pipes, c)
	p.mu.Unlock()
}

// reset ends a connection so that its peer gets an error and not an end.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails for one that is closed
	}
	_ = c.Close() // likewise
}
