package e2e

import (
	"context"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"chattok/internal/program"
	"chattok/internal/wsclient"
)

// TestServerLife: secret and token work beside the server, its probes answer, and SIGTERM ends it after it has closed its sockets
// with a code that makes clients come back.
func TestServerLife(t *testing.T) {
	b := program.StartT(t, program.Config{})
	if secret := b.OutputT(t, "secret"); len(secret) < 32 {
		t.Errorf("the secret has %d bytes", len(secret))
	}
	if said := b.OutputT(t, "healthcheck", "-addr", b.Addr); said != "ok" {
		t.Errorf("healthcheck says %q", said)
	}
	var data struct {
		Connect struct{ Connection struct{ Role, Data string } }
	}
	err := post(t.Context(), b.Addr, `mutation($t:String!){connect(token:$t){connection{role data}}}`,
		map[string]any{"t": b.OutputT(t, "token", "-session", "lobby", "-role", "moderator", "-data", "Ann")}, &data)
	if c := data.Connect.Connection; err != nil || c.Role != "MODERATOR" || c.Data != "Ann" {
		t.Errorf("connect: %+v %v", c, err)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/": 200, "/playground": 200, "/nope": 404, "/chat_entries/latest/x": 404} {
		resp, err := http.Get("http://" + b.Addr + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if r, err := http.Post("http://"+b.Addr+"/graphql/", "application/json", strings.NewReader(`{"query":"{__typename}"}`)); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("/graphql/: %v, %v", r, err)
	}
	c := wsclient.OpenT(t, b.URL()+"/query", "")
	b.SignalT(t, syscall.SIGTERM)
	if _, message, err := c.Read(ctx); wsclient.CloseCode(err) != 1012 {
		t.Errorf("the socket had %q, %v; want a close with 1012", message, err)
	}
	b.EndT(t)
}

// TestWhoIsAnswered: requests under foreign names, from other sites and through proxies are answered or refused as they should.
func TestWhoIsAnswered(t *testing.T) {
	b := program.StartT(t, program.Config{Env: []string{"CHATTOK_HOSTS=office,*.apps.example"}})
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, host string
		header     []string
		want       int
	}{
		{"/graphql?query={__typename}", "", nil, 200},
		{"/graphql?query={__typename}", "192.0.2.7:8080", nil, 200},
		{"/graphql?query={__typename}", "office:8080", nil, 200},
		{"/graphql?query={__typename}", "a.apps.example", nil, 200},
		{"/graphql?query={__typename}", own, nil, 200},
		{"/graphql?query={__typename}", "evil.example", nil, 421},
		{"/", "evil.example", nil, 421},
		{"/sdk/chattok.js", "evil.example", nil, 421},
		{"/healthz", "evil.example", nil, 200},
		{"/readyz", "evil.example", nil, 200},
		{"/graphql?query={__typename}", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"/query?query={__typename}", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"/", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"/s/room", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"/metrics", "", nil, 200},
		{"/metrics", "localhost", nil, 200},
		{"/metrics", "office", nil, 403},
		{"/metrics", "192.0.2.7", nil, 403},
		{"/metrics", "", []string{"X-Forwarded-For", "127.0.0.1"}, 403},
		{"/metrics", "", []string{"Via", "1.1 proxy"}, 403},
		{"/metrics", "evil.example", nil, 421},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.Addr+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.host != "" {
			r.Host = c.host
		}
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s as %q with %v: %d, want %d", c.path, c.host, c.header, resp.StatusCode, c.want)
		}
	}
}
