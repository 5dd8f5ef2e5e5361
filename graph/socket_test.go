package graph_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chattok/internal/wsclient"
)

// firstCode subscribes over a socket and returns the code of a refusal, of the token or of the operation; "ok" at the
// first event.
func (w *world) firstCode(t testing.TB, raw, query string, variables map[string]any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	server := httptest.NewServer(w.handler)
	defer server.Close()
	c, err := wsclient.Dial(ctx, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if err = c.Init(ctx, raw); err == nil {
		err = c.Subscribe(ctx, "1", query, variables)
	}
	var m wsclient.Message
	if err == nil {
		m, err = c.Next(ctx)
	}
	if code := wsclient.CloseCode(err); code != -1 {
		reason, _, _ := strings.Cut(wsclient.CloseReason(err), ":")
		if code != 4403 && reason != "STAY_ENDED" {
			t.Fatalf("closed with %v", err)
		}
		return "UNAUTHENTICATED " + reason
	}
	if err != nil {
		t.Fatal(err)
	}
	switch m.Type {
	case "next":
		return "ok"
	case "error":
		var failures []failure
		if err := json.Unmarshal(m.Payload, &failures); err != nil {
			t.Fatal(err)
		}
		return codeOf(failures)
	}
	t.Fatalf("unexpected %s %s", m.Type, m.Payload)
	panic("not reached")
}
