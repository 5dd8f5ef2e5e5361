package transport

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/generated"
	"chattok/graph/transport/document"
	"chattok/graph/transport/gqlerr"
	"chattok/session"
)

// stub resolves the real schema with fixed values, and counts calls.
type stub struct {
	added      atomic.Int64 // calls of addChatEntry
	subscribed atomic.Int64
	bodies     chan string // gets the bodies of addChatEntry; may be nil
}

var created = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func (s *stub) entry(connectionID, body string) *session.ChatEntry {
	return &session.ChatEntry{SessionID: session.Lobby, Epoch: 1, Seq: s.added.Load(), ConnectionID: connectionID, Body: body, CreatedAt: created}
}

func (s *stub) IdempotencyKey(context.Context, *session.ChatEntry) (*string, error) { return nil, nil }

func (s *stub) ReplyTo(context.Context, *session.ChatEntry) (*session.ChatEntry, error) {
	return nil, nil
}
func (s *stub) MyReactions(context.Context, *session.ChatEntry) ([]string, error) { return nil, nil }
func (s *stub) Reaction() generated.ReactionResolver                              { return nil }
func (s *stub) FeedEvent() generated.FeedEventResolver                            { return nil }
func (s *stub) ExportPage() generated.ExportPageResolver                          { return nil }

func (s *stub) ChatEntry() generated.ChatEntryResolver       { return s }
func (s *stub) Mutation() generated.MutationResolver         { return stubMutation{stub: s} }
func (s *stub) Query() generated.QueryResolver               { return stubQuery{stub: s} }
func (s *stub) Server() generated.ServerResolver             { return nil }
func (s *stub) Session() generated.SessionResolver           { return nil }
func (s *stub) Subscription() generated.SubscriptionResolver { return stubSubscription{stub: s} }

func (s *stub) Connection(context.Context, *session.ChatEntry) (*session.Connection, error) {
	return &session.Connection{ID: "alice", Role: session.RolePublisher, CreatedAt: created}, nil
}

type stubMutation struct {
	generated.MutationResolver
	*stub
}

func (s stubMutation) AddChatEntry(_ context.Context, connectionID *string, body string, _, _, _, _ *string, _ *session.ActAs) (*session.ChatEntry, error) {
	s.added.Add(1)
	if s.bodies != nil {
		s.bodies <- body
	}
	return s.entry(*connectionID, body), nil
}

type stubQuery struct {
	generated.QueryResolver
	*stub
}

// Server settles which of the two is meant: the root field.
func (stubQuery) Server(context.Context) (*generated.Server, error) { return nil, nil }

func (s stubQuery) LatestChatEntry(_ context.Context, connectionID string, _ *string) (*session.ChatEntry, error) {
	return s.entry(connectionID, "hi"), nil
}

func (s stubQuery) ChatEntry(_ context.Context, id string, _ *string) (*session.ChatEntry, error) {
	return s.entry(id, "hi"), nil
}

func (s stubQuery) Session(context.Context, *string) (*session.Session, error) {
	return nil, &gqlerror.Error{Message: "no", Extensions: map[string]any{"code": "UNAUTHENTICATED"}}
}

func (s stubQuery) Connection(context.Context) (*session.Connection, error) { panic("boom") }

type stubSubscription struct {
	generated.SubscriptionResolver
	*stub
}

func (s stubSubscription) EntryAdded(_ context.Context, _, _ *string) (<-chan *session.ChatEntry, error) {
	s.subscribed.Add(1)
	c := make(chan *session.ChatEntry)
	close(c)
	return c, nil
}

// newServer returns a server like the real one; configure changes it before its transport is added.
func newServer(tb testing.TB, s *stub, configure ...func(*handler.Server, *HTTP)) *handler.Server {
	tb.Helper()
	server := newServerWith(tb, s)
	var h HTTP
	for _, c := range configure {
		c(server, &h)
	}
	server.AddTransport(h)
	return server
}

func newServerWith(tb testing.TB, s *stub, transports ...graphql.Transport) *handler.Server {
	tb.Helper()
	server := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: s}))
	documents := document.NewCache(0)
	server.SetQueryCache(documents)
	document.Use(server, &document.Limits{Documents: documents}, document.NewPersisted(0))
	server.Use(extension.Introspection{})
	server.SetRecoverFunc(func(context.Context, any) error {
		return gqlerr.New(session.CodeInternal, "", "internal error")
	})
	for _, transport := range transports {
		server.AddTransport(transport)
	}
	return server
}

// recordingStream is a StreamFunc that writes its arguments.
func recordingStream(w http.ResponseWriter, r *http.Request, framing Framing, op *graphql.OperationContext, errs gqlerror.List, exec graphql.GraphExecutor) {
	w.Header().Set("Content-Type", map[Framing]string{SSE: typeEventStream, Multipart: typeMultipart}[framing])
	if len(errs) > 0 {
		_, _ = w.Write(AppendResponse([]byte("errors "), exec.DispatchError(graphql.WithOperationContext(r.Context(), op), errs)))
		return
	}
	_, _ = w.Write([]byte("stream " + string(op.Operation.Operation)))
}

func withStream(_ *handler.Server, h *HTTP) { h.Stream = recordingStream }

func post(tb testing.TB, h http.Handler, body string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return serve(tb, h, r, header...)
}

// jsonBody returns the body of a request with this document.
func jsonBody(tb testing.TB, query string) string {
	tb.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		tb.Fatal(err)
	}
	return string(body)
}

func get(tb testing.TB, h http.Handler, rawQuery string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	return serve(tb, h, httptest.NewRequest(http.MethodGet, "/graphql?"+rawQuery, nil), header...)
}

// serve serves r with these headers, given as pairs of name and value; an empty value removes a header.
func serve(tb testing.TB, h http.Handler, r *http.Request, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	for i := 0; i < len(header); i += 2 {
		r.Header.Del(header[i])
		if header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// want checks status and body; a line end after the body is ignored.
func want(tb testing.TB, w *httptest.ResponseRecorder, status int, body string) {
	tb.Helper()
	if got := strings.TrimSuffix(w.Body.String(), "\n"); w.Code != status || got != body {
		tb.Errorf("got %d %s\nwant %d %s", w.Code, got, status, body)
	}
}

func errorBody(message, code, reason string) string {
	if reason != "" {
		reason = `,"reason":"` + reason + `"`
	}
	return `{"errors":[{"message":"` + message + `","extensions":{"code":"` + code + `"` + reason + `}}]}`
}
