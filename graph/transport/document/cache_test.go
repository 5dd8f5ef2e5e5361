package document

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"chattok/graph/transport/jsonbody"
)

// A persisted text is counted with its overhead; one above an eighth of the bound is executed but not kept.
func TestPersistedIsBounded(t *testing.T) {
	p := NewPersisted(8 * (entryBytes + 20))
	for size, kept := range map[int]bool{20: true, 21: false} {
		text := strings.Repeat("a", size)
		sum := sha256.Sum256([]byte(text))
		hash := hex.EncodeToString(sum[:])
		extension := map[string]any{"version": json.Number("1"), "sha256Hash": hash}
		if err := p.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: text, Extensions: map[string]any{jsonbody.PersistedQuery: extension}}); err != nil {
			t.Error(err)
		}
		if _, ok := p.texts.Get(hash); ok != kept {
			t.Errorf("text of %d bytes kept: %t", size, ok)
		}
	}
}

// A document is counted with its syntax tree, which takes far more memory than its text.
func TestCacheIsBounded(t *testing.T) {
	c := NewCache(0)
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
		c.Add(t.Context(), fmt.Sprintf("%s#%d", introspection.Query, i), document)
	}
	if n := c.documents.Len(); c.documents.Bytes() > DefaultCacheBytes || n < 300 || n > 1000 {
		t.Errorf("%d documents in %d bytes", n, c.documents.Bytes())
	}
}
