package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/99designs/gqlgen/client"

	"chattok/bus"
	"chattok/db"
	"chattok/graph"
	"chattok/graph/transport"
	"chattok/internal/await"
	"chattok/internal/budget"
	"chattok/rates"
	"chattok/session"
	"chattok/token"
)

const testSecret = "a secret of the tests, 32 bytes at least"

const testVersion = "1.2.3-dev+0123456789ab"

// patience is how long a test waits for an expected event.
const patience = 20 * time.Second

// world is the inside of a server, over a real database.
type world struct {
	*client.Client
	handler http.Handler
	tokens  *token.Tokens
	service *session.Service
	path    string
	streams *transport.Streams
	stop    func()
}

// options configures a world.
type options struct {
	closed bool
	grace  time.Duration
	idle   time.Duration
	path   string

	sockets int // of a connection; zero: as many as a test needs
	store   func(session.Store) session.Store
	ice     session.ICE
	bus     session.Bus           // nil: a bus of its own
	proxy   func(netip.Addr) bool // whether an address is a trusted proxy's; nil: none is

	streams transport.StreamConfig
	budget  *budget.Budget   // nil: a budget of its own
	rates   *rates.Limits    // nil: nothing is limited
	domain  session.Config   // further limits
	now     func() time.Time // the clock of tokens; nil: time.Now
	log     *slog.Logger     // nil: nothing is logged
	metrics graph.Metrics    // nil: nothing is counted
	tracer  graph.Tracer     // nil: nothing is traced
}

// newWorld starts a world. It ends with the test, or earlier by stop.
func newWorld(t testing.TB, o options) *world {
	t.Helper()
	if o.path == "" {
		o.path = filepath.Join(t.TempDir(), "test.db")
	}
	if o.sockets == 0 {
		o.sockets = 10_000
	}
	if o.bus == nil {
		o.bus = bus.New()
	}
	log := o.log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	opened, err := db.Open(t.Context(), db.Config{Path: o.path, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	var store session.Store = opened
	if o.store != nil {
		store = o.store(opened)
	}
	tokens, err := token.New([]byte(testSecret), o.now)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{tokens: tokens, path: o.path}
	o.domain.Store, o.domain.Bus, o.domain.ICE, o.domain.Log, o.domain.Open = store, o.bus, o.ice, log, !o.closed
	o.domain.Budget = o.budget
	o.domain.Grace, o.domain.Idle, o.domain.SocketLimit = o.grace, o.idle, o.sockets
	if o.domain.EditWindow == 0 {
		o.domain.EditWindow = session.DefaultEditWindow
	}
	w.service = session.NewService(o.domain)
	var accounts *rates.Accounts
	if o.rates != nil {
		accounts = rates.New(*o.rates)
	}
	g := graph.New(graph.Config{Service: w.service, Now: o.now, Tokens: tokens, Log: log, Introspection: true, Version: testVersion, TrustedProxy: o.proxy, Streams: o.streams, Rates: accounts, Metrics: o.metrics, Tracer: o.tracer,
		Answers: transport.AnswersConfig{Budget: o.budget}})
	w.handler, w.streams, w.Client = g, g.Streams(), client.New(g)

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.service.Run(ctx) }()
	await.True(t, "the service is ready", func() bool { return w.service.Ready(ctx) == nil })
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		closing, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		if err := g.Shutdown(closing); err != nil {
			t.Errorf("shut down: %v", err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := opened.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(w.stop)
	return w
}

// postWith sends an operation with these headers and returns the answer.
func (w *world) postWith(t testing.TB, header http.Header, query string) *httptest.ResponseRecorder {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(body))
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer
}

// as sends an operation with this token; "" for none.
func as(raw string) client.Option {
	return func(r *client.Request) {
		if raw != "" {
			r.HTTP.Header.Set("Authorization", "Bearer "+raw)
		}
	}
}

// person is a connection and its access token.
type person struct{ id, token string }

// join connects to a session by a session token, and creates the session where there is none.
func (w *world) join(t testing.TB, sessionID string, role session.Role) person {
	t.Helper()
	w.mustDo(t, testSecret, `mutation($s:ID!){createSession(id:$s){id}}`, map[string]any{"s": sessionID})
	raw, err := w.tokens.MintSession(session.SessionGrant{SessionID: sessionID, Role: role, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return w.connect(t, map[string]any{"token": raw})
}

func (w *world) connect(t testing.TB, variables map[string]any) person {
	t.Helper()
	data := w.mustDo(t, "", `mutation($token:String,$s:ID,$d:String){connect(token:$token,sessionId:$s,data:$d){accessToken connection{id}}}`, variables)
	var answer struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID string }
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatal(err)
	}
	return person{answer.Connect.Connection.ID, answer.Connect.AccessToken}
}

// failure is an error as a client sees it.
type failure struct {
	Message    string
	Path       []any
	Extensions struct{ Code, Reason, RequestID, FirstCursor string }
}

// do sends an operation and returns its data and errors.
func (w *world) do(t testing.TB, raw, query string, variables map[string]any) (json.RawMessage, []failure) {
	t.Helper()
	resp, err := w.RawPost(query, as(raw), func(r *client.Request) { r.Variables = variables })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var failures []failure
	if resp.Errors != nil {
		if err := json.Unmarshal(resp.Errors, &failures); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(resp.Data)
	if err != nil {
		t.Fatal(err)
	}
	return data, failures
}

func (w *world) mustDo(t testing.TB, raw, query string, variables map[string]any) json.RawMessage {
	t.Helper()
	data, failures := w.do(t, raw, query, variables)
	if len(failures) > 0 {
		t.Fatalf("%s: %+v", query, failures)
	}
	return data
}

// code returns the code of an operation's first error, with its reason where it has one; "ok" without an error.
func (w *world) code(t testing.TB, raw, query string, variables map[string]any) string {
	t.Helper()
	_, failures := w.do(t, raw, query, variables)
	return codeOf(failures)
}

func codeOf(failures []failure) string {
	switch {
	case len(failures) == 0:
		return "ok"
	case failures[0].Extensions.Reason != "":
		return failures[0].Extensions.Code + " " + failures[0].Extensions.Reason
	}
	return failures[0].Extensions.Code
}

// subscribe starts a subscription over a socket.
func (w *world) subscribe(t testing.TB, raw, query string, variables map[string]any) *client.Subscription {
	t.Helper()
	var payload map[string]any
	if raw != "" {
		payload = map[string]any{"Authorization": "Bearer " + raw}
	}
	s := w.WebsocketWithPayload(query, payload, func(r *client.Request) { r.Variables = variables })
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// next reads a subscription's next event into a new T.
func next[T any](t testing.TB, s *client.Subscription) T {
	t.Helper()
	var event T
	late := time.AfterFunc(patience, func() { _ = s.Close() })
	defer late.Stop()
	if err := s.Next(&event); err != nil {
		t.Fatalf("next event: %v", err)
	}
	return event
}
