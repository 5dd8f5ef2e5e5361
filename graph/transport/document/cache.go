package document

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"chattok/internal/bytecache"
)

// DefaultCacheBytes is the default memory of a Cache: some thousand documents of an ordinary client, each about 10 KiB.
const DefaultCacheBytes = 16 << 20

// Cache keeps parsed and validated documents by their text; it is gqlgen's query cache (SetQueryCache). Its bound is an
// estimate of the memory that text and syntax tree take. Limits does not check a document in it again.
type Cache struct {
	documents *bytecache.Cache[*ast.QueryDocument]
}

var _ graphql.Cache[*ast.QueryDocument] = (*Cache)(nil)

// NewCache returns an empty Cache of at most limit bytes; 0 stands for DefaultCacheBytes.
func NewCache(limit int64) *Cache {
	if limit == 0 {
		limit = DefaultCacheBytes
	}
	return &Cache{documents: bytecache.New[*ast.QueryDocument](limit)}
}

// Get returns the document of this text.
func (c *Cache) Get(_ context.Context, text string) (*ast.QueryDocument, bool) {
	return c.documents.Get(text)
}

// Add keeps the document of this text.
func (c *Cache) Add(_ context.Context, text string, document *ast.QueryDocument) {
	c.documents.Add(text, document, int64(entryBytes+len(text)+nodeBytes*countNodes(document)))
}

// Memory that an entry of a cache and a node of a syntax tree take, roughly. The tree of a field with a name of three
// bytes takes a hundred times its text, so counting the text alone would bound nothing.
const (
	entryBytes = 256
	nodeBytes  = 400
)

func countNodes(document *ast.QueryDocument) int {
	n := 0
	for _, operation := range document.Operations {
		n += 1 + 2*len(operation.VariableDefinitions) + countSelections(operation.SelectionSet) + countDirectives(operation.Directives)
	}
	for _, fragment := range document.Fragments {
		n += 1 + countSelections(fragment.SelectionSet) + countDirectives(fragment.Directives)
	}
	return n
}

func countSelections(set ast.SelectionSet) int {
	n := len(set)
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			n += countSelections(s.SelectionSet) + countArguments(s.Arguments) + countDirectives(s.Directives)
		case *ast.InlineFragment:
			n += countSelections(s.SelectionSet) + countDirectives(s.Directives)
		case *ast.FragmentSpread:
			n += countDirectives(s.Directives)
		}
	}
	return n
}

func countDirectives(directives ast.DirectiveList) int {
	n := len(directives)
	for _, directive := range directives {
		n += countArguments(directive.Arguments)
	}
	return n
}

func countArguments(arguments ast.ArgumentList) int {
	n := len(arguments)
	for _, argument := range arguments {
		n += countValues(argument.Value)
	}
	return n
}

func countValues(value *ast.Value) int {
	n := 1
	for _, child := range value.Children {
		n += countValues(child.Value)
	}
	return n
}
