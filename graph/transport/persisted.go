package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// persistedQueryKey is where a request's extensions name a persisted query.
const persistedQueryKey = "persistedQuery"

// What clients know a miss by, word for word.
const (
	persistedQueryNotFound     = "PersistedQueryNotFound"
	codePersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND"
)

// Reasons of a BAD_USER_INPUT for a persisted query, in extensions.reason.
const (
	ReasonPersistedQueryHashMismatch = "PERSISTED_QUERY_HASH_MISMATCH" // the text has another hash
	ReasonPersistedQueryMalformed    = "PERSISTED_QUERY_MALFORMED"     // not version 1, or no SHA-256
)

// DefaultPersistedBytes is how many bytes of text a Persisted keeps unless told otherwise.
const DefaultPersistedBytes = 8 << 20

// Persisted lets clients send a query's hash in place of its text once the text is known (automatic persisted queries,
// as Apollo's link sends them: extensions.persistedQuery with version 1 and sha256Hash, in hexadecimal of either
// case). It holds on every transport, and for mutations and subscriptions too. It comes after Limits, so that a text
// above the limits is never kept.
//
// A hash that is not known fails with message PersistedQueryNotFound and code PERSISTED_QUERY_NOT_FOUND, upon which
// clients send hash and text; a text that has another hash is BAD_USER_INPUT with
// ReasonPersistedQueryHashMismatch, and neither executed nor kept.
type Persisted struct {
	texts *boundedCache[string] // by hash, in lower case
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
} = (*Persisted)(nil)

// Use has a server measure documents and then keep or look up persisted ones: in this order a text above the limits is
// refused before it is kept, and what is found by its hash has been measured.
func Use(server *handler.Server, limits *Limits, persisted *Persisted) {
	server.Use(limits)
	server.Use(persisted)
}

// NewPersisted returns an empty Persisted that keeps at most limit bytes; 0 stands for DefaultPersistedBytes.
func NewPersisted(limit int64) *Persisted {
	if limit == 0 {
		limit = DefaultPersistedBytes
	}
	return &Persisted{texts: newBoundedCache[string](limit)}
}

// ExtensionName names the extension.
func (*Persisted) ExtensionName() string { return "PersistedQueries" }

// Validate has nothing to check.
func (*Persisted) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters puts the text in where only its hash was sent.
func (p *Persisted) MutateOperationParameters(_ context.Context, params *graphql.RawParams) *gqlerror.Error {
	extension := params.Extensions[persistedQueryKey]
	if extension == nil {
		return nil
	}
	hash, ok := persistedHash(extension)
	if !ok {
		return newError(session.CodeBadUserInput, ReasonPersistedQueryMalformed,
			"extensions.persistedQuery must have version 1 and sha256Hash, 64 hexadecimal digits")
	}
	if params.Query == "" {
		if params.Query, ok = p.texts.get(hash); !ok {
			return newError(codePersistedQueryNotFound, "", persistedQueryNotFound)
		}
		return nil
	}
	if sum := sha256.Sum256([]byte(params.Query)); hash != hex.EncodeToString(sum[:]) {
		return newError(session.CodeBadUserInput, ReasonPersistedQueryHashMismatch,
			"extensions.persistedQuery.sha256Hash is not the SHA-256 of query")
	}
	p.texts.add(hash, params.Query, int64(entryBytes+len(params.Query)))
	return nil
}

// persistedHash returns the hash in lower case.
func persistedHash(extension any) (hash string, ok bool) {
	fields, _ := extension.(map[string]any)
	if version, _ := fields["version"].(json.Number); version != "1" {
		return "", false
	}
	hash, _ = fields["sha256Hash"].(string)
	hash = strings.ToLower(hash)
	if len(hash) != hex.EncodedLen(sha256.Size) {
		return "", false
	}
	_, err := hex.DecodeString(hash)
	return hash, err == nil
}
