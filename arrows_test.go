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

// arrow is what a package may import of this module, and of others where modules is true, in its own code.
type arrow struct {
	may     []string
	modules bool
	why     string
}

// arrows are those of docs/ARCHITECTURE.md. Tests may import what they like.
var arrows = map[string]arrow{
	"session":     {nil, false, "the domain's rules stand on the standard library alone, so that a store, a bus and an edge can be replaced"},
	"db":          {[]string{"session"}, true, "a Store knows the domain and its database, and never publishes or answers requests"},
	"bus":         {[]string{"session"}, false, "a Bus carries messages and never reads the log"},
	"bus/wire":    {[]string{"session"}, true, "how messages are written is the same on every bus"},
	"bus/pgbus":   {[]string{"session", "bus", "bus/wire"}, true, "a Bus has a connection and a table of its own, and never reads the log"},
	"bus/natsbus": {[]string{"session", "bus", "bus/wire"}, true, "a Bus carries messages and never reads the log"},
	"media":       {[]string{"session"}, true, "ICE servers are named for the domain's connections; what a credential proves is asked of nobody"},
	"token":       {[]string{"session"}, true, "tokens say what the domain's grants hold, and look nothing up"},
	"rates":       {nil, true, "whom something is charged to, and for what, is said by those who know operations"},
	"accept":      {[]string{"rates"}, true, "connections are counted before anything is known of what is said over them"},
	"graph": {[]string{"session", "token", "rates", "graph/transport", "graph/edge", "graph/generated", "graph/scalar"}, true,
		"the edge calls the domain by its service; a store or a bus behind it is wired by package main"},
	"graph/transport": {[]string{"session"}, true, "transports carry any schema: of the domain they know the errors alone"},
	"graph/edge":      {[]string{"session", "graph/transport"}, true, "what is around HTTP knows no operation, and borrows but the shape of a refusal"},
	"graph/generated": {[]string{"session", "graph/scalar"}, true, "generated code binds to the domain's types; nothing by hand leans on it but graph"},
	"graph/scalar":    {nil, true, "scalars are written and read without knowing what they are of"},
	"web":             {nil, true, "the pages are files; they talk to the API as every client does"},
}

// inner packages are for tests and may be imported by no package's own code.
var inner = []string{"db/storetest", "bus/bustest", "graph/transport/streamtest"}

// TestArrows: imports point from the outside in.
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
	for room := range arrows {
		if !seen[room] {
			t.Errorf("%s has a rule here, but no code", room)
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
		return // package main, and tools and suites, which stand outside
	}
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case isOurs:
		if own, _, _ := strings.Cut(ours, "/"); own == room && room == "db" {
			return // its migrations
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
