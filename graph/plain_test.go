package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"

	"chattok/graph/edge"
	"chattok/graph/generated"
	"chattok/graph/transport"
	"chattok/session"
)

// echo answers an add with what it was asked to add, and fails as its body says.
type echo struct {
	generated.ResolverRoot
	generated.MutationResolver
}

func (e echo) Mutation() generated.MutationResolver   { return e }
func (e echo) ChatEntry() generated.ChatEntryResolver { return e }

func (echo) AddChatEntry(_ context.Context, connectionID, body string, key *string) (*session.ChatEntry, error) {
	switch body {
	case "refused":
		return nil, session.Errorf(session.CodeBadUserInput, "body must be better").WithReason("WORSE")
	case "failed":
		return nil, errors.New("sql: no such thing")
	case "panic":
		panic("boom")
	}
	if key != nil {
		body += " under " + *key
	}
	return &session.ChatEntry{SessionID: "s", Epoch: 5, Seq: 1 << 40, ConnectionID: connectionID, Body: body,
		CreatedAt: time.Date(2026, 1, 31, 12, 0, 0, 999_999, time.UTC)}, nil
}

func (echo) IdempotencyKey(context.Context, *session.ChatEntry) (*string, error) { return nil, nil }

func (echo) Connection(_ context.Context, e *session.ChatEntry) (*session.Connection, error) {
	return &session.Connection{ID: e.ConnectionID, Role: session.RolePublisher}, nil
}

// Whatever is asked, the answer is that of the generated schema to the byte.
func TestPlainAddsAnswerAsGenerated(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	serve := func(schema graphql.ExecutableSchema) http.Handler {
		server := handler.New(schema)
		server.AddTransport(transport.HTTP{})
		server.SetErrorPresenter(presenter(log))
		server.SetRecoverFunc(recoverer(log))
		return edge.Observe(log, server)
	}
	whole := generated.NewExecutableSchema(generated.Config{Resolvers: echo{}})
	counted := &counting{ExecutableSchema: whole}
	generic, short := serve(whole), serve(plainAdds{counted, echo{}})

	const all = "id seq cursor connectionId body createdAt __typename"
	for _, test := range []struct {
		plain            bool
		query, variables string
	}{
		{true, `mutation{addChatEntry(connectionId:"a",body:"hi"){seq}}`, ``},
		{true, `mutation{addChatEntry(connectionId:"a",body:"hi"){` + all + `}}`, ``},
		{true, `mutation M{x:addChatEntry(body:"""b"l<o>c\k""",connectionId:"é\u0001",idempotencyKey:null){n:seq seq b:body body}}`, ``},
		{true, `mutation($c:ID!,$b:String!,$k:ID){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){` + all + `}}`, `{"c":"a","b":"\"<&>\u2028😀\\"}`},
		{true, `mutation($c:ID!,$b:String!,$k:ID){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){body}}`, `{"c":"a","b":"hi","k":"k1"}`},
		{true, `mutation($c:ID!,$b:String!,$k:ID){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){body}}`, `{"c":"a","b":"hi","k":null}`},
		{true, `mutation($c:ID!="d",$b:String!){addChatEntry(connectionId:$c,body:$b){body connectionId}}`, `{"b":"hi"}`},
		{true, `mutation($b:String!){addChatEntry(connectionId:"a",body:$b){body}}`, `{"b":"refused"}`},
		{true, `mutation($b:String!){add:addChatEntry(connectionId:"a",body:$b){body}}`, `{"b":"failed"}`},
		{true, `mutation($b:String!){addChatEntry(connectionId:"a",body:$b){body}}`, `{"b":"panic"}`},
		{true, `query Q{session{id}} mutation M{addChatEntry(connectionId:"a",body:"hi"){seq}}`, ``},
		{false, `mutation($c:ID!){addChatEntry(connectionId:$c,body:"hi"){connectionId}}`, `{"c":7}`},
		{false, `mutation{addChatEntry(connectionId:7,body:"hi"){connectionId}}`, ``},
		{false, `mutation{addChatEntry(connectionId:"a",body:"hi"){seq connection{id}}}`, ``},
		{false, `mutation{addChatEntry(connectionId:"a",body:"hi"){seq seq}}`, ``},
		{false, `mutation{addChatEntry(connectionId:"a",body:"hi"){seq...{body}}}`, ``},
		{false, `mutation{addChatEntry(connectionId:"a",body:"hi"){seq ...F}} fragment F on ChatEntry{body}`, ``},
		{false, `mutation{...F} fragment F on Mutation{addChatEntry(connectionId:"a",body:"hi"){seq}}`, ``},
		{false, `mutation($s:Boolean!){addChatEntry(connectionId:"a",body:"hi"){seq body@skip(if:$s)}}`, `{"s":true}`},
		{false, `mutation($s:Boolean!){addChatEntry(connectionId:"a",body:"hi")@include(if:$s){seq}}`, `{"s":false}`},
		{false, `mutation{a:addChatEntry(connectionId:"a",body:"1"){seq}b:addChatEntry(connectionId:"a",body:"2"){body}}`, ``},
		{false, `mutation{__typename}`, ``},
		{false, `mutation{addChatEntry(connectionId:"a",body:"hi"){a:seq b:seq c:seq d:seq e:seq f:seq g:seq h:seq i:seq}}`, ``},
	} {
		body := fmt.Sprintf(`{"query":%q`, test.query)
		if strings.HasPrefix(test.query, "query Q") {
			body += `,"operationName":"M"`
		}
		if test.variables != "" {
			body += `,"variables":` + test.variables
		}
		body += "}"
		counted.execs = 0
		want, got := ask(generic, body), ask(short, body)
		if got != want {
			t.Errorf("%s %s:\n got %s\nwant %s", test.query, test.variables, got, want)
		}
		if plain := counted.execs == 0; plain != test.plain {
			t.Errorf("%s: executed as a plain add: %v", test.query, plain)
		}
	}
}

func ask(h http.Handler, body string) string {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(edge.RequestIDHeader, "id-1") // which an internal error names
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return fmt.Sprint(w.Code, " ", w.Body)
}

// counting counts the executions of a schema.
type counting struct {
	graphql.ExecutableSchema
	execs int
}

func (c *counting) Exec(ctx context.Context) graphql.ResponseHandler {
	c.execs++
	return c.ExecutableSchema.Exec(ctx)
}
