package transport

import (
	"container/list"
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// boundedCache keeps what was used last, up to a total of bytes. It is safe for concurrent use.
type boundedCache[V any] struct {
	limit int64

	mu      sync.Mutex
	used    int64
	entries map[string]*list.Element // of *cached[V]
	order   *list.List               // the one used last in front
}

type cached[V any] struct {
	key   string
	value V
	bytes int64
}

func newBoundedCache[V any](limit int64) *boundedCache[V] {
	return &boundedCache[V]{limit: limit, entries: map[string]*list.Element{}, order: list.New()}
}

func (c *boundedCache[V]) get(key string) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*cached[V]).value, true
}

// add puts value in unless key is there or it would take more than an eighth of the cache, so that one text can't
// drive out all the others.
func (c *boundedCache[V]) add(key string, value V, bytes int64) {
	if bytes > c.limit/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[key]; ok {
		return
	}
	c.entries[key] = c.order.PushFront(&cached[V]{key, value, bytes})
	for c.used += bytes; c.used > c.limit; {
		last := c.order.Back()
		dropped := c.order.Remove(last).(*cached[V])
		delete(c.entries, dropped.key)
		c.used -= dropped.bytes
	}
}

// DefaultDocumentBytes is how much memory a Documents takes unless told otherwise: some thousand documents of an
// ordinary client, each about 10 KiB.
const DefaultDocumentBytes = 16 << 20

// Documents keeps parsed and validated documents by their text, as gqlgen's query cache (SetQueryCache). It is bounded
// by an estimate of the memory that text and syntax tree take. Limits takes what is in it for checked.
type Documents struct {
	cache *boundedCache[*ast.QueryDocument]
}

var _ graphql.Cache[*ast.QueryDocument] = (*Documents)(nil)

// NewDocuments returns an empty Documents of at most limit bytes; 0 stands for DefaultDocumentBytes.
func NewDocuments(limit int64) *Documents {
	if limit == 0 {
		limit = DefaultDocumentBytes
	}
	return &Documents{cache: newBoundedCache[*ast.QueryDocument](limit)}
}

// Get returns the document of this text.
func (d *Documents) Get(_ context.Context, text string) (*ast.QueryDocument, bool) {
	return d.cache.get(text)
}

// Add keeps the document of this text.
func (d *Documents) Add(_ context.Context, text string, document *ast.QueryDocument) {
	d.cache.add(text, document, int64(entryBytes+len(text)+nodeBytes*countNodes(document)))
}

// What an entry of a cache, and a node of a syntax tree, take in memory, roughly: the tree of a field of three bytes
// takes a hundred times its text, so the text's length alone would bound nothing.
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
