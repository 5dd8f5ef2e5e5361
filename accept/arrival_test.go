//go:build unix

package accept

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"chattok/internal/await"
)

// A connection that says nothing is not given to the http.Server, which gets it with its first byte.
func TestSilentIsNotGiven(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 50}, false)
	silent := w.dial(t, "127.0.0.3")
	w.waits(t, 1)
	if !w.dial(t, "127.0.0.4").ask("/") {
		t.Fatal("another one is not answered")
	}
	if w.all.Open() != 2 || w.open.Load() != 1 {
		t.Errorf("%d are open, of which the server has %d", w.all.Open(), w.open.Load())
	}
	if !silent.ask("/") {
		t.Error("not answered once it asks")
	}
}

// A connection that says nothing for too long is closed, and so is one whose first bytes don't come whole. One that has spoken has all of the
// server's time from then on.
func TestSilentForTooLong(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 50, patience: 2 * time.Second}, true)
	spoke := w.secure(w.dial(t, "127.0.0.3"))
	if !spoke.ask("/") {
		t.Fatal("not answered")
	}
	shaking := w.dial(t, "127.0.0.3")
	if _, err := shaking.Write(clientHello(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := shaking.r.ReadByte(); err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{"nothing": "", "the half of a method": "GE", "the half of a ClientHello": string(clientHello(t)[:100])} {
		silent := w.dial(t, "127.0.0.3")
		if _, err := io.WriteString(silent, says); err != nil {
			t.Fatal(err)
		}
		if _, err := silent.r.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: it ends with %v", name, err)
		}
	}
	if !spoke.ask("/") {
		t.Error("not answered later")
	}
	_ = shaking.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	for {
		if _, err := shaking.r.ReadByte(); errors.Is(err, os.ErrDeadlineExceeded) {
			break // it is open
		} else if err != nil {
			t.Fatalf("one in its handshake ends with %v", err)
		}
	}
}

// clientHello returns the first record of a client.
func clientHello(t *testing.T) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go func() { _ = tls.Client(client, &tls.Config{ServerName: "example.com"}).HandshakeContext(t.Context()) }()
	var header [recordHeader]byte
	if _, err := io.ReadFull(server, header[:]); err != nil {
		t.Fatal(err)
	}
	record := make([]byte, int(header[3])<<8|int(header[4]))
	if _, err := io.ReadFull(server, record); err != nil {
		t.Fatal(err)
	}
	return append(header[:], record...)
}

// TestOpening: what a connection begins with is known as soon as it can be.
func TestOpening(t *testing.T) {
	whole := clientHello(t)
	inTwo := append([]byte{22, 3, 1, 0, 50}, whole[5:55]...)
	for _, c := range []struct {
		name  string
		bytes []byte
		needs int // how many of the bytes tell
		want  opening
	}{
		{"a request", []byte("GET / HTTP/1.1\r\n"), 5, plain},
		{"HTTP/2 by agreement", []byte("PRI * HTTP/2.0\r\n"), 5, plain},
		{"no protocol", []byte{0, 1, 2, 3, 4, 5}, 5, plain},
		{"a ClientHello", whole, len(whole), hello},
		{"a ClientHello and what follows", append(slices.Clone(whole), 1, 2, 3), len(whole), hello},
		{"a ClientHello in two records", inTwo, 9, helloInParts},
		{"a record of two bytes", []byte{22, 3, 1, 0, 2, 1, 0}, 5, helloInParts},
		{"a very long record", []byte{22, 3, 1, 64, 0, 1, 0, 1}, 5, helloInParts},
		{"an alert", []byte{21, 3, 1, 0, 2, 1, 90}, 1, foreign},
		{"data", []byte{23, 3, 3, 0, 9}, 1, foreign},
		{"a change of ciphers", []byte{20, 3, 3, 0, 1, 1}, 1, foreign},
	} {
		for n := range len(c.bytes) + 1 {
			want := unclear
			if n >= c.needs {
				want = c.want
			}
			got, length := openingOf(c.bytes[:n])
			if got != want || (got == hello) != (length == int64(len(whole))) {
				t.Errorf("%s: %d bytes are %d of %d, want %d", c.name, n, got, length, want)
			}
		}
	}
}

// A ClientHello in several records is shaken hands with too.
func TestHelloInParts(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 50}, true)
	c := w.dial(t, "127.0.0.3")
	inTwo := &splitter{Conn: c.Conn}
	if !w.secure(&client{inTwo, c.r}).ask("/") {
		t.Error("not answered")
	}
	w.areUnfinished(t, 0)
	w.turnsEnd(t)
}

// splitter writes its first record as two.
type splitter struct {
	net.Conn
	begun bool
}

func (s *splitter) Write(b []byte) (int, error) {
	if s.begun {
		return s.Conn.Write(b)
	}
	s.begun = true
	first, rest := b[recordHeader:recordHeader+50], b[recordHeader+50:]
	header := func(n int) []byte { return []byte{b[0], b[1], b[2], byte(n >> 8), byte(n)} }
	if _, err := s.Conn.Write(slices.Concat(header(len(first)), first, header(len(rest)), rest)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// While handshakes wait for their turn, the http.Server has two connections of an address, however many come, and two of another one too.
func TestHandshakesArrive(t *testing.T) {
	w := newWorld(t, Config{Max: 1000, PerAddress: 500}, true)
	w.takeTurns()
	const clients = 10
	answered := make(chan bool)
	for i, from := range []string{"127.0.0.3", "127.0.0.4"} {
		for range clients {
			c := w.dial(t, from)
			go func() { answered <- w.secure(c).ask("/") }()
		}
		await.True(t, "all have sent their ClientHello, and two more are given away", func() bool {
			w.all.mu.Lock()
			defer w.all.mu.Unlock()
			n := 0
			for e := w.all.waiting.Front(); e != nil; e = e.Next() {
				if e.Value.(*conn).greeted.Load() {
					n++
				}
			}
			return n == (i+1)*clients && w.open.Load() == int64(i+1)*shakingOfOne
		})
		time.Sleep(20 * time.Millisecond) // for those that should not come
		if open := w.open.Load(); open != int64(i+1)*shakingOfOne {
			t.Errorf("the server has %d", open)
		}
	}
	w.giveTurns()
	for range 2 * clients {
		if !<-answered {
			t.Error("one is not answered")
		}
	}
	w.turnsEnd(t)
}

// A listener that is closed closes what has not arrived: the silent, and those that wait before their handshake.
func TestClosedWhileArriving(t *testing.T) {
	w := newWorld(t, Config{Max: 1000, PerAddress: 500}, true)
	w.takeTurns()
	ended := make(chan error)
	for _, speaks := range []bool{false, true, true, true, true} {
		c := w.dial(t, "127.0.0.3")
		if speaks {
			go func() { ended <- w.secure(c).Conn.(interface{ Handshake() error }).Handshake() }()
		} else {
			go func() {
				_, err := c.r.ReadByte()
				ended <- err
			}()
		}
	}
	await.True(t, "two are given away, and three are not", func() bool { return w.open.Load() == 2 && w.there() == 5 })
	if err := w.arriving.Close(); err != nil {
		t.Error(err)
	}
	for range 3 {
		if err := <-ended; err == nil || errors.Is(err, net.ErrClosed) {
			t.Errorf("it ends with %v", err)
		}
	}
	if _, err := w.arriving.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept returns %v", err)
	}
	w.giveTurns()
	for range 2 {
		if err := <-ended; err != nil {
			t.Errorf("one that was given away ends with %v", err)
		}
	}
	w.turnsEnd(t)
}
