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

// echo answers an add with its arguments, and fails as its body says.
type echo struct {
	generated.ResolverRoot
	generated.ChatEntryResolver
	generated.MutationResolver
}

func (e echo) Mutation() generated.MutationResolver   { return e }
func (e echo) ChatEntry() generated.ChatEntryResolver { return e }

func (echo) AddChatEntry(_ context.Context, connectionID *string, body string, key, replyTo, data, sessionID *string, as *session.ActAs) (*session.ChatEntry, error) {
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
	from := "nobody"
	switch {
	case as != nil:
		from = *as.Name
	case sessionID != nil:
		from = "the server in " + *sessionID
	case connectionID != nil:
		from = *connectionID
	}
	e := &session.ChatEntry{SessionID: "s", Epoch: 5, Seq: 1 << 40, Place: 1 << 41, ConnectionID: from, UserID: replyTo, Body: body,
		Data: data, Version: 3, CreatedAt: time.Date(2026, 1, 31, 12, 0, 0, 999_999, time.UTC)}
	if body == "changed" { // as a retry may find it
		e.EditedAt, e.DeletedAt, e.DeletedBy = new(e.CreatedAt.Add(time.Hour)), new(e.CreatedAt.Add(2*time.Hour)), "m"
	}
	return e, nil
}

func (echo) MyReactions(context.Context, *session.ChatEntry) ([]string, error) { return nil, nil }

func (echo) IdempotencyKey(context.Context, *session.ChatEntry) (*string, error) { return nil, nil }

func (echo) Connection(_ context.Context, e *session.ChatEntry) (*session.Connection, error) {
	return &session.Connection{ID: e.ConnectionID, Role: session.RolePublisher}, nil
}

// Every operation is answered as the generated schema answers it, byte for byte.
func TestFastAddsAnswerAsGenerated(t *testing.T) {
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
	generic, short := serve(whole), serve(fastAdds{counted, echo{}})

	const all = "id seq cursor connectionId userId body data createdAt version editedAt deletedAt deletedBy __typename"
	for _, test := range []struct {
		fast             bool
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
		{true, `mutation{addChatEntry(connectionId:"a",body:"changed",replyTo:"é",data:"{\"card\":1}"){` + all + `}}`, ``},
		{true, `mutation($r:ID,$d:String){addChatEntry(connectionId:"a",body:"hi",replyTo:$r,data:$d){` + all + `}}`, `{"r":null,"d":"<"}`},
		{true, `mutation($r:ID,$d:String){addChatEntry(connectionId:"a",body:"hi",replyTo:$r,data:$d){` + all + `}}`, ``},
		{true, `mutation{addChatEntry(connectionId:"a",body:"failed",replyTo:"r",data:"d"){seq}}`, ``},
		{true, `mutation{addChatEntry(body:"hi"){` + all + `}}`, ``},
		{true, `mutation($c:ID,$s:ID,$as:ActAs){addChatEntry(connectionId:$c,body:"hi",sessionId:$s,as:$as){` + all + `}}`, `{"c":null,"s":"room","as":null}`},
		{true, `mutation{addChatEntry(body:"failed",sessionId:"room",as:null){seq}}`, ``},
		{false, `mutation{addChatEntry(body:"hi",sessionId:"room",as:{name:"Bot"}){connectionId}}`, ``},
		{false, `mutation($as:ActAs){addChatEntry(body:"hi",sessionId:"room",as:$as){connectionId}}`, `{"as":{"name":"Bot"}}`},
		{false, `mutation{addChatEntry(connectionId:"a",body:"hi"){seq myReactions}}`, ``},
		{false, `mutation{addChatEntry(connectionId:"a",body:"hi"){seq reactions{name}}}`, ``},
		{false, `mutation{addChatEntry(connectionId:"a",body:"hi",replyTo:7){seq}}`, ``},
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
		{false, `mutation{addChatEntry(connectionId:"a",body:"hi"){a:seq b:seq c:seq d:seq e:seq f:seq g:seq h:seq i:seq j:seq k:seq l:seq m:seq n:seq o:seq p:seq q:seq}}`, ``},
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
		if fast := counted.execs == 0; fast != test.fast {
			t.Errorf("%s: executed as a fast add: %v", test.query, fast)
		}
	}
}

func ask(h http.Handler, body string) string {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(edge.RequestIDHeader, "id-1") // an internal error names this id
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
