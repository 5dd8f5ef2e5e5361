package accept

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/rates"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// world is a server whose connections are counted; those of this machine too, as if they were of as many addresses as
// their ends have.
type world struct {
	*httptest.Server
	all      *Connections
	arriving *listener
	log      *lockedBuffer
	open     atomic.Int64 // connections that the http.Server has, as it says
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func newWorld(t *testing.T, c Config, secured bool) *world {
	w := &world{log: new(lockedBuffer)}
	c.Log = slog.New(slog.NewTextHandler(w.log, nil))
	w.all = New(c)
	w.all.networks = func(a netip.Addr) []netip.Prefix { return []netip.Prefix{netip.PrefixFrom(a, 32)} }
	w.Server = httptest.NewUnstartedServer(w.all.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hijack" {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "taken\n")
			go func() { // until the client closes it
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
			return
		}
		if r.URL.Path == "/slow" {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		_, _ = io.WriteString(w, "ok\n")
	})))
	w.Config.ConnContext = w.all.Context
	w.Listener = w.all.Listener(w.Listener)
	w.arriving = w.Listener.(*listener)
	before := w.Config.ConnState
	w.Config.ConnState = func(c net.Conn, s http.ConnState) {
		w.all.State(c, s)
		switch s {
		case http.StateNew:
			w.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			w.open.Add(-1)
		}
		if before != nil {
			before(c, s)
		}
	}
	if secured {
		w.EnableHTTP2 = true
		w.TLS = w.all.TLS(&tls.Config{NextProtos: []string{http2Name, http1Name}, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &w.Server.TLS.Certificates[0], nil
		}})
		w.StartTLS()
	} else {
		w.Start()
	}
	t.Cleanup(w.Close)
	return w
}

// client is one connection.
type client struct {
	net.Conn
	r *bufio.Reader
}

// dial opens a connection from an address of this machine.
func (w *world) dial(t *testing.T, from string) *client {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := d.DialContext(t.Context(), "tcp", w.Server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &client{c, bufio.NewReader(c)}
}

// ask sends a request and says whether it is answered.
func (c *client) ask(path string) bool {
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		return false
	}
	if path == "/hijack" {
		line, err := c.r.ReadString('\n')
		return err == nil && line == "taken\n"
	}
	return c.answers()
}

// closed says whether the server has closed the connection.
func (c *client) closed() bool {
	_, err := c.r.ReadByte()
	return err != nil
}

// there returns how many connections take memory: those that arrive, and those that the http.Server has.
func (w *world) there() int {
	w.arriving.mu.Lock()
	defer w.arriving.mu.Unlock()
	return len(w.arriving.arriving) + int(w.open.Load())
}

// waits returns once so many connections wait.
func (w *world) waits(t *testing.T, n int) {
	t.Helper()
	await.True(t, fmt.Sprint(n, " wait"), func() bool {
		w.all.mu.Lock()
		defer w.all.mu.Unlock()
		return w.all.waiting.Len() == n
	})
}

// A new connection of an address at its limit replaces the one of that address which has waited longest.
func TestLongestWaitingOfAddress(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 3}, false)
	other := w.dial(t, "127.0.0.2")
	if !other.ask("/") {
		t.Fatal("not answered")
	}
	w.waits(t, 1)
	var mine []*client
	for i := range 3 {
		c := w.dial(t, "127.0.0.3")
		if !c.ask("/") {
			t.Fatal("not answered")
		}
		mine = append(mine, c)
		w.waits(t, 2+i)
	}
	if !mine[0].ask("/") { // so that the second has been idle longest
		t.Fatal("not answered")
	}
	await.True(t, "the first is the last to be idle", func() bool {
		w.all.mu.Lock()
		defer w.all.mu.Unlock()
		return w.all.waiting.Len() == 4 && w.all.waiting.Back().Value.(*conn).RemoteAddr().String() == mine[0].LocalAddr().String()
	})
	if !w.dial(t, "127.0.0.3").ask("/") {
		t.Error("a new one is not served")
	}
	if !mine[1].closed() {
		t.Error("the one that was idle longest is open")
	}
	for name, c := range map[string]*client{"the first": mine[0], "the third": mine[2], "another address's": other} {
		if !c.ask("/") {
			t.Errorf("%s was closed", name)
		}
	}
	if n := w.all.Open(); n != 4 {
		t.Errorf("%d are open", n)
	}
	if said := w.log.String(); said != "" {
		t.Errorf("the log says %s", said)
	}
}

// A connection that a handler serves does not wait, and neither does a WebSocket: where an address has nothing else, a new
// connection is refused, and the log says so.
func TestNoneWaits(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 3}, false)
	socket, socket2, served := w.dial(t, "127.0.0.3"), w.dial(t, "127.0.0.3"), w.dial(t, "127.0.0.3")
	if !socket.ask("/hijack") || !socket2.ask("/hijack") {
		t.Fatal("not answered")
	}
	if _, err := io.WriteString(served, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1"); err != nil {
		t.Fatal(err)
	}
	w.waits(t, 0)
	if !w.dial(t, "127.0.0.3").closed() {
		t.Error("a fourth was taken")
	}
	await.True(t, "the log says so", func() bool {
		return strings.Contains(w.log.String(), "a connection was refused: its address has as many open as it may") && strings.Contains(w.log.String(), "address=127.0.0.3")
	})
	if !w.dial(t, "127.0.0.2").ask("/") {
		t.Error("another address is not served")
	}
	_ = socket.Close()
	await.True(t, "the socket is counted out", func() bool { return w.all.Open() == 3 })
	if !w.dial(t, "127.0.0.3").ask("/") {
		t.Error("not served after one has gone")
	}
	if _, err := io.WriteString(served, "2"); err != nil {
		t.Fatal(err)
	}
	if response, err := http.ReadResponse(served.r, nil); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("the request that was under way: %v, %v", response, err)
	}
}

// Connections that say nothing, or only begin a header, give way to new ones of any address.
func TestSilentGiveWay(t *testing.T) {
	for name, says := range map[string]string{"nothing": "", "part of a header": "GET / HT", "part of a method": "G", "part of a ClientHello": "\x16\x03\x01\x01"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{Max: 4, PerAddress: 2}, false)
			var silent []*client
			for i := range 4 {
				c := w.dial(t, fmt.Sprintf("127.0.0.%d", 3+i/2))
				if _, err := io.WriteString(c, says); err != nil {
					t.Fatal(err)
				}
				w.waits(t, i+1)
				silent = append(silent, c)
			}
			visitor := w.dial(t, "127.0.0.9")
			if !visitor.ask("/") {
				t.Error("a visitor is not served")
			}
			closed := 0
			for _, c := range silent {
				_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				if _, err := c.r.ReadByte(); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					closed++
				}
			}
			if closed != 1 {
				t.Errorf("%d were closed for one visitor", closed)
			}
			if said := w.log.String(); said != "" {
				t.Errorf("the log says %s", said)
			}
		})
	}
}

// A stream that its client resets leaves the connection waiting once its handler has ended.
func TestResetStreamWaits(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 2}, true)
	body, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/slow", body)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := w.Client().Do(request); err == nil {
			_ = response.Body.Close()
		}
	}()
	await.True(t, "it is served", func() bool {
		w.all.mu.Lock()
		defer w.all.mu.Unlock()
		return w.all.open == 1 && w.all.waiting.Len() == 0
	})
	cancel()
	<-done
	w.waits(t, 1)
}

// The number of all holds for all, proxies too, whose address is not counted.
func TestAllTogether(t *testing.T) {
	proxy := netip.MustParseAddr("127.0.0.9")
	w := newWorld(t, Config{Max: 4, PerAddress: 2, Proxy: func(a netip.Addr) bool { return a == proxy }}, false)
	var kept []*client
	for i := range 4 {
		c := w.dial(t, "127.0.0.9")
		if !c.ask("/") {
			t.Fatalf("connection %d of a proxy is not served", i)
		}
		w.waits(t, i+1)
		kept = append(kept, c)
	}
	if !w.dial(t, "127.0.0.2").ask("/hijack") || !kept[0].closed() {
		t.Error("a new one did not take the place of the oldest")
	}
	for _, c := range kept[1:] {
		if !c.ask("/hijack") {
			t.Error("closed")
		}
	}
	if !w.dial(t, "127.0.0.4").closed() {
		t.Error("one too many was taken")
	}
	await.True(t, "the log says so", func() bool { return strings.Contains(w.log.String(), "as many are open as there may be") })
}

// Over TLS, with HTTP/2 and in the middle of a handshake, it is the same.
func TestSecured(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 2}, true)
	over := func() *http.Transport {
		d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.3")}}
		return &http.Transport{TLSClientConfig: w.Client().Transport.(*http.Transport).TLSClientConfig.Clone(), DialContext: d.DialContext, ForceAttemptHTTP2: true}
	}
	get := func(tr *http.Transport) (*http.Response, error) {
		response, err := (&http.Client{Transport: tr, Timeout: patience}).Get(w.URL)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		return response, err
	}
	first := over()
	defer first.CloseIdleConnections()
	if response, err := get(first); err != nil || response.ProtoMajor != 2 {
		t.Fatalf("%v, %v", response, err)
	}
	w.waits(t, 1)
	shaking := w.dial(t, "127.0.0.3") // says nothing
	w.waits(t, 2)
	if response, err := get(first); err != nil || response.ProtoMajor != 2 { // so that the silent one has waited longest
		t.Fatalf("%v, %v", response, err)
	}
	await.True(t, "the silent one is the first to go", func() bool {
		w.all.mu.Lock()
		defer w.all.mu.Unlock()
		return w.all.waiting.Len() == 2 && w.all.waiting.Front().Value.(*conn).RemoteAddr().String() == shaking.LocalAddr().String()
	})
	second := over()
	defer second.CloseIdleConnections()
	if _, err := get(second); err != nil {
		t.Errorf("a new one: %v", err)
	}
	if !shaking.closed() {
		t.Error("the one in its handshake was kept for a new one")
	}
	w.waits(t, 2)
	if n := w.all.Open(); n != 2 {
		t.Errorf("%d are open, want the first and the second", n)
	}
	if response, err := get(first); err != nil || response.ProtoMajor != 2 {
		t.Errorf("the first was closed: %v, %v", response, err)
	}
}

// Networks are those of rates: this machine's addresses are not counted, of an IPv6 one the /64 and the /48 are.
func TestNetworks(t *testing.T) {
	a := New(Config{Max: 100, PerAddress: 1})
	for address, want := range map[string]int{"127.0.0.1": 0, "192.0.2.1": 1, "2001:db8::1": 2} {
		if got := a.networks(netip.MustParseAddr(address)); len(got) != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if rates.SiteTimes != 10 {
		t.Error("docs/operations.md says ten")
	}
}

// All that comes and goes is counted out.
func TestComingAndGoing(t *testing.T) {
	w := newWorld(t, Config{Max: 8, PerAddress: 4}, false)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 30 {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("127.0.0.%d", 2+i%2))}}
				c, err := d.DialContext(t.Context(), "tcp", w.Server.Listener.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				(&client{c, bufio.NewReader(c)}).ask("/")
				_ = c.Close()
			}
		})
	}
	all.Wait()
	await.True(t, "none is open", func() bool {
		w.all.mu.Lock()
		defer w.all.mu.Unlock()
		return w.all.open == 0 && len(w.all.peers) == 0 && w.all.waiting.Len() == 0
	})
}
