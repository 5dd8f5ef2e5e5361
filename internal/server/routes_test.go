package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCount: while as many pages are under way as may be, probes and the API are answered, and nothing else is, not even a preflight.
func TestCount(t *testing.T) {
	s := &server{}
	s.Limits.RequestsPerAddress = 1
	entered, leave := make(chan struct{}), make(chan struct{})
	h := s.count(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-leave
		}
		w.WriteHeader(http.StatusNoContent)
	}), s.bounded(1, 1))
	ask := func(method, path string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Code
	}
	done := make(chan int)
	go func() { done <- ask(http.MethodGet, "/slow") }()
	<-entered
	for target, want := range map[string]int{
		"GET /": http.StatusServiceUnavailable, "GET //": http.StatusServiceUnavailable, "GET /session/1": http.StatusServiceUnavailable,
		"OPTIONS /graphql": http.StatusServiceUnavailable, "OPTIONS /query/": http.StatusServiceUnavailable,
		"GET /healthz": http.StatusNoContent, "GET /readyz": http.StatusNoContent,
		"POST /graphql": http.StatusNoContent, "GET /query/": http.StatusNoContent,
	} {
		method, path, _ := strings.Cut(target, " ")
		if got := ask(method, path); got != want {
			t.Errorf("%s: %d, want %d", target, got, want)
		}
	}
	close(leave)
	if got := <-done; got != http.StatusNoContent {
		t.Errorf("the first: %d", got)
	}
	if got := ask(http.MethodOptions, "/graphql"); got != http.StatusNoContent {
		t.Errorf("afterwards: %d", got)
	}
}

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
