package accept

import (
	"crypto/tls"
	"testing"

	"chattok/internal/await"
)

// An address has 16 connections that speak HTTP/2, and further ones that speak HTTP/1.1; one that ends makes room.
func TestHTTP2OfAnAddress(t *testing.T) {
	w := newWorld(t, Config{Max: 1000, PerAddress: 500}, true)
	dial := func(from string) (c *client, protocol string) {
		t.Helper()
		plain := w.dial(t, from)
		secured := tls.Client(plain.Conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http2Name, http1Name}})
		if err := secured.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		return plain, secured.ConnectionState().NegotiatedProtocol
	}
	var first *client
	for i := range maxHTTP2PerAddress {
		c, protocol := dial("127.0.0.3")
		if protocol != http2Name {
			t.Fatalf("connection %d speaks %s", i+1, protocol)
		}
		if i == 0 {
			first = c
		}
	}
	if _, protocol := dial("127.0.0.3"); protocol != http1Name {
		t.Errorf("one more speaks %s", protocol)
	}
	if _, protocol := dial("127.0.0.4"); protocol != http2Name {
		t.Errorf("one of another address speaks %s", protocol)
	}
	if c := w.secure(w.dial(t, "127.0.0.3")); !c.ask("/") {
		t.Error("one that offers HTTP/1.1 alone is not answered")
	}
	_ = first.Close()
	await.True(t, "it has ended", func() bool { return w.all.Open() == maxHTTP2PerAddress+2 })
	if _, protocol := dial("127.0.0.3"); protocol != http2Name {
		t.Error("its place is not given to another one: ", protocol)
	}
}
