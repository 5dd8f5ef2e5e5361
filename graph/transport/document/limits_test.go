package document

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"chattok/graph/transport/gqlerr"
)

// pages are the list fields of a schema like the server's.
var pages = map[string]int{"chatEntries": 50, "connections": 1000, "created": 1000, "destroyed": 1000}

// newLimits returns limits with the defaults, changed by change.
func newLimits(tb testing.TB, change func(*Limits)) *Limits {
	tb.Helper()
	l := &Limits{Lists: pages}
	change(l)
	if err := l.Validate(nil); err != nil {
		tb.Fatal(err)
	}
	return l
}

func defaults(*Limits) {}

// graphiQLIntrospection is the query that graphql-js's getIntrospectionQuery returns with all its options.
//
//go:embed testdata/introspection.graphql
var graphiQLIntrospection string

func aliased(n int, field string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d:%s ", i, field)
	}
	return b.String()
}

// doubling returns n fragments, each spread twice in the next.
func doubling(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{latestChatEntry(connectionId:\"a\"){...F%d}} fragment F0 on ChatEntry{seq}", n-1)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, " fragment F%d on ChatEntry{...F%d ...F%d}", i, i-1, i-1)
	}
	return b.String()
}

func nested(n int) string { return strings.Repeat("{a", n) + strings.Repeat("}", n) }

const (
	tooManyTokens = "a document must have at most 1000 tokens"
	tooDeep       = "a document must nest at most 20 deep, counted wherever a fragment is spread"
	tooManyFields = "an operation must have at most 10 fields at its top"
	tooLarge500   = "an operation must have at most 500 fields, counted wherever a fragment is spread"
	tooManyNames  = "an operation must have at most 50 aliases, counted wherever a fragment is spread"
	tooComplex    = "an operation's complexity must be at most 50000"
)

// Each limit refuses with one error that names it.
func TestLimits(t *testing.T) {
	l := newLimits(t, defaults)
	entry := `addChatEntry(connectionId:"a",body:"b"){seq}`
	for name, test := range map[string]struct{ query, reason, message string }{
		"3,000 directives":        {"{__typename " + strings.Repeat("@a ", 3000) + "}", ReasonDocumentTooLarge, tooManyTokens},
		"100,000 directives":      {"{__typename " + strings.Repeat("@a ", 100_000) + "}", ReasonDocumentTooLarge, tooManyTokens},
		"100,000 comments":        {"{__typename" + strings.Repeat("\n#", 100_000) + "\n}", ReasonDocumentTooLarge, tooManyTokens},
		"2,001 tokens":            {"{" + strings.Repeat("__typename ", 1999) + "}", ReasonDocumentTooLarge, tooManyTokens},
		"a long alias":            {"{" + strings.Repeat("a", 129) + ":__typename}", ReasonDocumentTooLarge, "a name must be at most 128 bytes"},
		"10,000 levels":           {nested(10_000), ReasonTooDeep, tooDeep},
		"10,000 lists":            {"{a(b:" + strings.Repeat("[", 10_000), ReasonTooDeep, tooDeep},
		"21 levels":               {nested(21), ReasonTooDeep, tooDeep},
		"deep by fragments":       {"{a{...F}} fragment F on A" + nested(20), ReasonTooDeep, tooDeep},
		"1,000 pages":             {"{" + aliased(1000, "chatEntries(first:100){nodes{id}}") + "}", ReasonDocumentTooLarge, tooManyTokens},
		"11 pages":                {"{" + aliased(11, "chatEntries(first:100){nodes{id}}") + "}", ReasonTooComplex, tooManyFields},
		"1,000 mutations":         {"mutation{" + aliased(1000, entry) + "}", ReasonDocumentTooLarge, tooManyTokens},
		"11 mutations":            {"mutation{" + aliased(11, entry) + "}", ReasonTooComplex, tooManyFields},
		"11 by fragments":         {"mutation{...F ...on Mutation{...F}} fragment F on Mutation{" + aliased(6, entry) + "}", ReasonTooComplex, tooManyFields},
		"51 aliases":              {"{session{" + aliased(51, "id") + "}}", ReasonTooComplex, tooManyNames},
		"51 by fragments":         {"{session{...F ...F ...F}} fragment F on Session{" + aliased(17, "id") + "}", ReasonTooComplex, tooManyNames},
		"30 doublings":            {doubling(30), ReasonTooComplex, tooLarge500},
		"80 doublings":            {doubling(80), ReasonTooComplex, tooLarge500},
		"501 fields":              {"{session{" + strings.Repeat("id ", 500) + "}}", ReasonTooComplex, tooLarge500},
		"501 in no operation":     {"{__typename} fragment F on Session{" + strings.Repeat("id ", 501) + "}", ReasonTooComplex, tooLarge500},
		"full pages":              {"{" + aliased(10, "chatEntries(first:200){nodes{"+strings.Repeat("id ", 30)+"}}") + "}", ReasonTooComplex, tooComplex},
		"@defer":                  {"{...@defer{__typename}}", ReasonUnsupported, "@defer is not supported"},
		"@defer on a spread":      {"{...F@defer} fragment F on Query{__typename}", ReasonUnsupported, "@defer is not supported"},
		"the second operation":    {"query A{__typename} mutation B{" + aliased(11, entry) + "}", ReasonTooComplex, tooManyFields},
		"@skip changes nothing":   {"mutation{" + aliased(11, `addChatEntry(connectionId:"a",body:"b")@skip(if:true){seq}`) + "}", ReasonTooComplex, tooManyFields},
		"mutations of a fragment": {"mutation{...F} fragment F on Mutation{" + aliased(11, entry) + "}", ReasonTooComplex, tooManyFields},
	} {
		err := l.Check(test.query)
		if err == nil || err.Message != test.message || err.Extensions["code"] != "BAD_USER_INPUT" || err.Extensions["reason"] != test.reason {
			t.Errorf("%s: %v, want %s", name, err, test.message)
		}
	}
}

// Documents that the project's pages and clients send pass, and larger ones too.
func TestLimitsPass(t *testing.T) {
	const everything = `{edges{cursor node{...E}} nodes{...E} pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}`
	const fragment = ` fragment E on ChatEntry{__typename id seq cursor connectionId connection{id data role createdAt} body createdAt}`
	l := newLimits(t, defaults)
	for name, query := range map[string]string{
		"introspection":      introspection.Query,
		"GraphiQL":           graphiQLIntrospection,
		"a page of all":      "{chatEntries(first:200)" + everything + "}" + fragment,
		"a page by variable": "query($n:Int){session{id lastCursor connectionCount connections{id data role createdAt}} chatEntries(last:$n)" + everything + "}" + fragment,
		"all events": `subscription{sessionEvents{__typename ...on SessionState{connections{...C} connectionCount truncated} ...on ConnectionCreated{connection{...C}}
			...on ConnectionDestroyed{connection{...C} reason} ...on ConnectionsChanged{created{...C} destroyed{connection{...C} reason} connectionCount truncated}}}
			fragment C on Connection{id data role createdAt}`,
		"10 mutations":     "mutation{" + aliased(10, `addChatEntry(connectionId:"a",body:"b"){seq}`) + "}",
		"a long literal":   `mutation{addChatEntry(connectionId:"a",body:"` + strings.Repeat("x", 16<<10) + `"){seq}}`,
		"20 levels":        nested(20),
		"50 aliases":       "{session{" + aliased(50, "id") + "}}",
		"1,000 tokens":     "{" + strings.Repeat("session{id} ", 10) + strings.Repeat("#\n", 958) + "}",
		"does not parse":   "{",
		"a cycle":          "{...F} fragment F on Query{session{id} ...F}",
		"no such fragment": "{...F}",
	} {
		if err := l.Check(query); err != nil {
			t.Errorf("%s: %s", name, err.Message)
		}
	}
	// The figures in the doc comment of Limits.
	document, err := parser.ParseQuery(&ast.Source{Input: graphiQLIntrospection})
	if err != nil {
		t.Fatal(err)
	}
	m := meter{limits: l, document: document, fragments: map[string]*measure{}}
	if got := m.selections(document.Operations[0].SelectionSet, "Query"); got != (measure{depth: 15, top: 1, fields: 230, aliases: 0, complexity: 230, schemas: 1}) {
		t.Errorf("GraphiQL's introspection measures %+v", got)
	}
	if exact := newLimits(t, func(l *Limits) { l.Tokens, l.Depth, l.RootFields, l.Fields, l.Complexity = 184, 15, 1, 230, 230 }); exact.Check(graphiQLIntrospection) != nil {
		t.Error(exact.Check(graphiQLIntrospection).Message)
	}
}

func TestComplexity(t *testing.T) {
	for query, complexity := range map[string]int{
		"{session{id}}":                                                             2,
		"{session{id} session{id createdAt}}":                                       5,
		"{chatEntries{nodes{id}}}":                                                  1 + 50*2,
		"{chatEntries(first:10){nodes{id seq}}}":                                    1 + 10*3,
		"{chatEntries(last:10){nodes{id seq}}}":                                     1 + 10*3,
		"{chatEntries(first:0){nodes{id}}}":                                         1,
		"{chatEntries(first:-5){nodes{id}}}":                                        1,
		"{chatEntries(first:1000000){nodes{id}}}":                                   1 + 200*2,
		"{chatEntries(first:99999999999999999999){nodes{id}}}":                      1 + 200*2,
		"{chatEntries(first:null,last:3){nodes{id}}}":                               1 + 3*2,
		"query($n:Int=1){chatEntries(first:$n){nodes{id}}}":                         1 + 200*2,
		"{chatEntries(first:\"x\"){nodes{id}}}":                                     1 + 200*2,
		"{session{connections{id}}}":                                                1 + 1 + 1000*1,
		"{session{...{id ...F}}} fragment F on Session{id}":                         3,
		"{a(first:200){a(first:200){a(first:200){a(first:200){a(first:200){a}}}}}}": maxMeasure,
	} {
		document, err := parser.ParseQuery(&ast.Source{Input: query})
		if err != nil {
			t.Fatal(err)
		}
		m := meter{limits: newLimits(t, defaults), document: document, fragments: map[string]*measure{}}
		// A product is cut before it can overflow, so the result may fall short of the maximum by one factor.
		if got := m.selections(document.Operations[0].SelectionSet, "Query").complexity; got != complexity && !(complexity == maxMeasure && got > maxMeasure-200) {
			t.Errorf("%s: %d, want %d", query, got, complexity)
		}
	}
}

// A value is of one object type, so the costliest of the fragments on object types counts. Fragments on one type add
// up, and so do those on interfaces and unions.
func TestComplexityOfUnions(t *testing.T) {
	l := newLimits(t, defaults)
	l.objects = map[string]bool{"A": true, "B": true}
	for query, complexity := range map[string]int{
		"{e{...on A{a} ...on B{a b}}}":                                                  1 + 2,
		"{e{...on A{a b} ...on B{a}}}":                                                  1 + 2,
		"{e{c ...on A{a} ...on B{a b}}}":                                                1 + 1 + 2,
		"{e{...on A{a} ...on B{a b} ...on A{c d}}}":                                     1 + 3,
		"{e{...on A{created{x}} ...on B{created{x} destroyed{y z}}}}":                   1 + 1001 + 2001,
		"{e{...F ...G}} fragment F on A{a} fragment G on B{a b}":                        1 + 2,
		"{e{...F ...F ...G}} fragment F on A{a} fragment G on B{a b}":                   1 + 2,
		"{e{...F ...F ...F}} fragment F on A{a}":                                        1 + 3,
		"{e{...on Union{...on A{a b} ...on B{a}} ...on B{c} ...on Unknown{d}}}":         1 + 2 + 1 + 1,
		"{e{...on A{e{...on A{a b}...on B{a}}} ...on B{e{...on A{a} ...on B{a b c}}}}}": 1 + 1 + 3,
	} {
		document, err := parser.ParseQuery(&ast.Source{Input: query})
		if err != nil {
			t.Fatal(err)
		}
		m := meter{limits: l, document: document, fragments: map[string]*measure{}}
		if got := m.selections(document.Operations[0].SelectionSet, "Query").complexity; got != complexity {
			t.Errorf("%s: %d, want %d", query, got, complexity)
		}
	}
}

func TestLimitsConfiguration(t *testing.T) {
	if err := (&Limits{Depth: -1}).Validate(nil); err == nil || err.Error() != "limit Depth is -1, but must not be below 0" {
		t.Errorf("a negative limit gives %v", err)
	}
	l := newLimits(t, func(l *Limits) {
		l.Tokens, l.NameBytes, l.Depth, l.Aliases, l.RootFields, l.Complexity, l.MaxItems = 30, 5, 2, 1, 2, 20, 4
		l.Lists = map[string]int{"many": 7}
	})
	for query, reason := range map[string]string{
		"{a b}": "", "{a{b}}": "", "{b:a}": "", "{many{a}}": "", "{a(first:9){b}}": "",
		"{a b c}": ReasonTooComplex, "{a{b{c}}}": ReasonTooDeep, "{b:a c:a}": ReasonTooComplex, "{many{a b c}}": ReasonTooComplex,
		"{abcdef}": ReasonDocumentTooLarge, "{" + strings.Repeat("a ", 29) + "}": ReasonDocumentTooLarge,
	} {
		got := ""
		if err := l.Check(query); err != nil {
			got = err.Extensions["reason"].(string)
		}
		if got != reason {
			t.Errorf("%s: %q, want %q", query, got, reason)
		}
	}
}

// Checking any document neither panics nor hangs, and a document that parses and passes is no deeper than the limit.
func FuzzLimits(f *testing.F) {
	for _, seed := range []string{"{a}", introspection.Query, doubling(5), "{...F} fragment F on A{...F}", nested(25), `{a(b:"""x""" c:[{d:$e}])}`, "query($n:Int=1){a(first:$n){b}}"} {
		f.Add(seed)
	}
	l := newLimits(f, defaults)
	f.Fuzz(func(t *testing.T, query string) {
		err := l.Check(query)
		if err != nil {
			if err.Extensions["code"] != "BAD_USER_INPUT" || len(err.Message) > gqlerr.MaxMessageBytes {
				t.Fatal(err)
			}
			return
		}
		document, parseErr := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, l.Tokens)
		if parseErr != nil {
			return
		}
		for _, operation := range document.Operations {
			if depth := plainDepth(operation.SelectionSet); depth > l.Depth {
				t.Fatalf("depth %d passed", depth)
			}
		}
	})
}

// plainDepth returns how deep fields nest, without spread fragments.
func plainDepth(set ast.SelectionSet) int {
	depth := 0
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			depth = max(depth, 1+plainDepth(s.SelectionSet))
		case *ast.InlineFragment:
			depth = max(depth, plainDepth(s.SelectionSet))
		}
	}
	return depth
}

// Repeated names have a bound of their own, wherever in the document they stand.
func TestRepeatedNames(t *testing.T) {
	l := &Limits{}
	if err := l.Validate(nil); err != nil {
		t.Fatal(err)
	}
	inParts := func(n int) string {
		return "{s{" + strings.Repeat("...{"+strings.Repeat("a ", 20)+"}", n/20) + "}}"
	}
	var various strings.Builder
	for i := range 450 {
		fmt.Fprintf(&various, "f%d ", i%60)
	}
	for text, refused := range map[string]bool{
		"{s{" + strings.Repeat("__typename ", 181) + "}}": false,
		"{s{" + strings.Repeat("__typename ", 182) + "}}": true,
		"{s{" + strings.Repeat("__typename ", 490) + "}}": true,
		inParts(180): false,
		inParts(200): true,
		"{s{...F}} fragment F on S{" + strings.Repeat("nope ", 400) + "}":                 true,
		"{s{" + various.String() + "}}":                                                   false,
		"{" + strings.Repeat("a ", 5) + "s{" + strings.Repeat("id name b:id ", 40) + "}}": false,
	} {
		err := l.Check(text)
		if refused != (err != nil) || refused && err.Extensions["reason"] != ReasonTooComplex {
			t.Errorf("%.40s… of %d bytes: %v, want refused %t", text, len(text), err, refused)
		}
	}
}

// An operation may ask for the schema once, and a document with a subscription has to be short.
func TestOneSchema(t *testing.T) {
	l := newLimits(t, defaults)
	for query, want := range map[string]string{
		`{__schema{types{name}}}`:                                                   "",
		`{a:__schema{types{name}} b:__schema{types{name}}}`:                         "an operation must ask for __schema once at most",
		`{__schema{types{name}} ...F} fragment F on Query{b:__schema{types{name}}}`: "an operation must ask for __schema once at most",
		`subscription{entryAdded{seq}} #` + strings.Repeat("x", 32<<10):             "a document with a subscription must be at most 32768 bytes",
		`{__typename} #` + strings.Repeat("x", 32<<10):                              "",
	} {
		err := l.Check(query)
		if want == "" && err != nil || want != "" && (err == nil || err.Message != want) {
			t.Errorf("%.60s: %v", query, err)
		}
	}
}
