package document

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
	"chattok/graph/transport/jsonbody"
	"chattok/internal/bytecache"
	"chattok/session"
)

// The message and code by which clients recognise an unknown hash; they look for exactly these.
const (
	persistedQueryNotFound     = "PersistedQueryNotFound"
	codePersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND"
)

// Reasons of a BAD_USER_INPUT for a persisted query, in extensions.reason.
const (
	ReasonPersistedQueryHashMismatch = "PERSISTED_QUERY_HASH_MISMATCH" // the text has another hash
	ReasonPersistedQueryMalformed    = "PERSISTED_QUERY_MALFORMED"     // not version 1, or no SHA-256
)

// DefaultPersistedBytes is the default number of bytes of text that a Persisted keeps.
const DefaultPersistedBytes = 8 << 20

// Persisted implements automatic persisted queries: clients send the hash of a query instead of its text once the
// server knows the text, as Apollo's link does (extensions.persistedQuery with version 1 and sha256Hash, in hexadecimal
// of either case). It works on every transport, and for mutations and subscriptions too. It comes after Limits, so that
// a text above the limits is never kept.
//
// An unknown hash fails with message PersistedQueryNotFound and code PERSISTED_QUERY_NOT_FOUND; clients then send hash
// and text. A text with a different hash is BAD_USER_INPUT with ReasonPersistedQueryHashMismatch, and is neither
// executed nor kept.
type Persisted struct {
	texts *bytecache.Cache[string] // by hash, in lower case
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
} = (*Persisted)(nil)

// Use adds both extensions to a server: first the limits, then persisted queries. In this order a text above the limits
// is refused before it is kept, and a text found by its hash has been checked.
func Use(server *handler.Server, limits *Limits, persisted *Persisted) {
	server.Use(limits)
	server.Use(persisted)
}

// NewPersisted returns an empty Persisted that keeps at most limit bytes; 0 stands for DefaultPersistedBytes.
func NewPersisted(limit int64) *Persisted {
	if limit == 0 {
		limit = DefaultPersistedBytes
	}
	return &Persisted{texts: bytecache.New[string](limit)}
}

// ExtensionName names the extension.
func (*Persisted) ExtensionName() string { return "PersistedQueries" }

// Validate accepts every schema.
func (*Persisted) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters fills in the text where only its hash was sent, and keeps a text that was sent with its
// hash.
func (p *Persisted) MutateOperationParameters(_ context.Context, params *graphql.RawParams) *gqlerror.Error {
	extension := params.Extensions[jsonbody.PersistedQuery]
	if extension == nil {
		return nil
	}
	hash, ok := persistedHash(extension)
	if !ok {
		return gqlerr.New(session.CodeBadUserInput, ReasonPersistedQueryMalformed,
			"extensions.persistedQuery must have version 1 and sha256Hash, 64 hexadecimal digits")
	}
	if params.Query == "" {
		if params.Query, ok = p.texts.Get(hash); !ok {
			return gqlerr.New(codePersistedQueryNotFound, "", persistedQueryNotFound)
		}
		return nil
	}
	if sum := sha256.Sum256([]byte(params.Query)); hash != hex.EncodeToString(sum[:]) {
		return gqlerr.New(session.CodeBadUserInput, ReasonPersistedQueryHashMismatch,
			"extensions.persistedQuery.sha256Hash is not the SHA-256 of query")
	}
	p.texts.Add(hash, params.Query, int64(entryBytes+len(params.Query)))
	return nil
}

// persistedHash returns the hash in lower case; ok is false where the extension is malformed.
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
