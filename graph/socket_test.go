package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// firstCode subscribes over a socket and returns the code of the refusal, of the token or of the operation, or "ok" at
// the first event.
func (w *world) firstCode(t testing.TB, raw, query string, variables map[string]any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	server := httptest.NewServer(w.handler)
	defer server.Close()
	c, _, err := websocket.Dial(ctx, strings.Replace(server.URL, "http", "ws", 1), &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	init := map[string]any{"type": "connection_init"}
	if raw != "" {
		init["payload"] = map[string]any{"Authorization": "Bearer " + raw}
	}
	write(ctx, t, c, init)
	for {
		_, message, err := c.Read(ctx)
		if closed := (websocket.CloseError{}); errors.As(err, &closed) {
			reason, _, _ := strings.Cut(closed.Reason, ":")
			if closed.Code != 4403 && reason != "STAY_ENDED" {
				t.Fatalf("closed with %d %s", closed.Code, closed.Reason)
			}
			return "UNAUTHENTICATED " + reason
		}
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Type    string
			Payload json.RawMessage
		}
		if err := json.Unmarshal(message, &m); err != nil {
			t.Fatal(err)
		}
		switch m.Type {
		case "connection_ack":
			write(ctx, t, c, map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": query, "variables": variables}})
		case "next":
			return "ok"
		case "error":
			var failures []failure
			if err := json.Unmarshal(m.Payload, &failures); err != nil {
				t.Fatal(err)
			}
			return codeOf(failures)
		default:
			t.Fatalf("unexpected %s", message)
		}
	}
}

func write(ctx context.Context, t testing.TB, c *websocket.Conn, message any) {
	t.Helper()
	raw, err := json.Marshal(message)
	if err == nil {
		err = c.Write(ctx, websocket.MessageText, raw)
	}
	if err != nil {
		t.Fatal(err)
	}
}
