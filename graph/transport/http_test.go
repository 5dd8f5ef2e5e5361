package transport

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"chattok/graph/transport/gqlerr"
)

const (
	notAcceptable = "nothing that Accept admits can be sent; responses are application/json or application/graphql-response+json"
	notJSON       = "the body must be JSON in UTF-8, with Content-Type: application/json and no Content-Encoding"
	needsSocket   = "a subscription needs a stream: WebSocket (subprotocol graphql-transport-ws)"
	needsStream   = needsSocket + ", or POST with Accept: text/event-stream, or POST with Accept: multipart/mixed;subscriptionSpec=1.0"
	mutation      = `{"query":"mutation{addChatEntry(connectionId:\"a\",body:\"hi\"){seq body}}"}`
)

// The kind of an operation and Accept together decide how it is answered.
func TestKindDecides(t *testing.T) {
	const (
		urql      = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
		multipart = `multipart/mixed;subscriptionSpec="1.0", application/json`
		added     = `{"data":{"addChatEntry":{"seq":1,"body":"hi"}}}`
	)
	refused := errorBody(needsStream, "BAD_USER_INPUT", ReasonStreamRequired)
	for _, test := range []struct {
		accept, body string
		status       int
		contentType  string
		want         string
	}{
		{urql, query, 200, typeGraphQLJSON, data},
		{urql, mutation, 200, typeGraphQLJSON, added},
		{urql, subscription, 200, typeEventStream, "stream subscription"},
		{urql, invalid, 400, typeGraphQLJSON, invalidField},
		{"multipart/mixed;deferSpec=20220824,application/json", query, 200, typeJSON, data},
		{multipart, query, 200, typeJSON, data},
		{multipart, subscription, 200, typeMultipart, "stream subscription"},
		{multipart, invalid, 200, typeJSON, invalidField},
		{"text/event-stream", query, 200, typeEventStream, "stream query"},
		{"text/event-stream", mutation, 200, typeEventStream, "stream mutation"},
		{"text/event-stream", subscription, 200, typeEventStream, "stream subscription"},
		{"text/event-stream", invalid, 200, typeEventStream, "errors " + invalidField},
		{"text/event-stream", `{"query":"{"}`, 200, typeEventStream,
			`errors {"errors":[{"message":"Expected Name, found \u003cEOF\u003e","locations":[{"line":1,"column":2}],"extensions":{"code":"GRAPHQL_PARSE_FAILED"}}]}`},
		{"text/event-stream", `{`, 400, typeJSON, errorBody("the request is not valid JSON", "BAD_USER_INPUT", gqlerr.ReasonMalformedRequest)},
		{typeJSON, subscription, 406, typeJSON, refused},
		{"", subscription, 406, typeJSON, refused},
		{"*/*", subscription, 406, typeJSON, refused},
		{typeGraphQLJSON, subscription, 406, typeJSON, refused},
		{"text/html", query, 406, typeJSON, errorBody(notAcceptable, "BAD_USER_INPUT", gqlerr.ReasonMalformedRequest)},
	} {
		s := &stub{}
		w := post(t, newServer(t, s, withStream), test.body, "Accept", test.accept)
		want(t, w, test.status, test.want)
		if got := strings.TrimSuffix(w.Header().Get("Content-Type"), "; charset=utf-8"); got != test.contentType {
			t.Errorf("Accept %q, %s: Content-Type %q", test.accept, test.body, got)
		}
		if got := w.Header()["Vary"]; !reflect.DeepEqual(got, []string{"Accept"}) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("Accept %q, %s: headers %v", test.accept, test.body, w.Header())
		}
		if n := s.subscribed.Load(); n != 0 {
			t.Errorf("Accept %q, %s: %d subscribers", test.accept, test.body, n)
		}
	}
}

func TestWithoutStreams(t *testing.T) {
	server := newServer(t, &stub{})
	want(t, post(t, server, query, "Accept", "text/event-stream"), 406,
		errorBody(notAcceptable, "BAD_USER_INPUT", gqlerr.ReasonMalformedRequest))
	want(t, post(t, server, subscription, "Accept", "text/event-stream, application/json"), 406,
		errorBody(needsSocket, "BAD_USER_INPUT", ReasonStreamRequired))
}

// A GET runs queries only.
func TestGET(t *testing.T) {
	const both = `query Q{__typename} mutation M{addChatEntry(connectionId:"a",body:"hi"){seq}}`
	refused := errorBody("GET runs queries only; send a mutation by POST", "BAD_USER_INPUT", gqlerr.ReasonMalformedRequest)
	for _, test := range []struct {
		query, rest, accept string
		status              int
		want                string
	}{
		{"{__typename}", "", "", 200, data},
		{both, "&operationName=Q", "", 200, data},
		{both, "&operationName=M", "", 405, refused},
		{both, "&operationName=M", "text/event-stream", 405, refused},
		{`mutation{addChatEntry(connectionId:"a",body:"hi"){seq}}`, "", typeGraphQLJSON, 405, refused},
		{"subscription{entryAdded{seq}}", "", "text/event-stream", 200, "stream subscription"},
		{"{__typename}", "", "text/event-stream", 200, "stream query"},
		{"{nope}", "", "", 200, invalidField},
		{"{nope}", "", typeGraphQLJSON, 400, invalidField},
	} {
		s := &stub{}
		w := get(t, newServer(t, s, withStream), "query="+url.QueryEscape(test.query)+test.rest, "Accept", test.accept)
		want(t, w, test.status, test.want)
		if allow := w.Header().Get("Allow"); (test.status == 405) != (allow == "POST") {
			t.Errorf("%s%s: Allow %q", test.query, test.rest, allow)
		}
		if n := s.added.Load(); n != 0 {
			t.Errorf("%s%s stored %d entries", test.query, test.rest, n)
		}
	}
	s := &stub{}
	server := newServer(t, s, withStream)
	for _, accept := range []string{"", "*/*", "multipart/mixed;subscriptionSpec=1.0"} {
		w := get(t, server, "query="+url.QueryEscape("subscription{entryAdded{seq}}"), "Accept", accept)
		want(t, w, 405, errorBody("GET runs queries only; send a subscription by "+strings.TrimPrefix(needsStream, "a subscription needs a stream: "),
			"BAD_USER_INPUT", gqlerr.ReasonMalformedRequest))
		if allow := w.Header().Get("Allow"); allow != "POST" || s.subscribed.Load() != 0 {
			t.Errorf("Accept %q: Allow %q, %d subscribers", accept, allow, s.subscribed.Load())
		}
	}
	want(t, get(t, server, "query="+strings.Repeat("a", 1<<20)), 414,
		errorBody("the URL's query string must be at most 16384 bytes", "BAD_USER_INPUT", gqlerr.ReasonTooLarge))
	want(t, serve(t, server, httptest.NewRequest(http.MethodHead, "/graphql?query={__typename}", nil)), 200, data)
}

// A request that a plain HTML form can send is never executed.
func TestMethodsAndContentTypes(t *testing.T) {
	s := &stub{}
	server := newServer(t, s)
	for _, header := range [][]string{
		{"Content-Type", ""},
		{"Content-Type", "text/plain"},
		{"Content-Type", "text/plain;charset=UTF-8"},
		{"Content-Type", "application/x-www-form-urlencoded"},
		{"Content-Type", "multipart/form-data; boundary=x"},
		{"Content-Type", "application/json; charset=iso-8859-1"},
		{"Content-Encoding", "gzip"},
	} {
		w := post(t, server, mutation, header...)
		want(t, w, 415, errorBody(notJSON, "BAD_USER_INPUT", gqlerr.ReasonMalformedRequest))
		if w.Header().Get("Accept-Post") != typeJSON {
			t.Errorf("%s: headers %v", header, w.Header())
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
		w := serve(t, server, httptest.NewRequest(method, "/graphql", strings.NewReader(mutation)), "Content-Type", typeJSON)
		want(t, w, 405, errorBody("operations are sent by POST; queries also by GET", "BAD_USER_INPUT", gqlerr.ReasonMalformedRequest))
		if got := w.Header().Get("Allow"); got != "GET, HEAD, POST, OPTIONS" {
			t.Errorf("%s: Allow %q", method, got)
		}
	}
	w := serve(t, server, httptest.NewRequest(http.MethodOptions, "/graphql", nil))
	if w.Code != 204 || w.Header().Get("Allow") != "GET, HEAD, POST, OPTIONS" {
		t.Errorf("OPTIONS: %d %v", w.Code, w.Header())
	}
	if n := s.added.Load(); n != 0 {
		t.Errorf("%d entries stored", n)
	}
}
