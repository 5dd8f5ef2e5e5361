package transport

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"chattok/internal/await"
)

// Requests for pages are limited by address and in all while their answers are under way.
func TestLimitRequests(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	h := LimitRequests(RequestLimits{Max: 2, MaxPerAddress: 1, Client: func(r *http.Request) netip.Addr {
		return netip.MustParseAddr(r.Header.Get("From"))
	}})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-leave
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	ask := func(from, path string) int {
		r, w := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
		r.Header.Set("From", from)
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent && w.Header().Get("Retry-After") == "" {
			t.Errorf("%d without Retry-After", w.Code)
		}
		return w.Code
	}
	done := make(chan int, 2)
	for i, from := range []string{"192.0.2.1", "192.0.2.2"} {
		go func() { done <- ask(from, "/slow") }()
		<-entered
		if got, want := ask("192.0.2.1", "/"), []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[i]; got != want {
			t.Errorf("with %d under way: %d, want %d", i+1, got, want)
		}
	}
	close(leave)
	for range 2 {
		if got := <-done; got != http.StatusNoContent {
			t.Error(got)
		}
	}
	await.True(t, "both have their places back", func() bool {
		return ask("192.0.2.1", "/") == http.StatusNoContent && ask("192.0.2.2", "/") == http.StatusNoContent
	})
}
