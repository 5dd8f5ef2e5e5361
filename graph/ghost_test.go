package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/internal/need"
	"chattok/session"
)

type rosterPage struct {
	Connections struct {
		Edges []struct {
			HasSocket bool
			Node      struct{ ID string }
		}
		PageInfo struct {
			HasNextPage bool
			EndCursor   *string
		}
	}
}

const listed = `query($f:Int,$a:String,$s:String){connections(first:$f,after:$a,search:$s){edges{hasSocket node{id}} pageInfo{hasNextPage endCursor}}}`

// list returns all connections, page by page.
func (w *world) list(t *testing.T, raw string, first int, search any) (ids []string, sockets int) {
	t.Helper()
	for variables := map[string]any{"f": first, "s": search}; ; {
		var page rosterPage
		if err := json.Unmarshal(w.mustDo(t, raw, listed, variables), &page); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Connections.Edges {
			ids = append(ids, e.Node.ID)
			if e.HasSocket {
				sockets++
			}
		}
		if !page.Connections.PageInfo.HasNextPage {
			return ids, sockets
		}
		variables["a"] = *page.Connections.PageInfo.EndCursor
	}
}

// A token may have a limited number of connections. A moderator is found behind them: first because of its socket, by
// pages, and by searching its data.
func TestGhosts(t *testing.T) {
	w := newWorld(t, options{domain: session.Config{TokenConnections: 20}})
	w.join(t, "room", "PUBLISHER") // creates the session
	raw, err := w.tokens.MintSession(session.SessionGrant{SessionID: "room", Role: "SUBSCRIBER", ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	var ghosts []person
	for range 20 {
		ghosts = append(ghosts, w.connect(t, map[string]any{"token": raw}))
	}
	if code := w.code(t, "", `mutation($t:String){connect(token:$t){accessToken}}`, map[string]any{"t": raw}); code != "RATE_LIMITED TOO_MANY_CONNECTIONS" {
		t.Errorf("one more: %s", code)
	}
	data := "Ada the MODERATOR"
	grant := session.SessionGrant{SessionID: "room", Role: "MODERATOR", Data: &data, ExpiresAt: time.Now().Add(time.Hour)}
	other, err := w.tokens.MintSession(grant)
	if err != nil {
		t.Fatal(err)
	}
	moderator := w.connect(t, map[string]any{"token": other})
	s := w.subscribe(t, moderator.token, `subscription{signalReceived{type}}`, nil)
	defer func() { _ = s.Close() }()
	w.attached(t, 1)
	for first := range 5 {
		ids, sockets := w.list(t, ghosts[0].token, 1+7*first, nil)
		if len(ids) != 22 || ids[0] != moderator.id || sockets != 1 {
			t.Errorf("pages of %d: %d connections, %d with a socket, %s first", 1+7*first, len(ids), sockets, ids[0])
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 22 {
			t.Errorf("pages of %d: one came twice", 1+7*first)
		}
	}
	for search, want := range map[string]string{"ada THE": moderator.id, strings.ToLower(ghosts[7].id[3:20]): ghosts[7].id} {
		if ids, _ := w.list(t, ghosts[0].token, 10, search); len(ids) != 1 || ids[0] != want {
			t.Errorf("%q finds %v, want %s", search, ids, want)
		}
	}
	if ids, _ := w.list(t, ghosts[0].token, 10, "nobody"); len(ids) != 0 {
		t.Errorf("found %v", ids)
	}
	w.mustDo(t, ghosts[3].token, `mutation{disconnect{id}}`, nil)
	w.connect(t, map[string]any{"token": raw})

	elsewhere := w.join(t, "elsewhere", "PUBLISHER")
	var page rosterPage
	if err := json.Unmarshal(w.mustDo(t, moderator.token, listed, map[string]any{"f": 1}), &page); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raw       string
		variables map[string]any
		want      string
	}{
		"too many":                    {elsewhere.token, map[string]any{"f": 201}, bad},
		"below none":                  {elsewhere.token, map[string]any{"f": -1}, bad},
		"a cursor of another session": {elsewhere.token, map[string]any{"a": page.Connections.PageInfo.EndCursor}, bad + " CURSOR_MISMATCH"},
		"no cursor":                   {elsewhere.token, map[string]any{"a": "x"}, bad + " CURSOR_MISMATCH"},
		"a long search":               {elsewhere.token, map[string]any{"s": strings.Repeat("x", 257)}, bad},
		"a guest":                     {"", map[string]any{"f": 1}, "ok"},
		"the API secret":              {testSecret, map[string]any{"f": 1}, bad},
	} {
		if code := w.code(t, c.raw, listed, c.variables); code != c.want {
			t.Errorf("%s: %s, want %s", name, code, c.want)
		}
	}
}

// A session may have a limited number of connections.
func TestSessionIsCrowded(t *testing.T) {
	w := newWorld(t, options{domain: session.Config{SessionConnections: 3}})
	const connect = `mutation($s:ID){connect(sessionId:$s){accessToken}}`
	for range 3 {
		w.connect(t, map[string]any{"s": "room"})
	}
	if code := w.code(t, "", connect, map[string]any{"s": "room"}); code != "RATE_LIMITED TOO_MANY_CONNECTIONS" {
		t.Error(code)
	}
	w.connect(t, map[string]any{"s": "another"})
}

// The connections of one address are limited over all sessions; this machine's are not.
func TestConnectionsOfAnAddress(t *testing.T) {
	w := newWorld(t, options{domain: session.Config{AddressConnections: 3}, streams: from})
	connect := func(address string, i int) bool {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(fmt.Sprintf(`{"query":"mutation{connect(sessionId:\"room%d\"){accessToken}}"}`, i)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Test-Address", address)
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, r)
		return !strings.Contains(answer.Body.String(), "TOO_MANY_CONNECTIONS")
	}
	for address, want := range map[string]int{"192.0.2.1": 3, "2001:db8::1": 3, "127.0.0.1": 6} {
		passed := 0
		for i := range 6 {
			if connect(address, i) {
				passed++
			}
		}
		if passed != want {
			t.Errorf("%s: %d passed, want %d", address, passed, want)
		}
	}
	if connect("2001:db8::2", 9) {
		t.Error("another address of the same network is let in")
	}
}

// A connection that has stayed as long as it may is refused in every operation, its sockets are closed, and its access
// token ends with it.
func TestStay(t *testing.T) {
	need.Time(t, "it waits for connections to end")
	w := newWorld(t, options{domain: session.Config{MaxStay: 3 * time.Second}})
	me := w.join(t, "room", "PUBLISHER")
	var renewed struct{ RenewAccess struct{ ExpiresAt time.Time } }
	if err := json.Unmarshal(w.mustDo(t, me.token, `mutation{renewAccess{expiresAt}}`, nil), &renewed); err != nil {
		t.Fatal(err)
	}
	if in := time.Until(renewed.RenewAccess.ExpiresAt); in > 3*time.Second {
		t.Errorf("the token ends in %v", in)
	}
	s := w.subscribe(t, me.token, `subscription{signalReceived{type}}`, nil)
	await.True(t, "its stay has ended", func() bool {
		return w.code(t, me.token, `mutation{renewAccess{accessToken}}`, nil) == "UNAUTHENTICATED STAY_ENDED"
	})
	if code := w.code(t, me.token, post, map[string]any{"c": me.id, "b": "x"}); code != "UNAUTHENTICATED STAY_ENDED" {
		t.Errorf("an add: %s", code)
	}
	var event any
	if err := s.Next(&event); err == nil {
		t.Errorf("the socket goes on: %v", event)
	}
	if code := w.firstCode(t, me.token, `subscription{signalReceived{type}}`, nil); code != "UNAUTHENTICATED STAY_ENDED" {
		t.Errorf("a new socket: %s", code)
	}
}

// A request that its client gave up is not logged as a warning.
func TestResetsAreNotLogged(t *testing.T) {
	var written lockedBuffer
	w := newWorld(t, options{log: slog.New(slog.NewTextHandler(&written, nil))})
	me := w.join(t, "room", "PUBLISHER")
	server := httptest.NewServer(w.handler)
	defer server.Close()
	for i := range 100 {
		ctx, cancel := contextWithin(t, time.Duration(i%10)*300*time.Microsecond)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader(`{"query":"{a:session{connectionCount} b:session{lastCursor} chatEntries{nodes{body}} latestChatEntry(connectionId:\"x\"){body}}"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+me.token)
		if response, err := http.DefaultClient.Do(r); err == nil {
			_ = response.Body.Close()
		}
		cancel()
	}
	w.mustDo(t, me.token, `{session{id}}`, nil)
	if said := written.String(); strings.Contains(said, "WARN") || strings.Contains(said, "ERROR") {
		t.Errorf("the log says %s", said[:min(len(said), 2000)])
	}
}

func contextWithin(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
