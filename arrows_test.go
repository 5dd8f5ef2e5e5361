package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

// arrow says what the code of a package may import, its tests aside.
type arrow struct {
	may     []string // packages of this module
	modules bool     // whether other modules too
	why     string
}

// arrows are the rules of docs/ARCHITECTURE.md, by package.
var arrows = map[string]arrow{
	"session": {[]string{"internal/budget", "internal/groupcommit", "internal/ordered", "internal/sequence", "internal/webhooksign", "internal/backoff"}, false,
		"the domain's rules stand on the standard library and small packages that know no session, so that a store, a bus and an edge can be replaced"},
	"internal/budget":      {nil, false, "a budget of memory knows nothing of what is kept"},
	"internal/groupcommit": {nil, false, "a group commit knows nothing of what is written"},
	"internal/ordered":     {nil, false, "a map knows nothing of what is in it"},
	"internal/backoff":     {nil, false, "a wait knows nothing of its cause"},
	"internal/sequence":    {[]string{"internal/backoff", "internal/budget"}, false, "a sequence knows nothing of its events"},
	"db":                   {[]string{"session", "internal/backoff", "internal/processors"}, true, "a Store knows the domain and its database, and never publishes or answers requests"},
	"bus":                  {[]string{"session"}, false, "a Bus carries messages and never reads the log"},
	"bus/link":             {[]string{"session", "bus", "bus/wire"}, false, "the buses between nodes share what needs no server"},
	"bus/wire":             {[]string{"session"}, true, "how messages are written is the same on every bus"},
	"bus/pgbus":            {[]string{"session", "bus", "bus/link", "bus/wire", "internal/backoff"}, true, "a Bus has a connection and a table of its own, and never reads the log"},
	"bus/natsbus":          {[]string{"session", "bus", "bus/link", "bus/wire"}, true, "a Bus carries messages and never reads the log"},
	"media":                {[]string{"session", "internal/publicaddress"}, true, "ICE servers are named for the domain's connections; a credential proves itself, and nothing is looked up"},
	"token":                {[]string{"session"}, true, "tokens say what the domain's grants hold, and look nothing up"},
	"token/jwks":           {[]string{"token", "internal/backoff"}, true, "a key set knows where keys come from, and no token"},
	"rates":                {[]string{"internal/processors"}, true, "the callers know operations; rates know amounts and to whom they are charged"},
	"accept":               {[]string{"rates", "internal/backoff", "internal/processors"}, true, "connections are counted before anything is known of what is said over them"},
	"graph": {[]string{"session", "token", "rates", "graph/transport", "graph/transport/document", "graph/transport/gqlerr", "graph/edge",
		"graph/generated", "graph/event", "graph/scalar", "internal/sequence"}, true,
		"the edge calls the domain by its service; a store or a bus behind it is joined by internal/server"},
	"graph/transport": {[]string{"session", "graph/scalar", "graph/transport/document", "graph/transport/jsonbody", "graph/transport/gqlerr", "internal/backoff", "internal/budget", "internal/processors", "internal/sequence"}, true,
		"transports carry any schema: of the domain they know the errors alone"},
	"graph/transport/document": {[]string{"session", "graph/transport/jsonbody", "graph/transport/gqlerr", "internal/bytecache"}, true,
		"a document is checked without knowing how it came: of the domain it knows the error codes alone"},
	"graph/transport/jsonbody": {[]string{"graph/transport/gqlerr"}, true, "a request is read without knowing what it asks for"},
	"graph/transport/gqlerr":   {[]string{"session"}, true, "an error is made and written without knowing who asks; its codes are the domain's"},
	"internal/bytecache":       {nil, true, "a cache knows nothing of what it keeps"},
	"graph/edge":               {[]string{"session", "graph/transport"}, true, "what is around HTTP knows no operation, and borrows but the shape of a refusal"},
	"graph/generated":          {[]string{"session", "graph/enum", "graph/event", "graph/scalar"}, true, "generated code binds to the domain's types; nothing by hand leans on it but graph"},
	"graph/enum":               {[]string{"session"}, true, "the domain's enums do not know how GraphQL writes them"},
	"graph/event":              {[]string{"session"}, false, "the domain's events do not know GraphQL's unions"},
	"graph/scalar":             {nil, true, "scalars are written and read without knowing what they are of"},
	"opentok":                  {[]string{"session", "token"}, true, "the REST API is calls of the domain as the holder of the API secret; every rule is the domain's"},
	"beforepost":               {[]string{"session", "internal/webhooksign"}, false, "a question before a post is HTTP around the domain's drafts and verdicts"},
	"rails":                    {nil, false, "a route runs an operation of the API, which is given as a handler and decides who calls and what is allowed"},
	"web":                      {nil, true, "the pages are files; they talk to the API as every client does"},

	// The packages that run the server, from package main inwards.
	".":                {[]string{"internal/command", "internal/memory", "internal/processors"}, false, "package main starts a command and knows no part of the server"},
	"internal/command": {[]string{"internal/archive", "internal/client", "internal/server", "internal/config", "db", "session", "token"}, false, "a command is arguments, one deed and its report"},
	"internal/client":  {[]string{"internal/backoff"}, false, "a client knows the API as everybody does, and no part of the server"},
	"internal/archive": {nil, false, "an export is lines, whichever server sent them"},
	"internal/server": {[]string{"internal/budget", "internal/config", "internal/certificates", "internal/memory", "internal/metrics", "internal/tracing", "accept", "beforepost", "bus", "bus/natsbus",
		"bus/pgbus", "db", "graph", "graph/edge", "graph/transport", "media", "opentok", "rails", "rates", "session", "token", "token/jwks", "web", "webhook"}, false,
		"the parts are joined in one place, and nothing but joined there"},
	"internal/config": {[]string{"internal/boundedlog", "internal/memory", "beforepost", "bus/natsbus", "db", "graph/edge", "graph/transport", "media", "opentok", "rates",
		"session", "token", "token/jwks", "web", "internal/webhooksign"}, true, "settings know the limits and languages of the parts, and start none"},
	"internal/metrics":      {[]string{"bus", "graph", "media", "session", "webhook"}, true, "figures are asked of the parts that know them"},
	"internal/tracing":      {[]string{"session"}, true, "spans are made of what the domain and its edge tell, and know neither texts nor callers"},
	"internal/certificates": {nil, true, "encryption knows names and files, and no part of the server"},
	"internal/boundedlog":   {nil, false, "a handler of log lines knows log lines alone"},
	"internal/memory":       {nil, false, "memory is the machine's"},
	"internal/processors":   {nil, false, "processors are the machine's"},

	// The requests that the server itself makes.
	"webhook":                {[]string{"session", "internal/backoff", "internal/groupcommit", "internal/outbound", "internal/sequence", "internal/webhooksign"}, false, "the sender reads the feed by the domain's service, and decides nothing that a client may do"},
	"internal/outbound":      {[]string{"internal/publicaddress"}, false, "a request is made without knowing what it is for"},
	"internal/webhooksign":   {nil, false, "a signature knows nothing of what is signed"},
	"internal/publicaddress": {nil, false, "an address is public or not, whoever asks"},
}

// inner packages are suites for tests. No package's own code may import them.
var inner = []string{"db/storetest", "bus/bustest", "graph/transport/streamtest"}

// TestArrows: imports point from the outside in, as docs/ARCHITECTURE.md draws them.
func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		room := path.Dir(name)
		rule, ruled := arrows[room]
		seen[room] = true
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, name, room, imported, rule, ruled)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	architecture, err := os.ReadFile("docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for room := range arrows {
		if !seen[room] {
			t.Errorf("%s has a rule here, but no code", room)
		}
		if room != "." && !strings.Contains(string(architecture), "`"+room+"/`") {
			t.Errorf("%s has a rule here, but no line in docs/ARCHITECTURE.md", room)
		}
	}
}

func checkImport(t *testing.T, file, room, imported string, rule arrow, ruled bool) {
	t.Helper()
	ours, isOurs := strings.CutPrefix(imported, "chattok/")
	if isOurs {
		for _, forTests := range inner {
			if ours == forTests && room != forTests {
				t.Errorf("%s imports %s: that is a suite for tests", file, imported)
			}
		}
	}
	if !ruled {
		return // a tool or a suite, which stand outside the server
	}
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case isOurs:
		if own, _, _ := strings.Cut(ours, "/"); own == room && room == "db" {
			return // the migrations
		}
		for _, may := range rule.may {
			if ours == may {
				return
			}
		}
		t.Errorf("%s imports %s, but %s may import %v of this module: %s", file, imported, room, rule.may, rule.why)
	case strings.Contains(first, ".") && !rule.modules:
		t.Errorf("%s imports %s, but %s may import no other module: %s", file, imported, room, rule.why)
	}
}
