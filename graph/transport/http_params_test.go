package transport

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"chattok/graph/transport/gqlerr"
)

// A refused body is answered with 400 and the fault; the answer quotes nothing of the body.
func TestBodyRefused(t *testing.T) {
	for body, message := range map[string]string{
		``:                            "the request is empty; it must be one JSON object with the member query",
		`[{"query":"SECRET123"}]`:     "the request must be one JSON object; batches (arrays) are not supported",
		`{"query":"SECRET123`:         "the request is not valid JSON",
		`{"query":{"a":"SECRET123"}}`: "query must be a string",
		`{"query":"{a}","variables":"SECRET123"}`:             "variables must be an object or null",
		`{"query":"{a}","variables":{"b":"SECRET123\ud800"}}`: "the request has a lone surrogate escape, which stands for no character",
		`{"query":"{a(b:\"SECRET123\\ud800\")}"}`:             "query has a lone surrogate escape, which stands for no character",
		"{\"query\":\"SECRET123\xff\"}":                       "the request is not valid UTF-8",
	} {
		w := post(t, newServer(t, &stub{}), body)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), message) || strings.Contains(w.Body.String(), "SECRET123") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestStringLiteralsArriveWhole(t *testing.T) {
	s := &stub{bodies: make(chan string, 1)}
	server := newServer(t, s)
	for _, literal := range []string{`"\ud83d\ude00"`, `"\uD83D\uDE00"`, `"\u{1F600}"`, `"😀"`, `"""😀"""`} {
		body := jsonBody(t, `mutation{addChatEntry(connectionId:"a",body:`+literal+`){seq}}`)
		if w := post(t, server, body); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "errors") {
			t.Fatalf("%s: %s", literal, w.Body)
		}
		if got := <-s.bodies; got != "😀" {
			t.Errorf("%s came as %q", literal, got)
		}
	}
}

func TestURLParamsRefuses(t *testing.T) {
	server := newServer(t, &stub{})
	for rawQuery, fault := range map[string]struct{ message, reason string }{
		"":                                  {"query is missing; it must be a GraphQL document", gqlerr.ReasonMalformedRequest},
		"query=%zz":                         {"the URL's query string is malformed", gqlerr.ReasonMalformedRequest},
		"query=a;b=c":                       {"the URL's query string is malformed", gqlerr.ReasonMalformedRequest},
		"query=%ff":                         {"the URL's query string is not valid UTF-8", gqlerr.ReasonInvalidText},
		"query={a}&operationName=%ed%a0%80": {"the URL's query string is not valid UTF-8", gqlerr.ReasonInvalidText},
		"query={a}&variables=SECRET123":     {"the parameter variables is not valid JSON", gqlerr.ReasonMalformedRequest},
		"query={a}&variables={}{}":          {"the parameter variables is not valid JSON", gqlerr.ReasonMalformedRequest},
		"query={a}&variables=[]":            {"the parameter variables must be a JSON object or null", gqlerr.ReasonMalformedRequest},
		"query={a}&extensions=1":            {"the parameter extensions must be a JSON object or null", gqlerr.ReasonMalformedRequest},
		"query={a}&variables=" + url.QueryEscape(`{"a":"\ud800"}`): {"the parameter variables has a lone surrogate escape, which stands for no character", gqlerr.ReasonInvalidText},
		"query=" + url.QueryEscape(`{a(b:"\ud800")}`):              {"query has a lone surrogate escape, which stands for no character", gqlerr.ReasonInvalidText},
	} {
		want(t, get(t, server, rawQuery), http.StatusBadRequest, errorBody(fault.message, "BAD_USER_INPUT", fault.reason))
	}
	want(t, get(t, server, "query={__typename}&variables=null"), http.StatusOK, `{"data":{"__typename":"Query"}}`)
}
