package wsclient

import "testing"

// DialT is Dial for a test, which fails where Dial does. The WebSocket is closed when the test ends.
func DialT(tb testing.TB, url string, options *Options) *Conn {
	tb.Helper()
	c, err := Dial(tb.Context(), url, options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.CloseNow() }) // fails for one that is closed
	return c
}

// OpenT is Open for a test, which fails where Open does. The WebSocket is closed when the test ends.
func OpenT(tb testing.TB, url, token string) *Conn {
	tb.Helper()
	c := DialT(tb, url, nil)
	if err := c.Init(tb.Context(), token); err != nil {
		tb.Fatal(err)
	}
	return c
}

// SendT is Send for a test, which fails where Send does.
func (c *Conn) SendT(tb testing.TB, message any) {
	tb.Helper()
	if err := c.Send(tb.Context(), message); err != nil {
		tb.Fatal(err)
	}
}

// SubscribeT is Subscribe for a test, which fails where Subscribe does.
func (c *Conn) SubscribeT(tb testing.TB, id, query string, variables map[string]any) {
	tb.Helper()
	if err := c.Subscribe(tb.Context(), id, query, variables); err != nil {
		tb.Fatal(err)
	}
}

// NextT is Next for a test, which fails where Next does.
func (c *Conn) NextT(tb testing.TB) Message {
	tb.Helper()
	m, err := c.Next(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return m
}
