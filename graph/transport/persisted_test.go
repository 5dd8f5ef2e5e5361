package transport

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"chattok/graph/transport/document"
	"chattok/graph/transport/gqlerr"
)

func hashOf(query string) string {
	sum := sha256.Sum256([]byte(query))
	return hex.EncodeToString(sum[:])
}

func persistedExtensions(hash string) string {
	return `{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}}`
}

// persistedBody returns a request with this hash, and with this text unless it is empty.
func persistedBody(tb testing.TB, hash, query string) string {
	if query == "" {
		return `{"extensions":` + persistedExtensions(hash) + `}`
	}
	return strings.TrimSuffix(jsonBody(tb, query), "}") + `,"extensions":` + persistedExtensions(hash) + `}`
}

// A hash misses, then comes with its text, then hits; a text with another text's hash is neither executed nor kept.
func TestPersisted(t *testing.T) {
	const (
		read  = "{ __typename }"
		write = `mutation { addChatEntry(connectionId: "a", body: "hi") { body } }`
	)
	miss := errorBody("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND", "")
	mismatch := errorBody("extensions.persistedQuery.sha256Hash is not the SHA-256 of query", "BAD_USER_INPUT", document.ReasonPersistedQueryHashMismatch)

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

	// A mutation may be persisted, but GET does not run it.
	want(t, post(t, server, persistedBody(t, strings.ToUpper(hashOf(write)), write)), 200, `{"data":{"addChatEntry":{"body":"hi"}}}`)
	want(t, get(t, server, byGet(hashOf(write))), 405, errorBody("GET runs queries only; send a mutation by POST", "BAD_USER_INPUT", gqlerr.ReasonMalformedRequest))
	if n := s.added.Load(); n != 1 {
		t.Errorf("%d entries stored, want 1", n)
	}
}

func TestPersistedMalformed(t *testing.T) {
	server := newServer(t, &stub{})
	refused := errorBody("extensions.persistedQuery must have version 1 and sha256Hash, 64 hexadecimal digits", "BAD_USER_INPUT", document.ReasonPersistedQueryMalformed)
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
	want(t, post(t, server, persistedBody(t, hashOf(text), text)), 200, errorBody(tooManyTokens, "BAD_USER_INPUT", document.ReasonDocumentTooLarge))
	want(t, post(t, server, persistedBody(t, hashOf(text), "")), 200, errorBody("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND", ""))
}
