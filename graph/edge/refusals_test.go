package edge

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A refused origin is a warning that names it and the setting, once a minute; all are counted.
func TestRefusedOriginIsWarnedOf(t *testing.T) {
	var log bytes.Buffer
	now, counted := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), 0
	e, err := New(Config{Hosts: []string{"chat.example"}, Now: func() time.Time { return now }, Refused: func() { counted++ },
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))})
	if err != nil {
		t.Fatal(err)
	}
	h := e.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	ask := func(origins ...string) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.Host = "chat.example"
		r.Header["Origin"] = origins
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	want := func(line string) {
		t.Helper()
		if got := log.String(); got != line {
			t.Errorf("got  %q\nwant %q", got, line)
		}
		log.Reset()
	}
	const warning = `level=WARN msg="a page's origin is refused; CHATTOK_ORIGINS lists the origins of other hosts that may use the server" `
	ask("https://chat.example") // its own
	want("")
	ask("https://app.example")
	want(warning + "origin=https://app.example host=chat.example others_refused=0\n")
	ask("https://app.example")
	now = now.Add(time.Minute - time.Nanosecond)
	ask("https://other.example")
	want("")
	now = now.Add(time.Nanosecond)
	ask("null\x1b[2J\u202e", "https://b.example")
	want(warning + `origin="null\\x1b[2J\\u202e, https://b.example" host=chat.example others_refused=2` + "\n")
	now = now.Add(time.Hour)
	ask("https://" + strings.Repeat("a", 5000))
	want(warning + "origin=https://" + strings.Repeat("a", 192) + `\u2026` + " host=chat.example others_refused=0\n")
	if counted != 5 {
		t.Errorf("%d refusals were counted", counted)
	}
}
