package accept

import (
	"container/list"
	"net"
	"net/http"
	"time"
)

// Limits of requests whose header has begun and has not ended. net/http bounds a header's bytes but not its lines, of which it keeps
// 0.6 MB for 32 KiB; and it tells nobody of a header that begins: http.StateActive comes when one has ended. So the bytes that come
// in between are counted here. A connection belongs to the unfinished ones once more than 1 KiB of a header has come. Most headers are
// shorter, and 1 KiB costs a tenth of an idle connection.
const (
	maxUnfinished           = 256
	maxUnfinishedPerAddress = 64      // and twice as many of a /48
	unfinishedBytes         = 1 << 10 // of a header, above which its connection is unfinished
	helloBytes              = 4 << 10 // of a TLS handshake before the server's part in it: a ClientHello with keys and all extensions
)

// Read implements net.Conn, and counts the bytes of a request that has not come whole.
func (c *conn) Read(p []byte) (int, error) {
	c.exit(parsing)
	if c.received.Load() >= c.hello {
		c.exit(shaking) // whoever reads on after a whole ClientHello does not shake hands
	}
	n, err := c.TCPConn.Read(p)
	switch {
	case n <= 0:
		return n, err
	case c.listed.Load():
		return c.inTurn(n, err)
	case c.whole.Load():
		if !c.early.Load() {
			c.early.Store(true)
		}
		return n, err
	}
	received := c.received.Add(int64(n))
	most := int64(unfinishedBytes)
	if !c.answered.Load() {
		if received == int64(n) {
			c.secured = p[0] == handshakeRecord
		}
		if c.secured {
			most = helloBytes
		}
	}
	if received > most {
		c.all.begin(c)
	}
	if received > most || c.secured && !c.answered.Load() {
		return c.inTurn(n, err)
	}
	return n, err
}

// inTurn returns what was read of a long header, or of a TLS handshake, once the connection has a turn, until which it is not looked at. A
// turn ends with the next call of Read or Write, or with the header, so that it takes no longer than the parsing or the server's part in the
// handshake, a millisecond. Otherwise everybody's requests would wait behind all that come at once, most of which are closed before their
// turn.
func (c *conn) inTurn(n int, err error) (int, error) {
	if !c.enter(parsing) {
		return 0, net.ErrClosed
	}
	return n, err
}

// Write implements net.Conn. A TLS handshake ends soon after the server's first bytes, so the count begins anew with them; by later
// ones a client could begin it anew whenever it likes.
func (c *conn) Write(p []byte) (int, error) {
	c.exit(parsing)
	if !c.answered.Load() {
		c.exit(shaking)
		c.received.Store(0)
		c.greeted.Store(false)
		c.answered.Store(true)
	}
	return c.TCPConn.Write(p)
}

// SetReadDeadline implements net.Conn. net/http sets a deadline for the silence after an answer, and another one when the next
// header begins. Where that header may have come before the answer, nobody knows how many of its bytes have been read, so the
// connection belongs to the unfinished ones at once.
func (c *conn) SetReadDeadline(t time.Time) error {
	if !c.whole.Load() && c.deadlines.Load() > 0 && c.deadlines.Add(-1) == 0 && (c.early.Load() || c.received.Load() == 0) {
		c.all.begin(c)
	}
	return c.TCPConn.SetReadDeadline(t)
}

// begin counts a connection whose request is not whole yet, once, and closes those that began first where there are too many. An
// honest client sends a header at once, and is through before others take its place.
func (c *Connections) begin(of *conn) {
	c.mu.Lock()
	var victims []*conn
	if !of.left && of.begun == nil && !of.whole.Load() {
		victims = c.makeRoomUnfinished(of)
		of.listed.Store(true)
		of.begun = append(of.begun, c.unfinished.PushBack(of))
		for _, network := range of.peers {
			of.begun = append(of.begun, c.peers[network].unfinished.PushBack(of))
		}
	}
	c.mu.Unlock()
	for _, v := range victims {
		_ = v.TCPConn.Close()
	}
}

// makeRoomUnfinished removes connections where one more that is unfinished would exceed a limit. mu is held.
func (c *Connections) makeRoomUnfinished(of *conn) (victims []*conn) {
	take := func(unfinished *list.List, limit int) {
		for unfinished.Len() >= limit {
			first := unfinished.Front().Value.(*conn)
			if first.whole.Load() { // and is about to say so, once it has mu
				c.finish(first)
				continue
			}
			c.leave(first)
			victims = append(victims, first)
		}
	}
	limit := maxUnfinishedPerAddress
	for _, network := range of.peers {
		take(c.peers[network].unfinished, limit)
		limit *= 2
	}
	take(c.unfinished, maxUnfinished)
	return victims
}

// finish takes a connection out of the unfinished ones. mu is held.
func (c *Connections) finish(of *conn) {
	if of.begun == nil {
		return
	}
	c.unfinished.Remove(of.begun[0])
	for i, network := range of.peers {
		c.peers[network].unfinished.Remove(of.begun[1+i])
	}
	of.begun = nil
	of.listed.Store(false)
}

// follow keeps account of whether the bytes of a connection are a request's header. Those after a header are its body, or a WebSocket's,
// until the request is answered. Over HTTP/2, where net/http bounds the lines of a header, none are counted after the first request.
// mu is held.
func (c *Connections) follow(of *conn, state http.ConnState) {
	if state == http.StateActive {
		of.early.Store(false)
		c.finish(of)
		return
	}
	if of.protocol == 2 {
		return
	}
	of.received.Store(0)
	if of.protocol == 1 {
		of.deadlines.Store(2)
	}
	of.whole.Store(false)
}
