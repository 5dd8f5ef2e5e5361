package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/99designs/gqlgen/client"
	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
	"chattok/session"
)

const (
	subscription = `{"query":"subscription{entryAdded{seq}}"}`
	query        = `{"query":"{__typename}"}`
	invalid      = `{"query":"{nope}"}`
)

const (
	data         = `{"data":{"__typename":"Query"}}`
	invalidField = `{"errors":[{"message":"Cannot query field \"nope\" on type \"Query\".","locations":[{"line":1,"column":2}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`
)

// Errors have the right status in both media types.
func TestStatus(t *testing.T) {
	coded := func(code string) func(*handler.Server, *HTTP) {
		return func(s *handler.Server, _ *HTTP) {
			s.AroundOperations(func(context.Context, graphql.OperationHandler) graphql.ResponseHandler {
				return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{gqlerr.New(session.Code(code), "", "no")}})
			})
		}
	}
	for _, test := range []struct {
		body      string
		configure func(*handler.Server, *HTTP)
		graphql   int // the status with application/graphql-response+json; with application/json it is 200
		want      string
	}{
		{query, withStream, 200, data},
		{invalid, withStream, 400, invalidField},
		{`{"query":"query A{__typename}","operationName":"B"}`, withStream, 400, errorBody("operation B not found", "GRAPHQL_VALIDATION_FAILED", "")},
		{`{"query":""}`, withStream, 400, errorBody("no operation provided", "GRAPHQL_VALIDATION_FAILED", "")},
		{`{"query":"{session{id}}"}`, withStream, 200,
			`{"errors":[{"message":"no","path":["session"],"locations":[{"line":1,"column":2}],"extensions":{"code":"UNAUTHENTICATED"}}],"data":null}`},
		{query, coded("UNAUTHENTICATED"), 401, errorBody("no", "UNAUTHENTICATED", "")},
		{query, coded("FORBIDDEN"), 403, errorBody("no", "FORBIDDEN", "")},
		{query, coded("RATE_LIMITED"), 429, errorBody("no", "RATE_LIMITED", "")},
		{query, coded("UNAVAILABLE"), 503, errorBody("no", "UNAVAILABLE", "")},
		{query, coded("INTERNAL"), 500, errorBody("no", "INTERNAL", "")},
		{query, coded("BAD_USER_INPUT"), 400, errorBody("no", "BAD_USER_INPUT", "")},
	} {
		server := newServer(t, &stub{}, test.configure)
		want(t, post(t, server, test.body, "Accept", typeJSON), 200, test.want)
		w := post(t, server, test.body, "Accept", typeGraphQLJSON)
		want(t, w, test.graphql, test.want)
		if (w.Header().Get("WWW-Authenticate") == "Bearer") != (test.graphql == 401) {
			t.Errorf("%d with WWW-Authenticate %q", w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
}

func TestContentLength(t *testing.T) {
	w := post(t, newServer(t, &stub{}), query)
	if got := w.Header().Get("Content-Length"); got != "32" || w.Body.Len() != 32 {
		t.Errorf("Content-Length %s of %d bytes", got, w.Body.Len())
	}
}

func TestPanics(t *testing.T) {
	internal := errorBody("internal error", "INTERNAL", "")
	around := func(s *handler.Server, _ *HTTP) {
		s.AroundOperations(func(context.Context, graphql.OperationHandler) graphql.ResponseHandler { panic("boom") })
	}
	w := post(t, newServer(t, &stub{}, around), query)
	want(t, w, 500, internal)
	if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	silent := func(s *handler.Server, _ *HTTP) { s.SetRecoverFunc(func(context.Context, any) error { return nil }) }
	want(t, post(t, newServer(t, &stub{}, around, silent), query), 500, internal)
	want(t, post(t, newServer(t, &stub{}), `{"query":"{connection{id}}"}`), 200,
		`{"errors":[{"message":"internal error","path":["connection"],"extensions":{"code":"INTERNAL"}}],"data":null}`)
}

// A stream that panics after it has begun is cut off, and the panic is logged once.
func TestStreamPanics(t *testing.T) {
	for cause, times := range map[any]int64{"boom": 1, http.ErrAbortHandler: 0} {
		var recovered atomic.Int64
		server := httptest.NewServer(newServer(t, &stub{}, func(s *handler.Server, h *HTTP) {
			s.SetRecoverFunc(func(context.Context, any) error {
				recovered.Add(1)
				return gqlerr.New(session.CodeInternal, "", "internal error")
			})
			h.Stream = func(w http.ResponseWriter, _ *http.Request, _ Framing, _ *graphql.OperationContext, _ gqlerror.List, _ graphql.GraphExecutor) {
				_, _ = io.WriteString(w, "half")
				_ = http.NewResponseController(w).Flush()
				panic(cause)
			}
		}))
		r, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(subscription))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {typeJSON}, "Accept": {typeEventStream}}
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		server.Close()
		if string(body) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) || recovered.Load() != times {
			t.Errorf("%v: read %q, %v; recovered %d times", cause, body, err, recovered.Load())
		}
	}
}

func TestGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(query)).WithContext(ctx)
	want(t, serve(t, newServer(t, &stub{}), r, "Content-Type", typeJSON), 503, errorBody("the request was given up", "UNAVAILABLE", ""))
}

func TestBrokenBodies(t *testing.T) {
	server := newServer(t, &stub{})
	for _, test := range []struct {
		err    error
		status int
		body   string
	}{
		{errors.New("SECRET123"), 400, errorBody("the body could not be read to its end", "BAD_USER_INPUT", "MALFORMED_REQUEST")},
		{io.ErrUnexpectedEOF, 400, errorBody("the body could not be read to its end", "BAD_USER_INPUT", "MALFORMED_REQUEST")},
		{os.ErrDeadlineExceeded, 408, errorBody("the body did not arrive in time", "BAD_USER_INPUT", "MALFORMED_REQUEST")},
	} {
		body := io.MultiReader(strings.NewReader(query[:5]), iotest.ErrReader(test.err))
		want(t, serve(t, server, httptest.NewRequest(http.MethodPost, "/", body), "Content-Type", typeJSON), test.status, test.body)
	}
	whole := httptest.NewRequest(http.MethodPost, "/", iotest.OneByteReader(strings.NewReader(query)))
	want(t, serve(t, server, whole, "Content-Type", typeJSON), 200, data)
}

// The transport serves gqlgen's test client, which sends no Accept and takes any status from 400 on for a failure.
func TestTestClient(t *testing.T) {
	c := client.New(newServer(t, &stub{}))
	var response struct {
		LatestChatEntry struct{ ConnectionID, Body string }
	}
	err := c.Post(`query($id:ID!){latestChatEntry(connectionId:$id){connectionId body}}`, &response, client.Var("id", "bob"))
	if err != nil || response.LatestChatEntry.ConnectionID != "bob" || response.LatestChatEntry.Body != "hi" {
		t.Errorf("%+v, %v", response, err)
	}
	if err := c.Post(`{nope}`, &response); err == nil || !strings.Contains(err.Error(), "GRAPHQL_VALIDATION_FAILED") {
		t.Errorf("an invalid document gives %v", err)
	}
}
