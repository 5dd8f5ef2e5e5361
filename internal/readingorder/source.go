package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// source is a package's code, without its tests, parsed and type-checked.
type source struct {
	path   string // of the import
	fset   *token.FileSet
	syntax []*ast.File
	info   *types.Info
}

// listed is the part of `go list -json` that is used.
type listed struct {
	ImportPath string
	Dir        string
	Export     string
	DepOnly    bool
	GoFiles    []string
}

// load parses and type-checks the packages that the patterns match. Packages that they import are read from the compiler's
// export data, which `go list -export` builds.
func load(dir string, patterns []string) ([]*source, error) {
	list := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,DepOnly,GoFiles", "--"}, patterns...)...)
	list.Dir = dir
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	exports := make(map[string]string)
	var found []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list's answer: %w", err)
		}
		exports[p.ImportPath] = p.Export
		if !p.DepOnly {
			found = append(found, p)
		}
	}
	var packages []*source
	for _, p := range found {
		loaded, err := check(p, exports)
		if err != nil {
			return nil, err
		}
		packages = append(packages, loaded)
	}
	return packages, nil
}

func check(p listed, exports map[string]string) (*source, error) {
	s := &source{path: p.ImportPath, fset: token.NewFileSet(), info: &types.Info{Uses: make(map[*ast.Ident]types.Object),
		Selections: make(map[*ast.SelectorExpr]*types.Selection)}}
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(s.fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s.syntax = append(s.syntax, file)
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	config := types.Config{Importer: importer.ForCompiler(s.fset, "gc", open)}
	if _, err := config.Check(p.ImportPath, s.fset, s.syntax, s.info); err != nil {
		return nil, fmt.Errorf("type-check: %w", err)
	}
	return s, nil
}

// names returns the names of the files.
func (s *source) names() []string {
	var names []string
	for _, file := range s.syntax {
		names = append(names, s.file(file.Pos()))
	}
	return names
}

// file returns the name of the file that a position is in.
func (s *source) file(pos token.Pos) string { return filepath.Base(s.fset.Position(pos).Filename) }

// call is a function of one file that calls a function of another file, however often.
type call struct{ from, caller, to, callee string }

// calls returns the calls between files: of functions and methods, directly or by way of a function value.
func (s *source) calls() []call {
	seen := make(map[call]bool)
	var calls []call
	for _, file := range s.syntax {
		from := s.file(file.Pos())
		for _, declared := range file.Decls {
			caller := "a declaration"
			if f, ok := declared.(*ast.FuncDecl); ok {
				caller = functionName(f)
			}
			ast.Inspect(declared, func(n ast.Node) bool {
				name, ok := n.(*ast.Ident)
				if !ok {
					return true
				}
				callee, ok := s.info.Uses[name].(*types.Func)
				if !ok || callee.Pkg() == nil || callee.Pkg().Path() != s.path {
					return true
				}
				callee = callee.Origin()
				if isAbstract(callee) {
					return true // an interface's method, which is declared where it is called for
				}
				c := call{from: from, caller: caller, to: s.file(callee.Pos()), callee: types.ObjectString(callee, func(*types.Package) string { return "" })}
				if c.to != c.from && !seen[c] {
					seen[c] = true
					calls = append(calls, c)
				}
				return true
			})
		}
	}
	return calls
}

func isAbstract(f *types.Func) bool {
	receiver := f.Signature().Recv()
	return receiver != nil && types.IsInterface(receiver.Type())
}

func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	return types.ExprString(f.Recv.List[0].Type) + "." + f.Name.Name
}

// structType is a struct and how many fields it has. An embedded type is one.
type structType struct {
	name, file string
	fields     int
}

// structs returns the largest structs of the package, at most n.
func (s *source) structs(n int) []structType {
	var found []structType
	for _, file := range s.syntax {
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if t, ok := spec.Type.(*ast.StructType); ok {
				found = append(found, structType{spec.Name.Name, s.file(spec.Pos()), t.Fields.NumFields()})
			}
			return true
		})
	}
	slices.SortStableFunc(found, func(a, b structType) int { return b.fields - a.fields })
	return found[:min(n, len(found))]
}

// statedOrder returns the files that a package comment names behind "Reading order:", up to the first word that is no file.
func statedOrder(files []*ast.File) []string {
	for _, file := range files {
		if file.Doc == nil {
			continue
		}
		if _, order, ok := strings.Cut(file.Doc.Text(), "Reading order:"); ok {
			return splitNames(order)
		}
	}
	return nil
}

// splitNames returns the names of Go files at the beginning of a text. They are separated by spaces or commas, and a full stop
// may end them.
func splitNames(text string) []string {
	var names []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }) {
		name := strings.TrimSuffix(word, ".")
		if !strings.HasSuffix(name, ".go") {
			break
		}
		names = append(names, name)
		if name != word {
			break
		}
	}
	return names
}
