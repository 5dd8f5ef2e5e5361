package transport

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func hashOf(query string) string {
	sum := sha256.Sum256([]byte(query))
	return hex.EncodeToString(sum[:])
}

func persistedExtensions(hash string) string {
	return `{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}}`
}

// persistedBody is a request with this hash, and with this text unless it is empty.
func persistedBody(tb testing.TB, hash, query string) string {
	if query == "" {
		return `{"extensions":` + persistedExtensions(hash) + `}`
	}
	return strings.TrimSuffix(jsonBody(tb, query), "}") + `,"extensions":` + persistedExtensions(hash) + `}`
}

// TestPersisted is case 22: a miss, the text, a hit, in this order, and nothing for a text with another's hash.
func TestPersisted(t *testing.T) {
	const (
		read  = "{ __typename }"
		write = `mutation { addChatEntry(connectionId: "a", body: "hi") { body } }`
	)
	miss := errorBody("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND", "")
	mismatch := errorBody("extensions.persistedQuery.sha256Hash is not the SHA-256 of query", "BAD_USER_INPUT", ReasonPersistedQueryHashMismatch)

	s := &stub{}
	server := newServer(t, s)
	byGet := func(hash string) string { return "extensions=" + url.QueryEscape(persistedExtensions(hash)) }

	want(t, post(t, server, persistedBody(t, hashOf(read), "")), 200, miss)
	want(t, post(t, server, persistedBody(t, hashOf(read), ""), "Accept", typeGraphQLJSON), 400, miss)
	want(t, get(t, server, byGet(hashOf(read))), 200, miss)
	want(t, post(t, server, persistedBody(t, hashOf(read), read)), 200, data)
	want(t, post(t, server, persistedBody(t, hashOf(read), "")), 200, data)
	want(t, post(t, server, persistedBody(t, strings.ToUpper(hashOf(read)), "")), 200, data)
	want(t, get(t, server, byGet(strings.ToUpper(hashOf(read)))), 200, data)

	wrong := hashOf("something else")
	want(t, post(t, server, persistedBody(t, wrong, write)), 200, mismatch)
	want(t, post(t, server, persistedBody(t, wrong, "")), 200, miss)
	want(t, post(t, server, persistedBody(t, hashOf(write), "")), 200, miss)
	if n := s.added.Load(); n != 0 {
		t.Errorf("%d entries stored by a text with another's hash", n)
	}

	// A mutation may be persisted, but a GET runs none all the same.
	want(t, post(t, server, persistedBody(t, strings.ToUpper(hashOf(write)), write)), 200, `{"data":{"addChatEntry":{"body":"hi"}}}`)
	want(t, get(t, server, byGet(hashOf(write))), 405, errorBody("GET runs queries only; send a mutation by POST", "BAD_USER_INPUT", ReasonMalformedRequest))
	if n := s.added.Load(); n != 1 {
		t.Errorf("%d entries stored, want 1", n)
	}
}

func TestPersistedMalformed(t *testing.T) {
	server := newServer(t, &stub{})
	refused := errorBody("extensions.persistedQuery must have version 1 and sha256Hash, 64 hexadecimal digits", "BAD_USER_INPUT", ReasonPersistedQueryMalformed)
	for _, extension := range []string{
		`true`, `"x"`, `[]`, `{}`, `{"version":1}`, `{"version":1,"sha256Hash":7}`, `{"version":1,"sha256Hash":""}`,
		`{"version":2,"sha256Hash":"` + hashOf("") + `"}`, `{"version":"1","sha256Hash":"` + hashOf("") + `"}`,
		`{"version":1,"sha256Hash":"` + strings.Repeat("g", 64) + `"}`, `{"version":1,"sha256Hash":"` + strings.Repeat("a", 63) + `"}`,
	} {
		want(t, post(t, server, `{"query":"{ __typename }","extensions":{"persistedQuery":`+extension+`}}`), 200, refused)
	}
}

// A text above the limits is refused and not kept.
func TestPersistedAboveLimits(t *testing.T) {
	server := newServer(t, &stub{})
	text := "{" + strings.Repeat(" a", 3000) + " }"
	want(t, post(t, server, persistedBody(t, hashOf(text), text)), 200, errorBody(tooManyTokens, "BAD_USER_INPUT", ReasonDocumentTooLarge))
	want(t, post(t, server, persistedBody(t, hashOf(text), "")), 200, errorBody("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND", ""))
}

// 10,000 texts of 100 KB stay within the bound, and it is the oldest that go.
func TestPersistedIsBounded(t *testing.T) {
	const n, bytes = 10_000, 100_000
	p := NewPersisted(0)
	for i := range n {
		// What counts is the size it says; n texts of their own, and their hashes, would only cost time.
		p.texts.add(fmt.Sprint(i), "", bytes+entryBytes)
	}
	fits := DefaultPersistedBytes / (bytes + entryBytes)
	if len(p.texts.entries) != fits || p.texts.order.Len() != fits || p.texts.used != int64(fits*(bytes+entryBytes)) {
		t.Errorf("%d texts in %d bytes, want %d texts", len(p.texts.entries), p.texts.used, fits)
	}
	for i, kept := range map[int]bool{0: false, n - fits - 1: false, n - fits: true, n - 1: true} {
		if _, ok := p.texts.get(fmt.Sprint(i)); ok != kept {
			t.Errorf("text %d kept: %t", i, ok)
		}
	}

	// A text is counted with what it takes, and one above an eighth of the bound is executed but not kept.
	p = NewPersisted(8 * (entryBytes + 20))
	for size, kept := range map[int]bool{20: true, 21: false} {
		text := strings.Repeat("a", size)
		extension := map[string]any{"version": json.Number("1"), "sha256Hash": hashOf(text)}
		if err := p.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: text, Extensions: map[string]any{persistedQueryKey: extension}}); err != nil {
			t.Error(err)
		}
		if _, ok := p.texts.get(hashOf(text)); ok != kept {
			t.Errorf("text of %d bytes kept: %t", size, ok)
		}
	}
}

func TestBoundedCacheOrder(t *testing.T) {
	c := newBoundedCache[int](80)
	for i, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		c.add(key, i, 10)
	}
	c.get("a")
	c.add("b", 100, 10) // there already
	c.add("i", 8, 10)
	for key, want := range map[string]int{"a": 0, "i": 8, "c": 2} {
		if got, ok := c.get(key); !ok || got != want {
			t.Errorf("%s is %d, %v", key, got, ok)
		}
	}
	if _, ok := c.get("b"); ok {
		t.Error("b, which was used least, is there")
	}
}

// A document is counted with its syntax tree, which takes far more than its text.
func TestDocumentsAreBounded(t *testing.T) {
	d := NewDocuments(0)
	for text, nodes := range map[string]int{
		"{a}": 2,
		"query($a:Int,$b:Int)@x(y:1){a(b:[1,{c:2}]){b ...F@skip(if:$a) ...on A{c}}} fragment F on A{d}": 23,
	} {
		document, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			t.Fatal(err)
		}
		if got := countNodes(document); got != nodes {
			t.Errorf("%s has %d nodes, want %d", text, got, nodes)
		}
	}
	document, err := parser.ParseQuery(&ast.Source{Input: introspection.Query})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		d.Add(t.Context(), fmt.Sprintf("%s#%d", introspection.Query, i), document)
	}
	if d.cache.used > DefaultDocumentBytes || len(d.cache.entries) < 300 || len(d.cache.entries) > 1000 {
		t.Errorf("%d documents in %d bytes", len(d.cache.entries), d.cache.used)
	}
}
