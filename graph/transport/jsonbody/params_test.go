package jsonbody

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"chattok/graph/transport/gqlerr"
)

func TestDecode(t *testing.T) {
	hash := map[string]any{"persistedQuery": map[string]any{"version": json.Number("1")}}
	for body, want := range map[string]graphql.RawParams{
		`{"query":"{a}"}`: {Query: "{a}"},
		`{"query":""}`:    {},
		` {"id":[{}],"query":"{a}","operationName":"A","variables":{"n":12345678901234567890},"extensions":{"x":null},"Query":"no"} `: {
			Query: "{a}", OperationName: "A", Variables: map[string]any{"n": json.Number("12345678901234567890")}},
		`{"query":"{a}","operationName":null,"variables":null,"extensions":null}`: {Query: "{a}"},
		`{"query":"{a}","query":"{b}"}`:                                           {Query: "{b}"},
		`{"extensions":{"persistedQuery":{"version":1}}}`:                         {Extensions: hash},
		`{"extensions":{"persistedQuery":{"version":1,"x":[1]},"traceparent":"00-a","x":"y"},"query":"{a}"}`: {Query: "{a}",
			Extensions: map[string]any{"persistedQuery": map[string]any{"version": json.Number("1")}, "traceparent": "00-a"}},
		`{"extensions":{"persistedQuery":[[]],"traceparent":["00-a"]},"query":"{a}"}`: {Query: "{a}", Extensions: map[string]any{"persistedQuery": false}},
		`{"query":null,"extensions":{"persistedQuery":{"version":1}}}`:                {Extensions: hash},
		`{"query":"{a(b:\"\\ud83d\\ude00\")}"}`:                                       {Query: `{a(b:"\ud83d\ude00")}`},
	} {
		got, err := Decode([]byte(body))
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s gives %+v, %v", body, got, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	const (
		syntax    = "the request is not valid JSON"
		surrogate = "the request has a lone surrogate escape, which stands for no character"
		literal   = "query has a lone surrogate escape, which stands for no character"
		utf       = "the request is not valid UTF-8"
		missing   = "query is missing; it must be a GraphQL document"
		batch     = "the request must be one JSON object; batches (arrays) are not supported"
	)
	for body, want := range map[string]struct{ message, reason string }{
		``:                                     {"the request is empty; it must be one JSON object with the member query", gqlerr.ReasonMalformedRequest},
		`"SECRET123"`:                          {"the request must be one JSON object", gqlerr.ReasonMalformedRequest},
		`[{"query":"SECRET123"}]`:              {batch, gqlerr.ReasonMalformedRequest},
		`{"query":"SECRET123`:                  {syntax, gqlerr.ReasonMalformedRequest},
		`{"query":"{a}"}{"query":"SECRET123"}`: {"the request must be one JSON object, with nothing after it", gqlerr.ReasonMalformedRequest},
		`{"query":{"a":"SECRET123"}}`:          {"query must be a string", gqlerr.ReasonMalformedRequest},
		`{"query":"{a}","variables":"SECRET123"}`:             {"variables must be an object or null", gqlerr.ReasonMalformedRequest},
		`{"query":"{a}","variables":["SECRET123"]}`:           {"variables must be an object or null", gqlerr.ReasonMalformedRequest},
		`{"query":"{a}","extensions":"SECRET123"}`:            {"extensions must be an object or null", gqlerr.ReasonMalformedRequest},
		`{"query":"{a}","operationName":["SECRET123"]}`:       {"operationName must be a string or null", gqlerr.ReasonMalformedRequest},
		`{"query":7,"variables":"SECRET123`:                   {syntax, gqlerr.ReasonMalformedRequest},
		`{"qeury":"SECRET123"}`:                               {missing, gqlerr.ReasonMalformedRequest},
		`{"query":null}`:                                      {missing, gqlerr.ReasonMalformedRequest},
		`{"extensions":{"persistedQuery":null}}`:              {missing, gqlerr.ReasonMalformedRequest},
		`{"query":"{a}","variables":{"b":"SECRET123\ud800"}}`: {surrogate, gqlerr.ReasonInvalidText},
		`{"query":"{a}","variables":{"\ud800":"SECRET123"}}`:  {surrogate, gqlerr.ReasonInvalidText},
		`{"query":"{a}","other":["SECRET123\udc00"]}`:         {surrogate, gqlerr.ReasonInvalidText},
		`{"query":"{a} #\ud800"}`:                             {surrogate, gqlerr.ReasonInvalidText},
		`{"query":"{a(b:\"SECRET123\\ud800\")}"}`:             {literal, gqlerr.ReasonInvalidText},
		"{\"query\":\"SECRET123\xff\"}":                       {utf, gqlerr.ReasonInvalidText},
		"{\"query\":\"{a}\",\"variables\":{\"b\":\"\xc3\"}}":  {utf, gqlerr.ReasonInvalidText},
	} {
		params, err := Decode([]byte(body))
		if params != nil || err == nil {
			t.Errorf("%s gives %v, %v", body, params, err)
			continue
		}
		wantExtensions := map[string]any{"code": "BAD_USER_INPUT", "reason": want.reason}
		if err.Message != want.message || !reflect.DeepEqual(err.Extensions, wantExtensions) {
			t.Errorf("%s gives %q %v, want %q %v", body, err.Message, err.Extensions, want.message, wantExtensions)
		}
	}
}

// hasLoneSurrogate agrees with the parser about the same literals.
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

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"query":"{a}","variables":{"n":1},"operationName":null,"extensions":{}}`, `{"query":"{a(b:\"\\ud83d\\ude00\")}"}`,
		`[{"query":"{a}"}]`, `{"query":"{a(b:\"\\ud83d\")}"}`, "{\"query\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		params, err := Decode(raw)
		if err != nil {
			if params != nil || err.Extensions["code"] != "BAD_USER_INPUT" {
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

// hasReplacement says whether an argument of a root field contains U+FFFD.
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
