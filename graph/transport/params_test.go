package transport

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

func TestDecodeParams(t *testing.T) {
	hash := map[string]any{"persistedQuery": map[string]any{"version": json.Number("1")}}
	for body, want := range map[string]graphql.RawParams{
		`{"query":"{a}"}`: {Query: "{a}"},
		`{"query":""}`:    {},
		` {"id":[{}],"query":"{a}","operationName":"A","variables":{"n":12345678901234567890},"extensions":{"x":null},"Query":"no"} `: {
			Query: "{a}", OperationName: "A", Variables: map[string]any{"n": json.Number("12345678901234567890")}, Extensions: map[string]any{"x": nil}},
		`{"query":"{a}","operationName":null,"variables":null,"extensions":null}`: {Query: "{a}"},
		`{"query":"{a}","query":"{b}"}`:                                           {Query: "{b}"},
		`{"extensions":{"persistedQuery":{"version":1}}}`:                         {Extensions: hash},
		`{"query":null,"extensions":{"persistedQuery":{"version":1}}}`:            {Extensions: hash},
		`{"query":"{a(b:\"\\ud83d\\ude00\")}"}`:                                   {Query: `{a(b:"\ud83d\ude00")}`},
	} {
		got, err := DecodeParams([]byte(body))
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s gives %+v, %v", body, got, err)
		}
	}
}

func TestDecodeParamsRefuses(t *testing.T) {
	const (
		syntax    = "the request is not valid JSON"
		surrogate = "the request has a lone surrogate escape, which stands for no character"
		literal   = "query has a lone surrogate escape, which stands for no character"
		utf       = "the request is not valid UTF-8"
		missing   = "query is missing; it must be a GraphQL document"
		batch     = "the request must be one JSON object; batches (arrays) are not supported"
	)
	for body, want := range map[string]struct{ message, reason string }{
		``:                                     {"the request is empty; it must be one JSON object with the member query", ReasonMalformedRequest},
		`"SECRET123"`:                          {"the request must be one JSON object", ReasonMalformedRequest},
		`[{"query":"SECRET123"}]`:              {batch, ReasonMalformedRequest},
		`{"query":"SECRET123`:                  {syntax, ReasonMalformedRequest},
		`{"query":"{a}"}{"query":"SECRET123"}`: {"the request must be one JSON object, with nothing after it", ReasonMalformedRequest},
		`{"query":{"a":"SECRET123"}}`:          {"query must be a string", ReasonMalformedRequest},
		`{"query":"{a}","variables":"SECRET123"}`:             {"variables must be an object or null", ReasonMalformedRequest},
		`{"query":"{a}","variables":["SECRET123"]}`:           {"variables must be an object or null", ReasonMalformedRequest},
		`{"query":"{a}","extensions":"SECRET123"}`:            {"extensions must be an object or null", ReasonMalformedRequest},
		`{"query":"{a}","operationName":["SECRET123"]}`:       {"operationName must be a string or null", ReasonMalformedRequest},
		`{"query":7,"variables":"SECRET123`:                   {syntax, ReasonMalformedRequest},
		`{"qeury":"SECRET123"}`:                               {missing, ReasonMalformedRequest},
		`{"query":null}`:                                      {missing, ReasonMalformedRequest},
		`{"extensions":{"persistedQuery":null}}`:              {missing, ReasonMalformedRequest},
		`{"query":"{a}","variables":{"b":"SECRET123\ud800"}}`: {surrogate, ReasonInvalidText},
		`{"query":"{a}","variables":{"\ud800":"SECRET123"}}`:  {surrogate, ReasonInvalidText},
		`{"query":"{a}","other":["SECRET123\udc00"]}`:         {surrogate, ReasonInvalidText},
		`{"query":"{a} #\ud800"}`:                             {surrogate, ReasonInvalidText},
		`{"query":"{a(b:\"SECRET123\\ud800\")}"}`:             {literal, ReasonInvalidText},
		"{\"query\":\"SECRET123\xff\"}":                       {utf, ReasonInvalidText},
		"{\"query\":\"{a}\",\"variables\":{\"b\":\"\xc3\"}}":  {utf, ReasonInvalidText},
	} {
		params, err := DecodeParams([]byte(body))
		var fault *gqlerror.Error
		if params != nil || !errors.As(err, &fault) {
			t.Errorf("%s gives %v, %v", body, params, err)
			continue
		}
		wantExtensions := map[string]any{"code": "BAD_USER_INPUT", "reason": want.reason}
		if fault.Message != want.message || !reflect.DeepEqual(fault.Extensions, wantExtensions) {
			t.Errorf("%s gives %q %v, want %q %v", body, fault.Message, fault.Extensions, want.message, wantExtensions)
		}
		// Over HTTP the same, and nothing of the body.
		w := post(t, newServer(t, &stub{}), body)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want.message) || strings.Contains(w.Body.String(), "SECRET123") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// TestLoneSurrogates holds hasLoneSurrogate against what the parser makes of the same literals.
func TestLoneSurrogates(t *testing.T) {
	for query, lone := range map[string]bool{
		`{a(b:"\ud83d\ude00")}`:               false,
		`{a(b:"\uD83D\uDE00")}`:               false,
		`{a(b:"x\ud83d")}`:                    true,
		`{a(b:"\ud83d ")}`:                    true,
		`{a(b:"\ud83d\u0041")}`:               true,
		`{a(b:"\ud83d\n")}`:                   true,
		`{a(b:"\ude00")}`:                     true,
		`{a(b:"\udE00\uD83d")}`:               true,
		`{a(b:"\ud83d\ud83d\ude00")}`:         true,
		`{a(b:"\ud83d\ude00\ude00")}`:         true,
		`{a(b:"\\ud83d")}`:                    false, // an escaped backslash
		`{a(b:"\\\ud83d")}`:                   true,
		`{a(b:"\"\ud83d")}`:                   true,
		`{a(b:"\u{1F600}\ud83d\ude00")}`:      false,
		`{a(b:"""\ud83d""")}`:                 false, // no escapes in a block string
		`{a(b:"""\""" " \ud83d """)}`:         false,
		`{a(b:"""\""" \ud83d """)}`:           false,
		`{a(b:"""x""""" c:"\ud83d")}`:         true,
		`{a(b:"""""" c:"\ud83d")}`:            true,
		`{a(b:"" c:"\ud83d")}`:                true,
		"{a #\"\\ud83d\n}":                    false, // a comment
		"{a #\"\"\"\n b(c:\"\\ud83d\")}":      true,
		"{a #\"\r b(c:\"\\ud83d\")}":          true,
		`{a(b:"\uFFFD\ud83d\ude00")}`:         false,
		`{a(b:"\u00e9", c:"\ud83d\ude00é😀")}`: false,
	} {
		if got := hasLoneSurrogate(query); got != lone {
			t.Errorf("%s: lone %v, want %v", query, got, lone)
		}
	}
	for _, query := range []string{`{a(b:"\u{D800}")}`, `{a(b:"\u{110000}")}`, `{a(b:"\u{}")}`} {
		if _, err := parser.ParseQuery(&ast.Source{Input: query}); err == nil {
			t.Errorf("the parser takes %s", query)
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
		"":                                  {"query is missing; it must be a GraphQL document", ReasonMalformedRequest},
		"query=%zz":                         {"the URL's query string is malformed", ReasonMalformedRequest},
		"query=a;b=c":                       {"the URL's query string is malformed", ReasonMalformedRequest},
		"query=%ff":                         {"the URL's query string is not valid UTF-8", ReasonInvalidText},
		"query={a}&operationName=%ed%a0%80": {"the URL's query string is not valid UTF-8", ReasonInvalidText},
		"query={a}&variables=SECRET123":     {"the parameter variables is not valid JSON", ReasonMalformedRequest},
		"query={a}&variables={}{}":          {"the parameter variables is not valid JSON", ReasonMalformedRequest},
		"query={a}&variables=[]":            {"the parameter variables must be a JSON object or null", ReasonMalformedRequest},
		"query={a}&extensions=1":            {"the parameter extensions must be a JSON object or null", ReasonMalformedRequest},
		"query={a}&variables=" + url.QueryEscape(`{"a":"\ud800"}`): {"the parameter variables has a lone surrogate escape, which stands for no character", ReasonInvalidText},
		"query=" + url.QueryEscape(`{a(b:"\ud800")}`):              {"query has a lone surrogate escape, which stands for no character", ReasonInvalidText},
	} {
		want(t, get(t, server, rawQuery), http.StatusBadRequest, errorBody(fault.message, "BAD_USER_INPUT", fault.reason))
	}
	want(t, get(t, server, "query={__typename}&variables=null"), http.StatusOK, `{"data":{"__typename":"Query"}}`)
}

func FuzzDecodeParams(f *testing.F) {
	for _, seed := range []string{
		`{"query":"{a}","variables":{"n":1},"operationName":null,"extensions":{}}`, `{"query":"{a(b:\"\\ud83d\\ude00\")}"}`,
		`[{"query":"{a}"}]`, `{"query":"{a(b:\"\\ud83d\")}"}`, "{\"query\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		params, err := DecodeParams(raw)
		if err != nil {
			if params != nil || err.(*gqlerror.Error).Extensions["code"] != "BAD_USER_INPUT" {
				t.Fatalf("%v, %v", params, err)
			}
			return
		}
		if !utf8.Valid(raw) || !utf8.ValidString(params.Query) {
			t.Fatal("invalid UTF-8 passed")
		}
		document, parseErr := parser.ParseQuery(&ast.Source{Input: params.Query})
		if parseErr == nil && !strings.ContainsRune(params.Query, utf8.RuneError) &&
			!strings.Contains(strings.ToLower(params.Query), `fffd`) && hasReplacement(document) {
			t.Fatal("a literal became U+FFFD")
		}
	})
}

// hasReplacement says whether an argument of a field at the top holds U+FFFD.
func hasReplacement(document *ast.QueryDocument) bool {
	for _, operation := range document.Operations {
		for _, selection := range operation.SelectionSet {
			field, ok := selection.(*ast.Field)
			if !ok {
				continue
			}
			for _, argument := range field.Arguments {
				if strings.ContainsRune(argument.Value.Raw, utf8.RuneError) {
					return true
				}
			}
		}
	}
	return false
}
