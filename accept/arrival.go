package accept

import (
	"cmp"
	"errors"
	"net"
	"sync"
	"time"
)

// A connection arrives until its first bytes have come and, where they are a ClientHello, until few others are in their handshake. Until then
// net/http does not have it, which keeps four times as much: thousands that wait for the turn of their handshake took 90 MiB of 512.
const (
	arrivalTimeout = 10 * time.Second // for the first bytes, and then for the handshake's place; net/http gives it as long for the handshake
	maxShaking     = 64               // connections that are given away with a ClientHello, and have not been answered
	shakingOfOne   = 2                // of them of an address, and of a /48: one has the turn, and the next one is ready
)

// listener gives a connection away when it has arrived.
type listener struct {
	net.Listener
	all *Connections

	begin    sync.Once
	end      func() error // Close, once
	accepted chan acceptance
	closed   chan struct{}

	mu       sync.Mutex
	arriving map[*conn]struct{} // nil once the listener is closed
}

// acceptance is what Accept returns.
type acceptance struct {
	conn net.Conn
	err  error
}

func newListener(l net.Listener, all *Connections) *listener {
	made := &listener{Listener: l, all: all, accepted: make(chan acceptance), closed: make(chan struct{}), arriving: make(map[*conn]struct{})}
	made.end = sync.OnceValue(made.close)
	return made
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	l.begin.Do(func() { go l.run() })
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Connections that have not arrived are closed with it.
func (l *listener) Close() error { return l.end() }

func (l *listener) close() error {
	close(l.closed)
	l.mu.Lock()
	arriving := l.arriving
	l.arriving = nil
	l.mu.Unlock()
	for c := range arriving {
		_ = c.Close()
	}
	return l.Listener.Close()
}

// run accepts connections until the listener is closed.
func (l *listener) run() {
	for {
		accepted, err := l.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			_ = l.Close()
			return
		}
		tcp, ok := accepted.(*net.TCPConn)
		switch {
		case err != nil:
			l.all.config.Log.Warn("can't accept connections", "error", err)
			_ = l.give(acceptance{err: err}, nil) // whoever takes it waits before the next
		case !ok:
			if !l.give(acceptance{conn: accepted}, nil) {
				_ = accepted.Close()
			}
		default:
			if made := l.all.admit(tcp); made != nil {
				go l.arrive(made)
			} else {
				_ = tcp.Close()
			}
		}
	}
}

// give waits until Accept is called; false where the listener, or gone, is closed first.
func (l *listener) give(a acceptance, gone <-chan struct{}) bool {
	select {
	case l.accepted <- a:
		return true
	case <-gone:
	case <-l.closed:
	}
	return false
}

// arrive gives a connection away when it has arrived, or closes it.
func (l *listener) arrive(c *conn) {
	l.mu.Lock()
	open := l.arriving != nil
	if open {
		l.arriving[c] = struct{}{}
	}
	l.mu.Unlock()
	arrived := open && c.arrives()
	l.mu.Lock()
	delete(l.arriving, c) // before it may be given away: Close leaves alone what net/http has
	l.mu.Unlock()
	if !arrived || !l.give(acceptance{conn: c}, c.out) {
		_ = c.Close()
	}
}

// arrives waits until the connection has arrived, and says whether it is still there.
func (c *conn) arrives() bool {
	patience := cmp.Or(c.all.config.patience, arrivalTimeout)
	if c.TCPConn.SetReadDeadline(time.Now().Add(patience)) != nil {
		return false
	}
	var first opening
	if waitFor(c.TCPConn, func(b []byte) bool {
		first, c.hello = openingOf(b)
		c.greeted.Store(first == unclear || first == hello)
		return first != unclear
	}) != nil {
		return false
	}
	switch first {
	case foreign:
		return false
	case helloInParts:
		c.all.begin(c)
	case hello:
		late := time.Now().Add(patience)
		if !c.enter(shaking) || time.Now().After(late) {
			return false // counted out, or so late that its client has gone
		}
	}
	return c.TCPConn.SetReadDeadline(time.Time{}) == nil
}

// opening says how a connection begins.
type opening int

const (
	unclear      opening = iota
	plain                // a request without encryption, or whatever net/http and crypto/tls refuse at once
	hello                // a whole ClientHello
	helloInParts         // the beginning of one in several records, or of a very long one, which few clients send: it counts as unfinished
	foreign              // a TLS record in which no connection begins
)

// Parts of a TLS connection's beginning (RFC 8446, sections 4 and 5.1).
const (
	recordHeader    = 5 // the record's type, two bytes of version, two of its length
	messageHeader   = 4 // the handshake message's type, three bytes of its length
	firstRecordType = 20
	handshakeRecord = 22
	lastRecordType  = 23
)

// openingOf looks at the first bytes of a connection, of which it needs helloBytes at most. length is that of a hello.
func openingOf(b []byte) (_ opening, length int64) {
	switch {
	case len(b) == 0:
		return unclear, 0
	case b[0] < firstRecordType || b[0] > lastRecordType:
		if len(b) < recordHeader {
			return unclear, 0 // crypto/tls waits for as many
		}
		return plain, 0
	case b[0] != handshakeRecord:
		return foreign, 0
	case len(b) < recordHeader:
		return unclear, 0
	}
	record := int(b[3])<<8 | int(b[4])
	switch {
	case record < messageHeader || recordHeader+record > helloBytes:
		return helloInParts, 0
	case len(b) < recordHeader+messageHeader:
		return unclear, 0
	}
	message := int(b[6])<<16 | int(b[7])<<8 | int(b[8])
	switch {
	case messageHeader+message > record:
		return helloInParts, 0
	case len(b) < recordHeader+record:
		return unclear, 0
	}
	return hello, int64(recordHeader + record)
}
