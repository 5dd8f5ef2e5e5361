package web

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestFrameAncestors(t *testing.T) {
	got, err := ParseFrameAncestors(" https://Example.com , http://localhost:3000/,https://*.example.org, self,")
	want := []string{"https://example.com", "http://localhost:3000", "https://*.example.org", "'self'"}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{
		"example.com", "https://", "*", "ftp://example.com", "https://example.com/path", "https://me@example.com", "https://a.b?c",
		"https://a;b", "https://a b", "https://bücher.example", "'unsafe-inline'", "https://a.example; script-src *", "data:",
	} {
		if got, err := ParseFrameAncestors(bad); err == nil {
			t.Errorf("%q is taken as %v", bad, got)
		}
	}
}

// TestFrames checks that only the sites in FrameAncestors may frame the page, by both headers, and that nothing else of the
// server can be framed.
func TestFrames(t *testing.T) {
	for _, tt := range []struct {
		ancestors []string
		path      string
		want      string
		options   string
	}{
		{nil, "/", "frame-ancestors 'none'", "DENY"},
		{nil, "/s/demo", "frame-ancestors 'none'", "DENY"},
		{[]string{"https://example.com", "https://*.example.org"}, "/", "frame-ancestors https://example.com https://*.example.org", ""},
		{[]string{"https://example.com"}, "/s/demo", "frame-ancestors https://example.com", ""},
		{[]string{"https://example.com"}, "/playground", "frame-ancestors 'none'", "DENY"},
		{[]string{"https://example.com"}, "/sdk/chattok.js", "frame-ancestors 'none'", "DENY"},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("X-Frame-Options", "DENY") // the server's middleware sets it on every page
		Handler(Config{FrameAncestors: tt.ancestors}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, tt.path, nil))
		policy := w.Header().Get("Content-Security-Policy")
		if found := slices.Contains(strings.Split(policy, "; "), tt.want); !found || strings.Count(policy, "frame-ancestors") != 1 {
			t.Errorf("%s with %v: %s, want %s", tt.path, tt.ancestors, policy, tt.want)
		}
		if got := w.Header().Get("X-Frame-Options"); got != tt.options {
			t.Errorf("%s with %v: X-Frame-Options %q, want %q", tt.path, tt.ancestors, got, tt.options)
		}
	}
}

func TestTheme(t *testing.T) {
	if n := len(ThemeNames()); n != 8 {
		t.Errorf("%d variables, want 8", n)
	}
	theme, err := ParseTheme("accent=#1d4ed8/#93c5fd, radius=0.5rem,ground = #fff")
	if err != nil {
		t.Fatal(err)
	}
	h := Handler(Config{Theme: theme})
	sheet := get(t, h, http.MethodGet, "/theme.css")
	if got := sheet.Header.Get("Content-Type"); got != "text/css; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	text := body(t, sheet)
	for _, want := range []string{"--accent:#1d4ed8;", "--accent:#93c5fd;", "--ground:#fff;", "--radius-l:0.5rem;"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
	for path, want := range map[string]string{"/": `href="./theme.css"`, "/s/demo": `href="../theme.css"`} {
		if page := body(t, get(t, h, http.MethodGet, path)); strings.Count(page, want) != 1 {
			t.Errorf("%s lacks %s", path, want)
		}
	}
	plain := Handler(Config{})
	if got := get(t, plain, http.MethodGet, "/theme.css").StatusCode; got != http.StatusNotFound {
		t.Errorf("without a theme: %d, want 404", got)
	}
	if page := body(t, get(t, plain, http.MethodGet, "/")); strings.Contains(page, "theme.css") {
		t.Error("without a theme the page asks for one")
	}
	for _, bad := range []string{
		"accent", "accent=", "accent=red", "accent=#12", "accent=#1d4ed8/", "shadow=#000", "radius=#fff", "radius=10", "radius=100px",
		"radius=-1px", "radius=1em", "accent=#000}body{display:none", "ground=url(//evil.example)", "text=#000,text=#111", "accent=var(--x)",
	} {
		if _, err := ParseTheme(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
