package accept

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"chattok/internal/await"
)

// beginning is a request's header without its end, of more bytes than are not counted.
var beginning = "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("a:\r\n", unfinishedBytes/4)

// begins sends a header without its end, and returns once so many connections are counted.
func (w *world) begins(t *testing.T, c *client, n int) {
	t.Helper()
	if _, err := io.WriteString(c, beginning); err != nil {
		t.Fatal(err)
	}
	w.areUnfinished(t, n)
}

// areUnfinished returns once so many connections are in the middle of a header.
func (w *world) areUnfinished(t *testing.T, n int) {
	t.Helper()
	await.True(t, fmt.Sprint(n, " are unfinished"), func() bool {
		w.all.mu.Lock()
		defer w.all.mu.Unlock()
		return w.all.unfinished.Len() == n
	})
}

// ends sends the rest of a header, and says whether the request is answered.
func (c *client) ends() bool {
	if _, err := io.WriteString(c, "\r\n"); err != nil {
		return false
	}
	return c.answers()
}

// answers says whether a request that has been sent is answered.
func (c *client) answers() bool {
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}

// Of an address's connections in the middle of a header, the one that began first is closed for one too many. Those that have
// asked before count anew with each request, and others are not touched.
func TestUnfinishedOfAddress(t *testing.T) {
	w := newWorld(t, Config{Max: 1000, PerAddress: 500}, false)
	other, idle := w.dial(t, "127.0.0.2"), w.dial(t, "127.0.0.3")
	w.begins(t, other, 1)
	if !idle.ask("/") {
		t.Fatal("not answered")
	}
	var mine []*client
	for i := range maxUnfinishedPerAddress {
		c := w.dial(t, "127.0.0.3")
		if i%2 == 0 && !c.ask("/") {
			t.Fatal("not answered")
		}
		w.begins(t, c, 2+i)
		mine = append(mine, c)
	}
	if !mine[0].ends() { // so that the second one began first
		t.Error("closed below the limit")
	}
	w.areUnfinished(t, maxUnfinishedPerAddress)
	w.begins(t, mine[0], maxUnfinishedPerAddress+1)
	late := w.dial(t, "127.0.0.3")
	w.begins(t, late, maxUnfinishedPerAddress+1)
	if !mine[1].closed() {
		t.Error("the one that began first is open")
	}
	for name, c := range map[string]*client{"the newest": late, "another address's": other, "the third": mine[2], "one begun again": mine[0]} {
		if !c.ends() {
			t.Errorf("%s was closed", name)
		}
	}
	if !idle.ask("/") || !w.dial(t, "127.0.0.3").ask("/") {
		t.Error("honest requests of the address are not answered")
	}
	w.areUnfinished(t, maxUnfinishedPerAddress-3)
	for _, c := range mine {
		_ = c.Close()
	}
	w.areUnfinished(t, 0)
}

// In all, the limit holds for connections of different addresses.
func TestUnfinishedInAll(t *testing.T) {
	w := newWorld(t, Config{Max: 1000, PerAddress: 500}, false)
	var all []*client
	for i := range maxUnfinished + 1 {
		c := w.dial(t, fmt.Sprintf("127.0.0.%d", 2+i%8))
		w.begins(t, c, min(i+1, maxUnfinished))
		all = append(all, c)
	}
	if !all[0].closed() {
		t.Error("the one that began first is open")
	}
	if !all[1].ends() || !all[maxUnfinished].ends() {
		t.Error("another one was closed")
	}
}

// A header that comes together with the request before it counts as soon as that is answered.
func TestUnfinishedPipelined(t *testing.T) {
	for _, secured := range []bool{false, true} {
		w := newWorld(t, Config{Max: 100, PerAddress: 50}, secured)
		c := w.dial(t, "127.0.0.3")
		if secured {
			c = w.secure(c)
		}
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"+beginning); err != nil {
			t.Fatal(err)
		}
		w.areUnfinished(t, 1)
		response, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		if !c.ends() {
			t.Error("not answered")
		}
		w.areUnfinished(t, 0)
	}
}

// Long headers are parsed in turn, so that those who send many at once keep nobody else waiting; short ones wait for none. A connection
// that had to go while it waited for its turn takes none.
func TestLongHeadersTakeTurns(t *testing.T) {
	for _, secured := range []bool{false, true} {
		w := newWorld(t, Config{Max: 1000, PerAddress: 500}, secured)
		clients := make([]*client, maxUnfinishedPerAddress+2)
		for i := range clients {
			if clients[i] = w.dial(t, "127.0.0.3"); secured {
				clients[i] = w.secure(clients[i])
			}
			if !clients[i].ask("/") {
				t.Fatal("not answered")
			}
		}
		brief, long := clients[0], clients[1:]
		w.takeTurns()
		for i, c := range long {
			w.begins(t, c, min(i+1, maxUnfinishedPerAddress))
			if _, err := io.WriteString(c, "\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		if !brief.ask("/") {
			t.Error("a short header is not answered")
		}
		w.areUnfinished(t, maxUnfinishedPerAddress) // none is parsed
		w.giveTurns()
		for i, c := range long {
			if answered := c.answers(); answered != (i > 0) {
				t.Errorf("connection %d, over TLS %v: answered %v", i, secured, answered)
			}
		}
		w.areUnfinished(t, 0)
		w.turnsEnd(t)
	}
}

// A TLS handshake waits for a turn too; connections that are there are answered meanwhile.
func TestHandshakesTakeTurns(t *testing.T) {
	w := newWorld(t, Config{Max: 1000, PerAddress: 500}, true)
	before := w.secure(w.dial(t, "127.0.0.3"))
	if !before.ask("/") {
		t.Fatal("not answered")
	}
	w.turnsEnd(t)
	w.takeTurns()
	shaken := make(chan bool)
	plain := w.dial(t, "127.0.0.4")
	go func() { shaken <- w.secure(plain).ask("/") }()
	await.True(t, "its ClientHello is there", func() bool {
		of := w.conn(plain)
		return of != nil && of.received.Load() > 0
	})
	for range 10 {
		if !before.ask("/") {
			t.Error("a request meanwhile is not answered")
		}
	}
	if w.conn(plain).answered.Load() {
		t.Error("it has shaken hands without a turn")
	}
	w.giveTurns()
	if !<-shaken {
		t.Error("not answered")
	}
	w.turnsEnd(t)
}

// A connection that gives way to a newer one while it waits for its turn is let go at once: it does not stand in line, where nothing counts
// it.
func TestClosedWaitForNoTurn(t *testing.T) {
	const places = 2
	for name, limits := range map[string]Config{"of all": {Max: places, PerAddress: 500}, "of its address": {Max: 1000, PerAddress: places}} {
		w := newWorld(t, limits, true)
		w.takeTurns()
		give := sync.OnceFunc(w.giveTurns)
		t.Cleanup(give) // the world ends once they are given
		answered := make(chan bool)
		const clients = 20
		for range clients {
			c := w.dial(t, "127.0.0.3")
			go func() { answered <- w.secure(c).ask("/") }()
			await.True(t, name+": its ClientHello is there", func() bool {
				of := w.conn(c)
				return of != nil && (of.received.Load() > 0 || of.greeted.Load())
			})
		}
		await.True(t, name+": only those that have a place wait", func() bool { return w.there() == places })
		await.True(t, name+": one waits for a turn of all", func() bool { return len(w.conn(nil).of[0].places[parsing]) == 1 })
		w.all.mu.Lock() // all but the newest go, the one that has its address's turn too
		first := w.all.waiting.Front().Value.(*conn)
		w.all.leave(first)
		w.all.mu.Unlock()
		_ = first.TCPConn.Close()
		await.True(t, name+": one waits", func() bool { return w.there() == places-1 })
		give()
		n := 0
		for range clients {
			if <-answered {
				n++
			}
		}
		if n != places-1 {
			t.Errorf("%s: %d are answered once there are turns, want %d", name, n, places-1)
		}
		w.turnsEnd(t)
	}
}

// conn returns the server's end of a connection that waits, the one that has waited longest for nil, or nil.
func (w *world) conn(of *client) *conn {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	for e := w.all.waiting.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*conn); of == nil || c.RemoteAddr().String() == of.LocalAddr().String() {
			return c
		}
	}
	return nil
}

// takeTurns leaves no turn to the connections, until giveTurns.
func (w *world) takeTurns() {
	for range cap(w.all.places[parsing]) {
		w.all.places[parsing] <- struct{}{}
	}
}

func (w *world) giveTurns() {
	for range cap(w.all.places[parsing]) {
		<-w.all.places[parsing]
	}
}

// However a connection with a long header ends, its turn ends.
func TestTurnsEnd(t *testing.T) {
	w := newWorld(t, Config{Max: 1000, PerAddress: 500}, false)
	padding := strings.Repeat("a:\r\n", unfinishedBytes/4)
	for name, sent := range map[string]string{
		"no header":    strings.Repeat("x", 2*unfinishedBytes) + "\r\n\r\n",
		"not well":     "GET / HTTP/1.1\r\nHost: x\r\n" + padding + ": \r\n\r\n",
		"no host":      "GET / HTTP/1.1\r\n" + padding + "\r\n",
		"too long":     "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("a:\r\n", 1<<19),
		"with a body":  "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n" + padding + "\r\n" + strings.Repeat("x", 5000),
		"taken over":   "GET /hijack HTTP/1.1\r\nHost: x\r\n" + padding + "\r\n",
		"another half": "GET / HTTP/1.1\r\nHost: x\r\n\r\n" + beginning,
		"a half":       beginning,
	} {
		for range 2 * cap(w.all.places[parsing]) {
			c := w.dial(t, "127.0.0.3")
			_, _ = io.WriteString(c, sent) // the server may close before it has read all
			if strings.Contains(name, "half") {
				w.areUnfinished(t, 1)
			} else if _, err := c.r.ReadByte(); err != nil && name != "too long" {
				t.Errorf("%s: %v", name, err)
			}
			_ = c.Close()
			w.areUnfinished(t, 0)
		}
		w.turnsEnd(t)
	}
}

// turnsEnd returns once no connection has a turn, or a place before it.
func (w *world) turnsEnd(t *testing.T) {
	t.Helper()
	await.True(t, "no connection has a turn", func() bool { return len(w.all.places[parsing]) == 0 && len(w.all.places[shaking]) == 0 })
}

// secure returns a client that speaks HTTP/1.1 over TLS.
func (w *world) secure(c *client) *client {
	config := w.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName, config.NextProtos = "example.com", []string{"http/1.1"}
	secured := tls.Client(c.Conn, config)
	return &client{secured, bufio.NewReader(secured)}
}

// A body that comes slowly, and all that goes over a WebSocket, are no header.
func TestBodyIsNoHeader(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 50}, false)
	posts, socket := w.dial(t, "127.0.0.3"), w.dial(t, "127.0.0.3")
	if !socket.ask("/hijack") {
		t.Fatal("not answered")
	}
	if _, err := io.WriteString(posts, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 20001\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	w.waits(t, 0)
	for _, c := range []*client{posts, socket} {
		if _, err := io.WriteString(c, strings.Repeat("x", 20_000)); err != nil {
			t.Fatal(err)
		}
	}
	marker := w.dial(t, "127.0.0.3") // counted after both
	w.begins(t, marker, 1)
	if !marker.ends() {
		t.Error("not answered")
	}
	if _, err := io.WriteString(posts, "x"); err != nil {
		t.Fatal(err)
	}
	if response, err := http.ReadResponse(posts.r, nil); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("the post: %v, %v", response, err)
	}
	w.areUnfinished(t, 0)
}

// Over TLS a header is one after the handshake, and a connection of HTTP/2 is not counted once it has asked.
func TestUnfinishedSecured(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 50}, true)
	for range 3 {
		c := w.secure(w.dial(t, "127.0.0.3"))
		if !c.ask("/") {
			t.Fatal("not answered")
		}
		w.areUnfinished(t, 0)
		w.begins(t, c, 1)
		if !c.ends() {
			t.Error("not answered at the end of its header")
		}
		w.areUnfinished(t, 0)
	}
	for i := range 50 { // of one connection of HTTP/2, with headers longer than are not counted
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Cookie", strings.Repeat(fmt.Sprint(i), 2*unfinishedBytes))
		response, err := w.Client().Do(request)
		if err != nil || response.ProtoMajor != 2 {
			t.Fatalf("%v, %v", response, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		w.areUnfinished(t, 0)
	}
}

// A ClientHello longer than headers that are not counted is none of the unfinished.
func TestLongHello(t *testing.T) {
	all := New(Config{Max: 100, PerAddress: 50, Log: slog.New(slog.DiscardHandler)})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := all.Listener(inner)
	defer l.Close()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	hello := append([]byte{handshakeRecord, 3, 1, 8, 0, 1, 0, 7, 252}, make([]byte, 2*unfinishedBytes-messageHeader)...)
	if _, err := client.Write(hello); err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	of := server.(*conn)
	if n, err := io.ReadFull(server, make([]byte, len(hello))); err != nil || of.received.Load() != int64(n) || of.listed.Load() || !of.held[shaking].Load() {
		t.Errorf("%d bytes, %v; unfinished %v, in its place %v", n, err, of.listed.Load(), of.held[shaking].Load())
	}
	if _, err := client.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != nil || of.held[shaking].Load() {
		t.Errorf("%v; it reads on in its place %v", err, of.held[shaking].Load())
	}
}
