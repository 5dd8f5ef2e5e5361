package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAdminIsOffByDefault checks that without the setting there is neither the page nor a file of it, and no redirect that would
// tell of it.
func TestAdminIsOffByDefault(t *testing.T) {
	off, on := Handler(Config{}), Handler(Config{Admin: true})
	found := 0
	for _, path := range append(Paths(), "/admin/") {
		if !strings.HasPrefix(path, "/admin") {
			continue
		}
		found++
		if got := get(t, off, http.MethodGet, path).StatusCode; got != http.StatusNotFound {
			t.Errorf("%s while it is off: %d, want 404", path, got)
		}
		if got := get(t, on, http.MethodGet, path).StatusCode; got >= http.StatusBadRequest {
			t.Errorf("%s while it is on: %d", path, got)
		}
	}
	if found < 4 { // the page, its script, its style sheet and /admin/
		t.Errorf("%d paths", found)
	}
}

// TestAdminIsNeverFramed checks that the sites which may frame the chat page may not frame the admin page.
func TestAdminIsNeverFramed(t *testing.T) {
	h := Handler(Config{Admin: true, FrameAncestors: []string{"'self'", "https://example.com"}})
	for _, path := range Paths() {
		if !strings.HasPrefix(path, "/admin") {
			continue
		}
		w := httptest.NewRecorder()
		w.Header().Set("X-Frame-Options", "DENY") // the server's middleware sets it on every page
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || w.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %s, X-Frame-Options %q", path, policy, w.Header().Get("X-Frame-Options"))
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", path, policy)
		}
	}
}
