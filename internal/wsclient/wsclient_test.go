package wsclient

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
)

// TestConn speaks the protocol with a server that acknowledges, pings, sends one event and closes.
func TestConn(t *testing.T) {
	received := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Protocol}})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		for _, answer := range []string{`{"type":"connection_ack"}`, `{"type":"ping"}`, `{"type":"pong"}`} {
			_, raw, err := c.Read(r.Context())
			if err != nil {
				t.Error(err)
				return
			}
			received <- string(raw)
			if err := c.Write(r.Context(), websocket.MessageText, []byte(answer)); err != nil {
				t.Error(err)
				return
			}
		}
		if err := c.Write(r.Context(), websocket.MessageText, []byte(`{"id":"1","type":"next","payload":{"data":1}}`)); err != nil {
			t.Error(err)
		}
		_ = c.Close(4401, "it has ended") // the client closes too
	}))
	defer server.Close()
	c := OpenT(t, server.URL, "secret")
	c.SubscribeT(t, "1", "{n}", map[string]any{"a": 1})
	if m := c.NextT(t); m.ID != "1" || m.Type != "next" || string(m.Payload) != `{"data":1}` {
		t.Errorf("received %+v", m)
	}
	_, err := c.Next(t.Context())
	if CloseCode(err) != 4401 || CloseReason(err) != "it has ended" {
		t.Errorf("closed with %v", err)
	}
	for _, want := range []string{`{"type":"connection_init","payload":{"Authorization":"Bearer secret"}}`,
		`{"id":"1","type":"subscribe","payload":{"query":"{n}","variables":{"a":1}}}`, `{"type":"pong"}`} {
		if got := <-received; got != want {
			t.Errorf("the server got %s, want %s", got, want)
		}
	}
	if _, err := Open(t.Context(), server.URL+"/%zz", ""); err == nil || CloseCode(err) != -1 || CloseReason(err) != "" {
		t.Errorf("a URL that can't be read: %v", err)
	}
}
