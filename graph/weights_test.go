package graph

import (
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"chattok/graph/generated"
	"chattok/graph/transport/document"
	"chattok/session"
)

// limitsOf returns the limits as New makes them.
func limitsOf(t *testing.T, table map[string]int) (*document.Limits, error) {
	t.Helper()
	l := &document.Limits{Weights: table, Lists: lists, MaxItems: session.MaxPage}
	return l, l.Validate(generated.NewExecutableSchema(generated.Config{}))
}

// The server does not start where a field with text has no weight, or a weight has no field.
func TestEveryTextHasAWeight(t *testing.T) {
	if _, err := limitsOf(t, weights); err != nil {
		t.Fatal(err)
	}
	for name := range weights {
		table := maps.Clone(weights)
		delete(table, name)
		if _, err := limitsOf(t, table); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	table := maps.Clone(weights)
	table["ChatEntry.colour"] = 1
	if _, err := limitsOf(t, table); err == nil || !strings.Contains(err.Error(), "ChatEntry.colour") {
		t.Errorf("with a weight too many: %v", err)
	}
}

// longestAnswer is the length that an answer may have as it is written.
const longestAnswer = 48 << 20

// The operations of the project's own clients pass the limits, and their answers fit even with the text that grows most
// as JSON.
func TestOwnOperationsFit(t *testing.T) {
	l, err := limitsOf(t, weights)
	if err != nil {
		t.Fatal(err)
	}
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	backticks := regexp.MustCompile("(?s)(?:gql|query: )`(.*?)`")
	fences := regexp.MustCompile("(?s)```graphql\n(.*?)```")
	all := func(pattern *regexp.Regexp, file string) (texts []string) {
		for _, m := range pattern.FindAllStringSubmatch(read(t, file), -1) {
			texts = append(texts, regexp.MustCompile(`\$\{\w+\}`).ReplaceAllString(m[1], ""))
		}
		return texts
	}
	for name, documents := range map[string][]string{
		"the SDK":        {read(t, "../web/sdk/src/operations.graphql")},
		"the playground": all(backticks, "../web/playground/src/tutorial.js"),
		"Apollo":         {strings.Join(all(backticks, "../web/examples/apollo/src/operations.ts"), "\n")},
		"README":         all(fences, "../README.md"),
		"introspection":  {read(t, "transport/document/testdata/introspection.graphql")},
	} {
		operations := 0
		for _, text := range documents {
			document, errs := gqlparser.LoadQueryWithRules(schema, text, rules.NewDefaultRules())
			if len(errs) > 0 {
				t.Errorf("%s: %v", name, errs)
				continue
			}
			for _, operation := range document.Operations {
				operations++
				bytes, _ := l.Weigh(document, operation)
				limit := l.EventBytes
				if operation.Operation == ast.Query {
					limit = l.Bytes
				}
				if bytes == 0 || bytes > limit || 6*bytes > longestAnswer {
					t.Errorf("%s: %s weighs %d bytes", name, operation.Name, bytes)
				}
			}
		}
		if operations == 0 && name != "README" {
			t.Errorf("%s: no operation was found", name)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Lists multiply, fragments count wherever they are spread, and of fragments on object types the heaviest counts.
func TestWeights(t *testing.T) {
	l, err := limitsOf(t, weights)
	if err != nil {
		t.Fatal(err)
	}
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	const body, data = 16384, 1024
	for text, want := range map[string]int{
		`{latestChatEntry(connectionId:"a"){body}}`:                                                                                   15 + 4 + 3 + 4 + 4 + body,
		`{latestChatEntry(connectionId:"a"){a:body b:body}}`:                                                                          15 + 4 + 3 + 2*(1+4+body),
		`{latestChatEntry(connectionId:"a"){...F x:connection{data}}} fragment F on ChatEntry{body}`:                                  15 + 4 + 3 + 4 + 4 + body + 1 + 4 + 3 + 4 + 4 + data,
		`{chatEntries(first:200){nodes{body}}}`:                                                                                       11 + 4 + 200*(3+5+4+3+4+4+body),
		`subscription{sessionEvents{...on ConnectionCreated{connection{data}} ...on ConnectionDestroyed{connection{d:data e:data}}}}`: 13 + 4 + 3 + 10 + 4 + 3 + 2*(1+4+data),
	} {
		document, errs := gqlparser.LoadQueryWithRules(schema, text, rules.NewDefaultRules())
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if got, _ := l.Weigh(document, document.Operations[0]); got != want {
			t.Errorf("%s weighs %d, want %d", text, got, want)
		}
	}
}

// Originals of originals and lists in lists are bounded: by bytes, by depth and by the fields that they resolve.
func TestNestedEntriesAreBounded(t *testing.T) {
	l, err := limitsOf(t, weights)
	if err != nil {
		t.Fatal(err)
	}
	nested := func(field string, depth int) string {
		return strings.Repeat("{"+field+" replyTo", depth) + "{" + field + "}" + strings.Repeat("}", depth)
	}
	for text, want := range map[string]string{
		`{chatEntries(first:200){nodes` + nested("body", 3) + `}}`:                                                                                                     "",
		`{chatEntries(first:200){nodes` + nested("body", 5) + `}}`:                                                                                                     document.ReasonAnswerTooLarge,
		`{chatEntries(first:200){nodes` + nested("seq", 15) + `}}`:                                                                                                     "",
		`{chatEntries(first:200){nodes` + nested("seq", 20) + `}}`:                                                                                                     document.ReasonTooDeep,
		`{chatEntry(id:"x")` + nested("body", 15) + `}`:                                                                                                                "",
		`{chatEntries(first:200){nodes{reactions{name count}}}}`:                                                                                                       "",
		`{chatEntries(first:200){nodes{reactions{users{id}}}}}`:                                                                                                        document.ReasonTooComplex,
		`{chatEntries(first:100){nodes{reactions{users{id}}}}}`:                                                                                                        "",
		`{chatEntries(first:100){nodes{reactions{users(first:50){id}}}}}`:                                                                                              document.ReasonTooComplex,
		`query($n:Int){chatEntries(first:100){nodes{reactions{users(first:$n){id}}}}}`:                                                                                 document.ReasonTooComplex,
		`{chatEntry(id:"x"){reactions{name count users(first:50){id data}}}}`:                                                                                          "",
		`{chatEntries(first:200){nodes{replyTo{reactions{users(first:9){id data}}}}}}`:                                                                                 document.ReasonTooComplex,
		`{chatEntries(first:200){edges{node{body data}} nodes{body data replyTo{body}}}}`:                                                                              "",
		`subscription{logEvents{...on EntryAdded{entry` + nested("body", 15) + `} ...on EntryChanged{entry{reactions{users(first:50){id data}}}}}}`:                    "",
		`subscription{logEvents{...on EntryAdded{entry{reactions{users(first:50){a:data b:data c:data d:data}} replyTo{reactions{users(first:50){e:data f:data}}}}}}}`: document.ReasonAnswerTooLarge,
		`mutation($i:ID!){deleteChatEntry(id:$i){reactions{users(first:50){a:data b:data c:data} x:users(first:50){d:data e:data f:data}}}}`:                           document.ReasonAnswerTooLarge,
		`{bans{id userId connection{id data} moderator{id data} until}}`:                                                                                               "",
	} {
		reason := ""
		if err := l.Check(text); err != nil {
			reason, _ = err.Extensions["reason"].(string)
		}
		if reason != want {
			t.Errorf("%s: %q, want %q", text, reason, want)
		}
	}
}
