package graph_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chattok/session"
)

// A connection that is ended over its own socket gets the answer before the close, which is the socket's last frame;
// its subscriptions send nothing more.
func TestDisconnectIsAnswered(t *testing.T) {
	w := newWorld(t, options{})
	address := serve(t, w.handler, 0)
	for n := range 40 {
		me := w.join(t, "room", session.RolePublisher)
		s := mustDial(t, address, me.token)
		if err := s.subscribe("events", `subscription{entryAdded{seq}}`, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.subscribe("end", `mutation{disconnect{id}}`, nil); err != nil {
			t.Fatal(err)
		}
		if got, want := s.next(t, "end"), fmt.Sprintf(`{"data":{"disconnect":{"id":%q}}}`, me.id); got != want {
			t.Fatalf("round %d: %s", n, got)
		}
		if m, err := s.read(); err == nil && m.Type == "complete" {
			_, err = s.read()
			if err == nil || !strings.Contains(err.Error(), "4401") {
				t.Fatalf("round %d: after the end %v", n, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), "4401") {
			t.Fatalf("round %d: after the answer %v", n, err)
		}
		_ = s.Close()
	}
}

// In the whole server too, a text above the limits is refused before it is kept by its hash.
func TestPersistedIsMeasured(t *testing.T) {
	w := newWorld(t, options{})
	text := "{" + strings.Repeat(" a", 3000) + " }"
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	for _, c := range []struct{ query, want string }{{text, "DOCUMENT_TOO_LARGE"}, {"", "PERSISTED_QUERY_NOT_FOUND"}} {
		body := fmt.Sprintf(`{"query":%q,"extensions":{"persistedQuery":{"version":1,"sha256Hash":%q}}}`, c.query, hash)
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		if w.handler.ServeHTTP(answer, r); !strings.Contains(answer.Body.String(), c.want) {
			t.Errorf("%.10q: %s, want %s", c.query, answer.Body, c.want)
		}
	}
}
