// Package document decides about a GraphQL document before it is executed: limits on its cost, documents that are named
// by their hash, a cache of those that passed, and the coercion of variables. The same rules hold on every transport.
// Of the domain the package knows the error codes alone.
package document

import (
	"context"
	"fmt"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"

	"chattok/graph/transport/gqlerr"
	"chattok/session"
)

// Reasons of a BAD_USER_INPUT for a document above the limits, in extensions.reason.
const (
	ReasonDocumentTooLarge = "DOCUMENT_TOO_LARGE"    // Tokens, NameBytes
	ReasonTooDeep          = "TOO_DEEP"              // Depth
	ReasonTooComplex       = "TOO_COMPLEX"           // Aliases, RootFields, Fields, Complexity
	ReasonUnsupported      = "UNSUPPORTED_DIRECTIVE" // @defer
	ReasonAnswerTooLarge   = "ANSWER_TOO_LARGE"      // Bytes, EventBytes; also an answer that is too long as it is written
)

// MaxEventBytes is the default of Limits.EventBytes. JSON may write six bytes for one of text, so a transport that
// takes answers of six times this size takes every event and every mutation's answer.
const MaxEventBytes = 8 << 20

// Limits refuses documents that would cost too much, before they are validated and executed. Checking is linear in the
// document and stops at the first limit that is exceeded, with one error of code BAD_USER_INPUT. Every operation and
// fragment of a document has to pass. The largest query of our own pages, graphql-js's introspection with all its
// options, takes 184 tokens, depth 15, no alias, one root field, 230 fields and complexity 230.
//
// A field adds 1 to the complexity and that of its selection, times the number of items where it is a list. A fragment
// counts wherever it is spread; of fragments on several object types the costliest counts, since a value is of one of
// them. @skip and @include change nothing, and a page size in a variable counts as the largest page, so that the cost
// of a document is known from its text.
//
// A document with @defer is refused too, because responses come in one piece.
type Limits struct {
	Tokens     int // words, numbers, strings, comments and punctuation of a document; 0 for 1,000
	NameBytes  int // bytes of one name or alias, which a response may repeat for each item; 0 for 128
	Depth      int // selections within selections, with fragments spread; 0 for 20
	Aliases    int // fields with an alias in one operation, with fragments spread; 0 for 50
	RootFields int // fields at the top of one operation; 0 for 10
	Fields     int // fields in one operation or fragment; validation compares them with each other; 0 for 500
	Complexity int // fields that one operation may resolve; 0 for 50,000
	Bytes      int // of a query's answer by the limits of its fields, before its text is escaped; 0 for 16 MiB
	// EventBytes is the same for a mutation's answer and for each event of a subscription; 0 for MaxEventBytes.
	// Whatever its text, an answer within this limit can be written, so that a change which was made is never answered
	// by an error, and no event stops its reader.
	EventBytes int

	// Weights are the bytes that each field with text has at most, by type and name ("ChatEntry.body"). Nil: answers
	// are not weighed.
	Weights map[string]int

	// Lists says how many items to count for a list field, by type and name ("Server.nodes"), else by name; the arguments
	// first and last take precedence over both. A list that is not in it counts as one item.
	Lists map[string]int
	// MaxItems is the largest page that can be asked for by first or last; 0 for 200.
	MaxItems int

	objects map[string]bool // object types of the schema
	fields  map[string]map[string]fieldWeight

	// Documents is the server's query cache; documents in it have passed and are not checked again. It may be nil.
	Documents *Cache
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
} = (*Limits)(nil)

// ExtensionName names the extension.
func (*Limits) ExtensionName() string { return "Limits" }

// Validate fills in the defaults; schema may be nil. Errors: a limit below zero; a field with text and no weight.
func (l *Limits) Validate(schema graphql.ExecutableSchema) error {
	l.objects = make(map[string]bool)
	if schema != nil {
		for name, definition := range schema.Schema().Types {
			l.objects[name] = definition.Kind == ast.Object
		}
	}
	for _, limit := range []struct {
		name         string
		value        *int
		defaultValue int
	}{
		{"Tokens", &l.Tokens, 1000},
		{"NameBytes", &l.NameBytes, 128},
		{"Depth", &l.Depth, 20},
		{"Aliases", &l.Aliases, 50},
		{"RootFields", &l.RootFields, 10},
		{"Fields", &l.Fields, 500},
		{"Complexity", &l.Complexity, 50_000},
		{"Bytes", &l.Bytes, 16 << 20},
		{"EventBytes", &l.EventBytes, MaxEventBytes},
		{"MaxItems", &l.MaxItems, 200},
	} {
		if *limit.value < 0 {
			return fmt.Errorf("limit %s is %d, but must not be below 0", limit.name, *limit.value)
		}
		if *limit.value == 0 {
			*limit.value = limit.defaultValue
		}
	}
	if schema != nil && l.Weights != nil {
		return l.weighSchema(schema.Schema())
	}
	return nil
}

// MutateOperationParameters refuses a document above the limits, and changes nothing. A request without a document,
// such as one that names a persisted query, passes: a document was checked when it was persisted.
func (l *Limits) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	if params.Query == "" {
		return nil
	}
	if l.Documents != nil {
		if _, ok := l.Documents.Get(ctx, params.Query); ok {
			return nil
		}
	}
	return l.Check(params.Query)
}

// Check returns why the document exceeds the limits, or nil. A document that does not parse passes: the parser words
// that error better, and its work is linear in the tokens, which have a limit.
func (l *Limits) Check(text string) *gqlerror.Error {
	source := &ast.Source{Input: text}
	if err := l.checkTokens(source); err != nil {
		return err
	}
	document, err := parser.ParseQuery(source)
	if err != nil {
		return nil
	}
	if len(text) > maxSubscriptionBytes && slices.ContainsFunc(document.Operations, func(o *ast.OperationDefinition) bool { return o.Operation == ast.Subscription }) {
		return exceeded(ReasonDocumentTooLarge, "a document with a subscription must be at most %d bytes", maxSubscriptionBytes)
	}
	return l.checkDocument(document)
}

// maxSubscriptionBytes is the length of a document with a subscription, which is kept as long as the subscription
// lasts.
const maxSubscriptionBytes = 32 << 10

// checkTokens checks the limits that can be checked before parsing, so that the parser meets no deep or long document.
func (l *Limits) checkTokens(source *ast.Source) *gqlerror.Error {
	tokens := lexer.New(source)
	open := 0 // open brackets of any kind
	for n := 0; ; n++ {
		token, err := tokens.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			return nil
		}
		if n == l.Tokens {
			return exceeded(ReasonDocumentTooLarge, "a document must have at most %d tokens", l.Tokens)
		}
		switch token.Kind {
		case lexer.Name:
			if len(token.Value) > l.NameBytes {
				return exceeded(ReasonDocumentTooLarge, "a name must be at most %d bytes", l.NameBytes)
			}
		case lexer.BraceL, lexer.BracketL, lexer.ParenL:
			// Arguments within the deepest selection may contain brackets of their own.
			if open++; open > 2*l.Depth {
				return l.tooDeep()
			}
		case lexer.BraceR, lexer.BracketR, lexer.ParenR:
			open--
		}
	}
}

func (l *Limits) checkDocument(document *ast.QueryDocument) *gqlerror.Error {
	m := meter{limits: l, document: document, fragments: map[string]*measure{}}
	for _, operation := range document.Operations {
		total := m.selections(operation.SelectionSet, rootType(operation.Operation))
		if operation.Directives.ForName("defer") != nil || m.deferred {
			return exceeded(ReasonUnsupported, "@defer is not supported")
		}
		if total.schemas > 1 {
			return exceeded(ReasonTooComplex, "an operation must ask for __schema once at most")
		}
		if total.top > l.RootFields {
			return exceeded(ReasonTooComplex, "an operation must have at most %d fields at its top", l.RootFields)
		}
		if err := l.checkMeasure(total); err != nil {
			return err
		}
		if err := l.checkBytes(operation.Operation, total.bytes); err != nil {
			return err
		}
	}
	// Validation also looks at fragments that no operation spreads.
	for _, fragment := range document.Fragments {
		if err := l.checkMeasure(m.fragment(fragment.Name)); err != nil {
			return err
		}
	}
	return checkNames(document)
}

// maxNamePairs bounds the pairs of fields that answer under the same name, which validation compares with each other:
// 181 fields of one name are as many pairs as 60 of each of nine names.
const maxNamePairs = 1 << 15

// checkNames refuses a document that repeats names too often: the cost grows with the square of the repetitions.
func checkNames(document *ast.QueryDocument) *gqlerror.Error {
	names := make(map[string]int)
	var count func(set ast.SelectionSet)
	count = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				names[s.Alias]++ // the alias is the name where there is none
				count(s.SelectionSet)
			case *ast.InlineFragment:
				count(s.SelectionSet)
			}
		}
	}
	for _, operation := range document.Operations {
		count(operation.SelectionSet)
	}
	for _, fragment := range document.Fragments {
		count(fragment.SelectionSet)
	}
	pairs := 0
	for _, n := range names {
		pairs += n * n
	}
	if pairs > maxNamePairs {
		return exceeded(ReasonTooComplex, "a document must not repeat the same fields so often; one name may stand in it 181 times at most")
	}
	return nil
}

func (l *Limits) checkMeasure(total measure) *gqlerror.Error {
	switch {
	case total.depth > l.Depth:
		return l.tooDeep()
	case total.aliases > l.Aliases:
		return exceeded(ReasonTooComplex, "an operation must have at most %d aliases, counted wherever a fragment is spread", l.Aliases)
	case total.fields > l.Fields:
		return exceeded(ReasonTooComplex, "an operation must have at most %d fields, counted wherever a fragment is spread", l.Fields)
	case total.complexity > l.Complexity:
		return exceeded(ReasonTooComplex, "an operation's complexity must be at most %d", l.Complexity)
	}
	return nil
}

func (l *Limits) checkBytes(operation ast.Operation, bytes int) *gqlerror.Error {
	switch {
	case operation == ast.Query && bytes > l.Bytes:
		return exceeded(ReasonAnswerTooLarge, "a query's answer must be at most %d bytes by the limits of its fields, but this one's may be %d; ask for fewer items or aliases", l.Bytes, bytes)
	case operation == ast.Mutation && bytes > l.EventBytes:
		return exceeded(ReasonAnswerTooLarge, "a mutation's answer must be at most %d bytes by the limits of its fields, but this one's may be %d; select less", l.EventBytes, bytes)
	case operation == ast.Subscription && bytes > l.EventBytes:
		return exceeded(ReasonAnswerTooLarge, "an event must be at most %d bytes by the limits of its fields, but one of this subscription may be %d; select less", l.EventBytes, bytes)
	}
	return nil
}

func (l *Limits) tooDeep() *gqlerror.Error {
	return exceeded(ReasonTooDeep, "a document must nest at most %d deep, counted wherever a fragment is spread", l.Depth)
}

func exceeded(reason, format string, args ...any) *gqlerror.Error {
	return gqlerr.New(session.CodeBadUserInput, reason, fmt.Sprintf(format, args...))
}
