package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestSDK(t *testing.T) {
	h := Handler(Config{})
	for path, want := range map[string]struct{ contentType, holds string }{
		"/sdk/chattok.js":     {"text/javascript; charset=utf-8", "ChattokError"},
		"/sdk/chattok.js.map": {"application/json", "src/connector.ts"},
		"/sdk/chattok.d.ts":   {"application/typescript; charset=utf-8", "export declare function connect(options: ConnectOptions): Promise<Session>"},
		"/sdk/opentok.js":     {"text/javascript; charset=utf-8", "sessionConnected"},
		"/sdk/ot-widget.js":   {"text/javascript; charset=utf-8", "OT_LayoutContainer"},
		"/sdk/opentok.css":    {"text/css; charset=utf-8", ".OT_widget-container"},
		"/sdk/opentok.d.ts":   {"application/typescript; charset=utf-8", "sessionId: string"},
	} {
		plain := get(t, h, http.MethodGet, path, "Origin", "https://elsewhere.example")
		for header, value := range map[string]string{
			"Access-Control-Allow-Origin":  "*",
			"Cross-Origin-Resource-Policy": "cross-origin",
			"Content-Type":                 want.contentType,
			"Cache-Control":                "no-cache",
			"Vary":                         "Accept-Encoding",
			"X-Content-Type-Options":       "nosniff",
		} {
			if got := plain.Header.Get(header); got != value {
				t.Errorf("%s: %s is %q, want %q", path, header, got, value)
			}
		}
		text := body(t, plain)
		if !strings.Contains(text, want.holds) {
			t.Errorf("%s has no %q", path, want.holds)
		}

		packed := get(t, h, http.MethodGet, path, "Accept-Encoding", "gzip")
		if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("ETag") == plain.Header.Get("ETag") {
			t.Errorf("%s packed: %v", path, packed.Header)
		}
		unpacked, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(unpacked); err != nil || string(content) != text {
			t.Errorf("%s: %d bytes packed, %d plain, %v", path, len(content), len(text), err)
		}

		for _, response := range []*http.Response{plain, packed} {
			again := get(t, h, http.MethodGet, path, "Accept-Encoding", response.Header.Get("Content-Encoding"),
				"If-None-Match", response.Header.Get("ETag"))
			if again.StatusCode != http.StatusNotModified || again.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: status %d for what the browser has", path, again.StatusCode)
			}
		}
	}
}
