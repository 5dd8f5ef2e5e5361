package media

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// listen returns a listener whose sockets are read until they end, as pion does, and a function that dials it.
func listen(t *testing.T, change func(*tcpListener)) (*tcpListener, func() net.Conn) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newTCPListener(inner)
	if change != nil {
		change(l)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			s, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(s, s)
				_ = s.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-ended
		l.ended.Wait()
	})
	return l, func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
}

// echoes says whether the server serves the socket: it sends a byte back.
func echoes(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte{1}) // a closed socket may fail here or below
	n, err := conn.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("neither an answer nor an end")
	}
	return n == 1
}

// TestSocketsOfOneAddress: an address has a limited number of sockets; one that ends makes room.
func TestSocketsOfOneAddress(t *testing.T) {
	l, dial := listen(t, nil)
	var first net.Conn
	for i := range maxSocketsPerAddr {
		conn := dial()
		if !echoes(t, conn) {
			t.Fatalf("socket %d was refused", i+1)
		}
		if first == nil {
			first = conn
		}
	}
	if echoes(t, dial()) {
		t.Error("one too many was taken")
	}
	_ = first.Close()
	deadline := time.Now().Add(20 * time.Second)
	for !echoes(t, dial()) {
		if time.Now().After(deadline) {
			t.Fatal("an end makes no room")
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sockets) != maxSocketsPerAddr {
		t.Errorf("%d sockets are counted", len(l.sockets))
	}
}

// TestUnusedSocketEnds: a socket without an allocation ends, however busy it is; a socket with one goes on.
func TestUnusedSocketEnds(t *testing.T) {
	l, dial := listen(t, func(l *tcpListener) { l.unused = 2 * time.Second })
	used, unused := dial(), dial()
	if !echoes(t, used) || !echoes(t, unused) {
		t.Fatal("no socket")
	}
	l.used(used.LocalAddr())
	l.used(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}) // a client over UDP has no socket here
	for echoes(t, unused) {
		time.Sleep(10 * time.Millisecond)
	}
	if !echoes(t, used) {
		t.Error("the one that is used ended too")
	}
}

func TestIdleSocketEnds(t *testing.T) {
	l, dial := listen(t, func(l *tcpListener) { l.idle = 50 * time.Millisecond })
	conn := dial()
	if !echoes(t, conn) {
		t.Fatal("no socket")
	}
	l.used(conn.LocalAddr())
	if !echoes(t, conn) { // makes the server read with the new deadline
		return
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("an idle socket: %v", err)
	}
}

func FuzzUsername(f *testing.F) {
	for _, seed := range []string{"1769904000:ann", ":", "ann", "-1:a", "9999999999999999999:a", "1:a:b", "1:a:b:c", "1:a:", "\x00"} {
		f.Add(seed)
	}
	keys := newKeyring([]byte("a secret of the tests, 32 bytes at least"), nil)
	username, _ := keys.present().make("ann", time.Unix(1769904000, 0))
	f.Add(username)
	f.Fuzz(func(t *testing.T, username string) {
		connectionID, expiresAt, by, ok := keys.parse(username)
		if ok != (by.key != nil) {
			t.Errorf("%q is of %v, %t", username, by, ok)
		}
		if ok != (connectionID != "") || !ok && !expiresAt.IsZero() {
			t.Errorf("%q says %q until %v, %t", username, connectionID, expiresAt, ok)
		}
	})
}

// TestUnusedSocketReadsLittle: a socket without an allocation reads 2 KiB, one with an allocation goes on.
func TestUnusedSocketReadsLittle(t *testing.T) {
	l, dial := listen(t, nil)
	used, unused := dial(), dial()
	if !echoes(t, used) || !echoes(t, unused) {
		t.Fatal("no socket")
	}
	l.used(used.LocalAddr())
	for i := range maxUnusedBytes {
		if !echoes(t, unused) {
			t.Fatalf("it ends after %d bytes", i+1)
		}
	}
	if echoes(t, unused) {
		t.Error("it does not end")
	}
	for range maxUnusedBytes + 2 {
		if !echoes(t, used) {
			t.Fatal("the one that is used ends too")
		}
	}
}

// TestSocketRate: an address opens so many sockets at once, and then few; another IPv6 /64 is another client.
func TestSocketRate(t *testing.T) {
	l, dial := listen(t, nil)
	for range maxSocketsPerAddr {
		conn := dial()
		if !echoes(t, conn) {
			t.Fatal("refused at once")
		}
		_ = conn.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	refused := 0
	for range maxSocketsPerAddr {
		if !l.mayOpen(networkOf(netip.MustParseAddr("127.0.0.1"))) {
			refused++
		}
	}
	if refused == 0 {
		t.Error("never refused")
	}
	one, same, other := networkOf(netip.MustParseAddr("2001:db8::1")), networkOf(netip.MustParseAddr("2001:db8::2")), networkOf(netip.MustParseAddr("2001:db8:0:1::1"))
	if one != same || one == other || !l.mayOpen(one) {
		t.Error("an IPv6 client is not its /64: ", one, same, other)
	}
}
