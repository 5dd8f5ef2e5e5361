package edge

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// The methods of http.ResponseController beyond flushing and hijacking reach the connection through all layers. The
// deadline of a request's body depends on them.
func TestDeadlinesReachTheConnection(t *testing.T) {
	e, err := New(Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		controller := http.NewResponseController(w)
		for name, failed := range map[string]error{
			"SetReadDeadline":  controller.SetReadDeadline(time.Time{}),
			"SetWriteDeadline": controller.SetWriteDeadline(time.Time{}),
			"EnableFullDuplex": controller.EnableFullDuplex(),
		} {
			if failed != nil {
				t.Errorf("%s: %v", name, failed)
			}
		}
	})))
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
}

// A hijacked connection is logged as 101, not as the 200 of a handler that wrote nothing.
func TestHijackIsLogged(t *testing.T) {
	var log bytes.Buffer // written before done is closed, read after
	done := make(chan struct{})
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	observed := Observe(logger, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		observed.ServeHTTP(w, r)
	}))
	defer server.Close()
	// The client would repeat a GET whose connection was closed, so this is a POST.
	if response, err := server.Client().Post(server.URL, "text/plain", nil); err == nil {
		_ = response.Body.Close()
		t.Errorf("a closed connection answered %d", response.StatusCode)
	}
	<-done
	var line struct{ Status int }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Status != http.StatusSwitchingProtocols {
		t.Errorf("%s (%v)", log.Bytes(), err)
	}
}

// BenchmarkHandler measures all layers for a request of a page, with the access log off.
func BenchmarkHandler(b *testing.B) {
	e, err := New(Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	handler := e.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	r := httptest.NewRequest(http.MethodPost, "http://localhost:8080/graphql", nil)
	r.Header.Set("Origin", "http://localhost:8080")
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent {
			b.Fatal(w.Code)
		}
	}
}
