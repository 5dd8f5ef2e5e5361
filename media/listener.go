package media

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// Limits of TCP sockets.
const (
	maxSockets        = 4096
	maxSocketsPerAddr = 256              // many people may share an address
	unusedTimeout     = 30 * time.Second // from a socket's beginning to its first allocation
	maxUnusedBytes    = 2 << 10          // that a socket reads until then: an allocation takes half a kilobyte
	socketRate        = 20               // sockets of an address in a second, and maxSocketsPerAddr at once
	rememberedAddrs   = 4096             // whose rate is known
	idleTimeout       = 15 * time.Minute // without a byte from the client, who refreshes more often
	writeTimeout      = 10 * time.Second
	acceptPause       = 50 * time.Millisecond // after a failure, such as too many open files
)

// tcpListener accepts sockets within the limits, and keeps the open ones.
type tcpListener struct {
	net.Listener
	closing      chan struct{}
	unused, idle time.Duration // how long a socket may be so

	mu      sync.Mutex
	sockets map[string]*tcpSocket // by their client's address
	perAddr map[netip.Prefix]int  // by IPv4 address or IPv6 /64
	rates   *simplelru.LRU[netip.Prefix, *rate.Limiter]
	ended   sync.WaitGroup
}

func newTCPListener(l net.Listener) *tcpListener {
	limiters, err := simplelru.NewLRU[netip.Prefix, *rate.Limiter](rememberedAddrs, nil)
	if err != nil {
		panic(err) // for a size below 1
	}
	return &tcpListener{Listener: l, closing: make(chan struct{}), unused: unusedTimeout, idle: idleTimeout,
		sockets: make(map[string]*tcpSocket), perAddr: make(map[netip.Prefix]int), rates: limiters}
}

// mayOpen says whether a network may open one more socket now. l.mu is held.
func (l *tcpListener) mayOpen(network netip.Prefix) bool {
	if len(l.sockets) >= maxSockets || l.perAddr[network] >= maxSocketsPerAddr {
		return false
	}
	limiter, ok := l.rates.Get(network)
	if !ok {
		limiter = rate.NewLimiter(socketRate, maxSocketsPerAddr)
		l.rates.Add(network, limiter)
	}
	return limiter.Allow()
}

// networkOf returns the network that a client's sockets are counted by.
func networkOf(client netip.Addr) netip.Prefix {
	client = client.Unmap().WithZone("")
	bits := client.BitLen()
	if client.Is6() {
		bits = 64
	}
	network, _ := client.Prefix(bits) // can't fail for these lengths
	return network
}

// Accept returns the next socket. It returns an error only when the listener is closed, since pion stops accepting after
// one.
func (l *tcpListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case err != nil:
			select {
			case <-time.After(acceptPause):
			case <-l.closing:
			}
		default:
			if s := l.add(conn); s != nil {
				return s, nil
			}
			_ = conn.Close()
		}
	}
}

// add returns an accepted socket that is counted, or nil where the limits allow no more.
func (l *tcpListener) add(conn net.Conn) *tcpSocket {
	from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closing:
		return nil
	default:
	}
	network := networkOf(from.Addr())
	if !l.mayOpen(network) {
		return nil
	}
	s := &tcpSocket{Conn: conn, listener: l, network: network, until: time.Now().Add(l.unused)}
	l.sockets[conn.RemoteAddr().String()] = s
	l.perAddr[network]++
	l.ended.Add(1)
	return s
}

// used says that the client at an address has an allocation, and so may be silent for longer.
func (l *tcpListener) used(client net.Addr) {
	if client.Network() != "tcp" {
		return
	}
	l.mu.Lock()
	s := l.sockets[client.String()]
	l.mu.Unlock()
	if s != nil {
		s.setUsed()
	}
}

// Close closes the listener and every socket. A socket ends when pion closes its own side.
func (l *tcpListener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	close(l.closing)
	open := make([]*tcpSocket, 0, len(l.sockets))
	for _, s := range l.sockets {
		open = append(open, s)
	}
	l.mu.Unlock()
	for _, s := range open {
		_ = s.Conn.Close() // pion calls tcpSocket.Close itself
	}
	return err
}

// tcpSocket is a client's socket with deadlines.
type tcpSocket struct {
	net.Conn
	listener *tcpListener
	network  netip.Prefix
	once     sync.Once

	mu    sync.Mutex
	until time.Time // when a socket without an allocation ends; zero once it has had one
	read  int       // bytes before its first allocation
}

// setUsed also moves the deadline of a read that is under way.
func (s *tcpSocket) setUsed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Time{}
	_ = s.setDeadline() // fails on a socket that has ended
}

func (s *tcpSocket) Read(p []byte) (int, error) {
	s.mu.Lock()
	err := s.setDeadline()
	if err == nil && !s.until.IsZero() && s.read > maxUnusedBytes {
		err = errUnused
	}
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := s.Conn.Read(p)
	s.mu.Lock()
	s.read += n
	s.mu.Unlock()
	return n, err
}

// errUnused ends a socket whose client asks and asks, and has no allocation.
var errUnused = errors.New("no allocation was made")

// setDeadline sets the deadline of reads. s.mu is held.
func (s *tcpSocket) setDeadline() error {
	deadline := s.until
	if deadline.IsZero() {
		deadline = time.Now().Add(s.listener.idle)
	}
	return s.SetReadDeadline(deadline)
}

// Write writes all of p, or closes the socket: after a part of a frame the client could understand nothing more.
func (s *tcpSocket) Write(p []byte) (int, error) {
	err := s.SetWriteDeadline(time.Now().Add(writeTimeout))
	n := 0
	if err == nil {
		n, err = s.Conn.Write(p)
	}
	if err != nil {
		_ = s.Conn.Close()
	}
	return n, err
}

// Close is called by pion, as the last thing that it does with a socket.
func (s *tcpSocket) Close() error {
	err := s.Conn.Close()
	s.once.Do(func() {
		l := s.listener
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.sockets, s.RemoteAddr().String())
		if l.perAddr[s.network]--; l.perAddr[s.network] == 0 {
			delete(l.perAddr, s.network)
		}
		l.ended.Done()
	})
	return err
}

// udpSocket is the socket that clients send to over UDP. It hides errors of single packets, since pion stops reading at the
// first error.
type udpSocket struct {
	net.PacketConn
	closing chan struct{}
}

func (s *udpSocket) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(p)
		if err == nil || errors.Is(err, net.ErrClosed) {
			return n, from, err
		}
		select {
		case <-time.After(acceptPause):
		case <-s.closing:
		}
	}
}
