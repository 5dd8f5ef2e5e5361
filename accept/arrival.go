package accept

import (
	"cmp"
	"errors"
	"net"
	"sync"
	"time"
)

// A connection arrives until its first byte has come and, where that begins a TLS handshake, until few others are in theirs. Until then
// net/http does not have it, which keeps four times as much: thousands that wait for the turn of their handshake took 90 MiB of 512.
const (
	arrivalTimeout = 10 * time.Second // from its acceptance; net/http then gives it as long for the handshake
	maxShaking     = 64               // connections that are given away and have not had the turn of their handshake
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
	given := open && c.arrives() && l.give(acceptance{conn: c}, c.out)
	l.mu.Lock()
	delete(l.arriving, c)
	l.mu.Unlock()
	if !given {
		_ = c.Close()
	}
}

// arrives waits until the connection has arrived, and says whether it is still there.
func (c *conn) arrives() bool {
	deadline := time.Now().Add(cmp.Or(c.all.config.patience, arrivalTimeout))
	if c.TCPConn.SetReadDeadline(deadline) != nil {
		return false
	}
	first, err := firstByte(c.TCPConn)
	if err != nil {
		return false
	}
	if first == handshakeRecord {
		c.greeted.Store(true)
		if !c.enter(shaking) || time.Now().After(deadline) {
			return false // counted out, or so late that its client is about to go
		}
	}
	return c.TCPConn.SetReadDeadline(time.Time{}) == nil
}
