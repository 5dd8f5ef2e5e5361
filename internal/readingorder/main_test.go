package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCount counts in a package that is made for it.
func TestCount(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module made\n\ngo 1.26\n",
		"doc.go": "// Package made is made.\n//\n// Reading order: doc.go top.go\n// bottom.go. And so on.\npackage made\n",
		"top.go": "package made\n\nimport \"strings\"\n\ntype top struct{ a, b int; strings.Builder }\n\nfunc (t *top) run() { low(); low(); _ = t.help; strings.Clone(\"\") }\n\nfunc (t *top) help() {}\n",
		"bottom.go": "package made\n\ntype namer interface{ name() }\n\nfunc low() { new(top).run(); new(top).help() }\n\n" +
			"func generic[T any](v T) T { return v }\n\nfunc also(n namer) { n.name() }\n",
		"top_test.go": "package made\n\nfunc unseen() { low() }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := run([]string{"-C", dir, "-v", "."}, &out); err != nil {
		t.Fatal(err)
	}
	const want = "made: 3 files\n" +
		"  2 of 3 calls between files run back up\n" +
		"    bottom.go: low calls func (*top).run() in top.go\n" +
		"    bottom.go: low calls func (*top).help() in top.go\n" +
		"  top                        3 fields  top.go\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	out.Reset()
	if err := run([]string{"-C", dir, "-types", "0", "-order", "bottom.go,top.go doc.go", "."}, &out); err != nil {
		t.Fatal(err)
	}
	if want := "made: 3 files\n  1 of 3 calls between files run back up\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	out.Reset()
	if err := run([]string{"-C", dir, "-types", "0", "-suggest", "."}, &out); err != nil {
		t.Fatal(err)
	}
	if want := "bottom.go doc.go top.go\nmade: 3 files\n  1 of 3 calls between files run back up\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if err := run([]string{"-C", dir, "-order", "top.go", "."}, &out); err == nil || !strings.Contains(err.Error(), "lacks bottom.go") {
		t.Errorf("an order that lacks files: %v", err)
	}
}

// TestStatedOrdersAreWhole: a package of this module that states a reading order has each of its files in it, and no others.
func TestStatedOrdersAreWhole(t *testing.T) {
	const root = "../.."
	stated := 0
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if base := path.Base(name); name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata") {
			return fs.SkipDir
		}
		files, err := filepath.Glob(filepath.Join(root, name, "*.go"))
		if err != nil {
			return err
		}
		var order, names []string
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			if name := filepath.Base(file); name != docFile {
				names = append(names, name)
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				return err
			}
			if parsed.Doc != nil {
				if _, text, ok := strings.Cut(parsed.Doc.Text(), "Reading order:"); ok {
					order = splitNames(text)
				}
			}
		}
		if order == nil {
			return nil
		}
		stated++
		slices.Sort(names)
		order = slices.DeleteFunc(order, func(name string) bool { return name == docFile })
		if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, names) {
			t.Errorf("%s: the reading order has %v, and the package %v", name, sorted, names)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if stated < 3 {
		t.Errorf("%d packages state a reading order", stated)
	}
}
