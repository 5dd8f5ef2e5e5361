package edge

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// served returns the edge's answer to r, and whether the handler behind it ran.
func served(tb testing.TB, config Config, r *http.Request) (w *httptest.ResponseRecorder, reached bool) {
	tb.Helper()
	config.Hosts = append([]string{"chat.example"}, config.Hosts...) // the host of most requests
	e, err := New(config)
	if err != nil {
		tb.Fatal(err)
	}
	w = httptest.NewRecorder()
	e.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached = true
		_, _ = io.WriteString(w, "ok")
	})).ServeHTTP(w, r)
	return w, reached
}

func request(method, host string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "http://"+host+"/graphql?query=SECRET", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

const foreignBody = `{"errors":[{"message":"pages of this origin may not use the server; CHATTOK_ORIGINS lists those that may","extensions":{"code":"FORBIDDEN"}}]}` + "\n"

func TestAllowedOrigin(t *testing.T) {
	for _, test := range []struct {
		listed, host, origin string
		allowed              bool
	}{
		{"", "chat.example", "https://evil.example", false},
		{"", "chat.example", "https://chat.example", true}, // behind a proxy that ends TLS
		{"", "chat.example", "http://chat.example", true},
		{"", "chat.example", "http://CHAT.example/", true},
		{"", "chat.example:80", "http://chat.example", true},
		{"", "chat.example:443", "https://chat.example", true},
		{"", "chat.example:443", "http://chat.example", false},
		{"", "chat.example:8080", "http://chat.example:8080", true},
		{"", "chat.example:8080", "http://chat.example:9090", false},
		{"", "chat.example:8080", "http://chat.example", false},
		{"", "chat.example", "https://chat.example.evil.example", false},
		{"", "chat.example", "https://chat.example@evil.example", false},
		{"", "chat.example", "https://evil.example/chat.example", false},
		{"", "chat.example", "https://chat.example/page", false},
		{"", "chat.example", "https://user@chat.example", false},
		{"", "chat.example", "ftp://chat.example", false},
		{"", "chat.example", "null", false},
		{"", "chat.example", "", false},
		{"", "chat.example", "chat.example", false},
		{"", "[2001:db8::1]:8080", "http://[2001:db8::1]:8080", true},
		{"", "chat.example", "http://localhost:5173", true},
		{"", "chat.example", "http://127.0.0.1:3000", true},
		{"", "chat.example", "http://[::1]:3000", true},
		{"", "chat.example", "http://app.localhost", true},
		{"", "chat.example", "http://localhost.evil.example", false},
		{"", "chat.example", "http://127.0.0.1.evil.example", false},
		{"", "chat.example", "capacitor://localhost", false},
		{"https://app.example", "chat.example", "https://app.example", true},
		{"https://app.example/", "chat.example", "https://APP.example", true},
		{"https://App.Example", "chat.example", "https://app.example/", true},
		{"https://app.example", "chat.example", "http://app.example", false},
		{"https://app.example:443", "chat.example", "https://app.example", true}, // in the form that browsers send
		{"http://app.example:80/", "chat.example", "http://app.example", true},
		{"http://app.example:443", "chat.example", "http://app.example:443", true},
		{"https://app.example:08443", "chat.example", "https://app.example:8443", true},
		{"https://Žluťoučký.example", "chat.example", "https://xn--luouk-uva4it5a4g.example", true},
		{"https://bücher.example:443", "chat.example", "https://xn--bcher-kva.example", true},
		{"https://faß.example", "chat.example", "https://xn--fa-hia.example", true},
		{"https://my_app.example", "chat.example", "https://my_app.example", true},
		{"http://[2001:DB8:0::1]:80", "chat.example", "http://[2001:db8::1]", true},
		{"https://app.example", "chat.example", "https://app.example:8443", false},
		{"https://app.example", "chat.example", "https://chat.example", true},
		{"capacitor://localhost", "chat.example", "capacitor://localhost", true},
		{"*", "chat.example", "https://evil.example", true},
		{"*", "chat.example", "null", false},
	} {
		o, err := NewOrigins([]string{test.listed})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.AllowedOrigin(request("GET", test.host, "Origin", test.origin)); got != test.allowed {
			t.Errorf("listed %q, host %s, origin %q: allowed %v", test.listed, test.host, test.origin, got)
		}
		for _, r := range []*http.Request{
			request("GET", test.host, "Origin", test.origin),
			request("POST", test.host, "Origin", test.origin),
			request("GET", test.host, "Origin", test.origin, "Connection", "Upgrade", "Upgrade", "websocket"),
		} {
			w, reached := served(t, Config{Origins: []string{test.listed}}, r)
			if reached != test.allowed {
				t.Errorf("%s of %q reached the handler: %v", r.Method, test.origin, reached)
			}
			if !reached && (w.Code != http.StatusForbidden || w.Body.String() != foreignBody) {
				t.Errorf("%s of %q: %d %s", r.Method, test.origin, w.Code, w.Body)
			}
			wantHeader := ""
			if test.allowed {
				wantHeader = test.origin
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != wantHeader {
				t.Errorf("%s of %q: Access-Control-Allow-Origin %q", r.Method, test.origin, got)
			}
			if !strings.Contains(strings.Join(w.Header()["Vary"], ","), "Origin") {
				t.Errorf("%s of %q: Vary %q", r.Method, test.origin, w.Header()["Vary"])
			}
		}
	}
	o, _ := NewOrigins(nil)
	if !o.AllowedOrigin(request("POST", "chat.example")) {
		t.Error("a request without Origin was refused")
	}
	if o.AllowedOrigin(request("POST", "chat.example", "Origin", "http://chat.example", "Origin", "https://evil.example")) {
		t.Error("two origins at once were allowed")
	}
}

func TestNewOriginsRefuses(t *testing.T) {
	for _, entry := range []string{"app.example", "https://app.example/path", "https://*.app.example", "https://", "null", "https://a b", "https://user@app.example", "https://app.example?x",
		"https://app.example#x", "https://app.example:99999", "https://app.example:x", "https://127.1", "https://app.0x7f", "https://[fe80::1%25eth0]", "https://xn--a"} {
		if _, err := New(Config{Origins: []string{entry}}); err == nil {
			t.Errorf("%q passed for an origin", entry)
		}
	}
}

func TestPreflight(t *testing.T) {
	preflight := func(origin, headers string) *http.Request {
		return request("OPTIONS", "chat.example", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", headers)
	}
	config := Config{Origins: []string{"https://app.example"}}
	w, reached := served(t, config, preflight("https://app.example", "accept,authorization,content-type,last-event-id,x-request-id"))
	if reached || w.Code != http.StatusNoContent {
		t.Errorf("status %d, reached the handler: %v", w.Code, reached)
	}
	for name, value := range map[string]string{
		"Access-Control-Allow-Origin":      "https://app.example",
		"Access-Control-Allow-Methods":     "POST",
		"Access-Control-Allow-Headers":     "accept,authorization,content-type,last-event-id,x-request-id",
		"Access-Control-Max-Age":           "7200",
		"Access-Control-Allow-Credentials": "",
	} {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	// Any header is allowed, as tracing and Apollo's client names need, except those that carry a backend's secret.
	const tracing = "apollographql-client-name,baggage,traceparent,x-apollo-operation-name"
	if w, _ := served(t, config, preflight("https://app.example", tracing)); w.Header().Get("Access-Control-Allow-Headers") != tracing {
		t.Errorf("headers of tools: %v", w.Header())
	}
	for _, headers := range []string{"x-opentok-auth", "X-TB-PARTNER-AUTH", "accept, x-tb-partner-auth", "content-type,x-opentok-auth,x-other"} {
		w, reached := served(t, config, preflight("https://app.example", headers))
		if w.Code != http.StatusForbidden || reached || w.Header().Get("Access-Control-Allow-Headers") != "" {
			t.Errorf("%s: %d %v", headers, w.Code, w.Header())
		}
	}
	if w, reached := served(t, config, preflight("https://evil.example", "accept")); w.Code != http.StatusForbidden || reached {
		t.Errorf("a foreign preflight got %d", w.Code)
	}
	if _, reached := served(t, config, request("OPTIONS", "chat.example")); !reached {
		t.Error("an OPTIONS that is no preflight did not reach the handler")
	}
}

// Pages of every origin may read the public files, and no path that only begins like them.
func TestPublic(t *testing.T) {
	e, err := New(Config{Public: "/sdk/", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := e.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	for path, want := range map[string]int{
		"/sdk/chattok.js": http.StatusOK,
		"/sdk":            http.StatusForbidden,
		"/sdkx/":          http.StatusForbidden,
		"/graphql":        http.StatusForbidden,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080"+path, nil)
		r.Header.Set("Origin", "https://elsewhere.example")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "http://rebound.example/sdk/chattok.js", nil)
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code == http.StatusOK {
		t.Error("a host that is none of the server's own is answered")
	}
}

func TestHosts(t *testing.T) {
	known := func(name string) bool { return name == "certified.example" }
	for _, c := range []struct {
		config  Config
		hosts   []string
		allowed bool
	}{
		{Config{}, []string{"localhost", "localhost:8080", "LOCALHOST:8080", "localhost.", "a.b.localhost:1",
			"127.0.0.1", "127.0.0.1:8080", "127.8.9.10", "[::1]", "[::1]:8080", "[::ffff:127.0.0.1]:80",
			"0.0.0.0:8080", "10.0.0.1", "192.168.1.7:8080", "[2001:db8::1]:80", "[fd00::1]"}, true},
		{Config{}, []string{"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "xlocalhost",
			"localhost.evil.example", "[::1", "", ":8080", "::1", "1:2:3", "localhost:1:2", "10.0.0.1.nip.example",
			"0x7f000001", "2130706433", "[fe80::1%eth0]"}, false},
		{Config{Hosts: []string{"Office", "talk.example.", "*.apps.example"}}, []string{"office", "OFFICE:8080", "office.", "talk.example",
			"Talk.Example.:8080", "a.apps.example", "a.b.apps.example:1"}, true},
		{Config{Hosts: []string{"Office", "talk.example.", "*.apps.example"}}, []string{"office.evil.example", "apps.example",
			"xapps.example", "talk.example.evil.example", "evil.example"}, false},
		{Config{Hosts: []string{"*"}}, []string{"any.example", "localhost"}, true},
		{Config{KnownHost: known}, []string{"certified.example", "Certified.Example:443"}, true},
		{Config{KnownHost: known}, []string{"other.example"}, false},
		{Config{Origins: []string{"https://talk.example", "http://10.0.0.1:8443", "http://other.example:8443"}},
			[]string{"talk.example", "Talk.Example", "talk.example:8443", "other.example:8443", "other.example"}, true},
		{Config{Origins: []string{"https://chat.example"}}, []string{"evil.example"}, false},
		{Config{Origins: []string{"*"}}, []string{"any.example"}, true},
	} {
		c.config.AnyHost = []string{"/readyz"}
		for _, host := range c.hosts {
			for path, allowed := range map[string]bool{"/graphql": c.allowed, "/sdk/chattok.js": c.allowed, "/readyz": true, "/readyz/": c.allowed} {
				r := httptest.NewRequest("POST", path, nil)
				r.Host = host
				w, reached := served(t, c.config, r)
				if reached != allowed {
					t.Errorf("%+v: host %q reached %s: %v", c.config, host, path, reached)
				}
				if !allowed && (w.Code != http.StatusMisdirectedRequest || !strings.Contains(w.Body.String(), `"code":"FORBIDDEN"`)) {
					t.Errorf("host %q: %d %s", host, w.Code, w.Body)
				}
			}
		}
	}
	for _, entry := range []string{"https://chat.example", "chat.example:8080", "a b", "*.*.example", "a/b", "[::1]"} {
		if _, err := New(Config{Hosts: []string{entry}}); err == nil {
			t.Errorf("%q passed for a host", entry)
		}
	}
}

// A request that the browser marks as made by another site's page, without an origin, is refused.
func TestSameSite(t *testing.T) {
	for _, c := range []struct {
		listed, method string
		header         []string
		allowed        bool
	}{
		{"", "GET", nil, true},
		{"", "GET", []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"", "HEAD", []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"", "GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, false},
		{"https://app.example", "GET", []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"https://app.example", "GET", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example"}, true},
		{"*", "GET", []string{"Sec-Fetch-Site", "cross-site"}, true},
		{"", "GET", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"", "GET", []string{"Sec-Fetch-Site", "same-site"}, true},
		{"", "GET", []string{"Sec-Fetch-Site", "none"}, true},
		{"", "POST", []string{"Sec-Fetch-Site", "cross-site"}, true}, // a browser sends this with its origin
	} {
		o, err := NewOrigins([]string{c.listed})
		if err != nil {
			t.Fatal(err)
		}
		reached := false
		w := httptest.NewRecorder()
		o.SameSite(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })).ServeHTTP(w, request(c.method, "chat.example", c.header...))
		if reached != c.allowed || !reached && (w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"code":"FORBIDDEN"`)) {
			t.Errorf("%+v: reached %v, %d %s", c, reached, w.Code, w.Body)
		}
	}
}

func TestRequestID(t *testing.T) {
	long := strings.Repeat("a", 128)
	for sent, kept := range map[string]bool{
		"abc-123_~.": true, long: true, long + "a": false, "": false, "a b": false, "a\"b": false, "ä": false,
	} {
		var seen string
		h := Observe(slog.New(slog.DiscardHandler), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen = RequestID(r.Context())
		}))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request("GET", "chat.example", RequestIDHeader, sent))
		if got := w.Header().Get(RequestIDHeader); got != seen || seen == "" || (seen == sent) != kept {
			t.Errorf("sent %q, context has %q, response %q", sent, seen, got)
		}
	}
	if got := RequestID(t.Context()); got != "" {
		t.Errorf("outside a request the id is %q", got)
	}
}

// logged serves one request by h and returns the lines of the log and the answer.
func logged(tb testing.TB, level slog.Level, h http.HandlerFunc) (lines []map[string]any, w *httptest.ResponseRecorder, aborted bool) {
	tb.Helper()
	var log bytes.Buffer
	w = httptest.NewRecorder()
	func() {
		defer func() { aborted = recover() == http.ErrAbortHandler }()
		r := request("POST", "chat.example", RequestIDHeader, "id-1", "Authorization", "Bearer SECRET")
		Observe(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: level})), h).ServeHTTP(w, r)
	}()
	if strings.Contains(log.String(), "SECRET") {
		tb.Errorf("the log has a secret: %s", &log)
	}
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			tb.Fatal(err)
		}
		delete(fields, "time")
		delete(fields, "duration")
		if stack, ok := fields["stack"].(string); ok && strings.Contains(stack, "edge_test.go") {
			fields["stack"] = "here"
		}
		lines = append(lines, fields)
	}
	return lines, w, aborted
}

func TestAccessLogAndPanics(t *testing.T) {
	const internal = `{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL","requestId":"id-1"}}]}` + "\n"
	line := func(status, bytes int) string {
		return fmt.Sprintf("map[bytes:%d level:DEBUG method:POST msg:request path:/graphql request_id:id-1 status:%d]", bytes, status)
	}
	const panicLine = "map[level:ERROR msg:panic in a request panic:boom request_id:id-1 stack:here]"
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		level   slog.Level
		lines   []string
		body    string
		aborted bool
	}{
		"written":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418); _, _ = io.WriteString(w, "tea") }, slog.LevelDebug, []string{line(418, 3)}, "tea", false},
		"streamed":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("stream")) }, slog.LevelDebug, []string{line(200, 6)}, "stream", false},
		"hinted":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }, slog.LevelDebug, []string{line(404, 0)}, "", false},
		"nothing":   {func(http.ResponseWriter, *http.Request) {}, slog.LevelDebug, []string{line(200, 0)}, "", false},
		"not debug": {func(http.ResponseWriter, *http.Request) {}, slog.LevelInfo, nil, "", false},
		"panic":     {func(http.ResponseWriter, *http.Request) { panic("boom") }, slog.LevelDebug, []string{panicLine, line(500, len(internal))}, internal, false},
		"late panic": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "half"); panic("boom") }, slog.LevelDebug,
			[]string{panicLine, line(200, 4)}, "half", true},
		"abort": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, slog.LevelDebug, []string{line(200, 0)}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			lines, w, aborted := logged(t, test.level, test.handler)
			var got []string
			for _, fields := range lines {
				got = append(got, fmt.Sprint(fields))
			}
			if fmt.Sprint(got) != fmt.Sprint(test.lines) || w.Body.String() != test.body || aborted != test.aborted {
				t.Errorf("aborted %v, body %q, log:\n%s\nwant\n%s", aborted, w.Body, strings.Join(got, "\n"), strings.Join(test.lines, "\n"))
			}
		})
	}
}

// The version of the SDK that sent a request is in the access log, unless it is no text for a log.
func TestSDKInAccessLog(t *testing.T) {
	for sent, want := range map[string]any{"0.1.0": "0.1.0", "": nil, "1 of 2": nil, strings.Repeat("1", 129): nil} {
		var log bytes.Buffer
		h := Observe(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), http.NotFoundHandler())
		h.ServeHTTP(httptest.NewRecorder(), request("POST", "chat.example", "ChatTok-SDK", sent))
		var line map[string]any
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line["sdk"] != want {
			t.Errorf("sent %q, logged %v", sent, line["sdk"])
		}
	}
}

func TestHijackAndFlush(t *testing.T) {
	e, err := New(Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			_, _ = io.WriteString(w, "first")
			w.(http.Flusher).Flush()
			<-r.Context().Done() // the client leaves after it has read the flushed bytes
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\nraw")
		_ = conn.Close()
	})))
	defer server.Close()

	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 5)
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != "first" {
		t.Errorf("read %q, %v", first, err)
	}
	_ = response.Body.Close()

	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n")
	got, err := io.ReadAll(bufio.NewReader(conn))
	if want := "HTTP/1.1 101 Switching Protocols\r\n\r\nraw"; err != nil || string(got) != want {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestVersioned(t *testing.T) {
	w := httptest.NewRecorder()
	Versioned("1.2.3", http.NotFoundHandler()).ServeHTTP(w, request("POST", "chat.example"))
	wantHeaders(t, w, map[string]string{"ChatTok-Version": "1.2.3"})
	allowed, _ := served(t, Config{}, request("POST", "chat.example", "Origin", "https://chat.example"))
	if got := allowed.Header().Get("Access-Control-Expose-Headers"); got != "X-Request-Id, Chattok-Version" {
		t.Errorf("pages may read %q", got)
	}
}

func TestSecurityHeaders(t *testing.T) {
	for _, r := range []*http.Request{request("GET", "chat.example"), request("GET", "chat.example", "Origin", "https://evil.example")} {
		w, _ := served(t, Config{}, r)
		wantHeaders(t, w, map[string]string{
			"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
			"Cross-Origin-Opener-Policy":   "",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Referrer-Policy":              "",
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "",
		})
	}
	w := httptest.NewRecorder()
	SecurityHeaders(PageHeaders(http.NotFoundHandler())).ServeHTTP(w, request("GET", "chat.example"))
	wantHeaders(t, w, map[string]string{
		"Content-Security-Policy":      "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	})
}

func wantHeaders(t *testing.T, w *httptest.ResponseRecorder, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}
