//go:build unix

package accept

import (
	"log/slog"
	"net"
	"testing"

	"chattok/internal/await"
)

// TestRequestOnItsWay: a connection whose request has come, and was not read yet, does not make room for a new one while another one
// can, and makes room where none can.
func TestRequestOnItsWay(t *testing.T) {
	all := New(Config{Max: 3, PerAddress: 10, Log: slog.New(slog.DiscardHandler)})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	l := all.Listener(inner)
	defer l.Close()
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	type pair struct {
		client net.Conn
		server *conn
	}
	open := func() pair {
		t.Helper()
		client, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		var server *conn
		await.True(t, "it is accepted", func() bool {
			all.mu.Lock()
			defer all.mu.Unlock()
			if last := all.waiting.Back(); last != nil {
				server = last.Value.(*conn)
			}
			return server != nil && server.RemoteAddr().String() == client.LocalAddr().String()
		})
		t.Cleanup(func() { _ = server.Close() })
		return pair{client, server}
	}
	ask := func(of pair) {
		t.Helper()
		if _, err := of.client.Write([]byte("POST /")); err != nil {
			t.Fatal(err)
		}
		await.True(t, "the request comes", func() bool { return unread(of.server.TCPConn) })
	}
	isOpen := func(of pair) bool {
		all.mu.Lock()
		defer all.mu.Unlock()
		return !of.server.left
	}
	asking, second, third := open(), open(), open()
	ask(asking)
	fourth := open()
	if !isOpen(asking) || isOpen(second) || !isOpen(third) {
		t.Fatalf("open: the asking one %v, the second %v, the third %v; the second should have made room", isOpen(asking), isOpen(second), isOpen(third))
	}
	ask(third)
	ask(fourth)
	fifth := open()
	if all.Open() != 3 || !isOpen(fifth) {
		t.Errorf("%d are open, the new one %v; one of those that ask makes room where none else can", all.Open(), isOpen(fifth))
	}
}
