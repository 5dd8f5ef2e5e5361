package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCleaned: an unclean path is redirected on this host, without a body, and a clean one is served.
func TestCleaned(t *testing.T) {
	h := cleaned(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	marks := strings.Repeat("'", 1000)
	for target, want := range map[string]string{
		"/": "", "/sdk/": "", "/sdk/a.js": "", "/a%2Fb?c=%20": "",
		"//sdk/a.js":             "/sdk/a.js",
		"//chat.example/x/../y/": "/chat.example/y/",
		"/./?" + marks:           "/?" + marks,
		"/a/..":                  "/",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://chat.example"+target, nil))
		status := http.StatusTemporaryRedirect
		if want == "" {
			status = http.StatusNoContent
		}
		if w.Code != status || w.Header().Get("Location") != want || w.Body.Len() > 0 {
			t.Errorf("%.40s: %d, to %.40q, with %d bytes", target, w.Code, w.Header().Get("Location"), w.Body.Len())
		}
	}
}
