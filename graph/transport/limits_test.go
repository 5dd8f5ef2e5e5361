package transport

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler"

	"chattok/graph/transport/document"
)

const tooManyTokens = "a document must have at most 1000 tokens"

// A document above a limit is refused with one error, over POST and GET, and nothing of it is executed.
func TestLimits(t *testing.T) {
	entries := "mutation{"
	for _, alias := range strings.Fields("a b c d e f g h i j k") {
		entries += alias + `:addChatEntry(connectionId:"a",body:"b"){seq}`
	}
	for name, test := range map[string]struct{ query, reason, message string }{
		"3,000 directives": {"{__typename " + strings.Repeat("@a ", 3000) + "}", document.ReasonDocumentTooLarge, tooManyTokens},
		"21 levels":        {strings.Repeat("{a", 21) + strings.Repeat("}", 21), document.ReasonTooDeep, "a document must nest at most 20 deep, counted wherever a fragment is spread"},
		"11 mutations":     {entries + "}", document.ReasonTooComplex, "an operation must have at most 10 fields at its top"},
		"the second operation": {"query A{__typename} " + strings.Replace(entries, "{", " B{", 1) + "}", document.ReasonTooComplex,
			"an operation must have at most 10 fields at its top"},
		"501 fields": {"{session{" + strings.Repeat("id ", 500) + "}}", document.ReasonTooComplex,
			"an operation must have at most 500 fields, counted wherever a fragment is spread"},
		"@defer": {"{...@defer{__typename}}", document.ReasonUnsupported, "@defer is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &stub{}
			server := newServer(t, s)
			body := jsonBody(t, test.query)
			refused := errorBody(test.message, "BAD_USER_INPUT", test.reason)
			want(t, post(t, server, body), http.StatusOK, refused)
			want(t, post(t, server, body, "Accept", typeGraphQLJSON), http.StatusBadRequest, refused)
			if rawQuery := "query=" + url.QueryEscape(test.query); len(rawQuery) <= DefaultMaxQueryBytes {
				want(t, get(t, server, rawQuery), http.StatusOK, refused)
			}
			if n := s.added.Load(); n != 0 {
				t.Errorf("%d entries stored", n)
			}
		})
	}
}

// A document that has passed is found in the cache and not measured again.
func TestLimitsRemember(t *testing.T) {
	documents := document.NewCache(0)
	limits := &document.Limits{Documents: documents}
	server := newServer(t, &stub{}, func(s *handler.Server, _ *HTTP) {
		s.SetQueryCache(documents)
		s.Use(limits)
	})
	want(t, post(t, server, query), 200, data)
	limits.Tokens = 1
	want(t, post(t, server, query), 200, data)
	want(t, post(t, server, `{"query":"{ __typename }"}`), 200, errorBody("a document must have at most 1 tokens", "BAD_USER_INPUT", document.ReasonDocumentTooLarge))
}
