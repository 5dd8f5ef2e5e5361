// Command readingorder measures how well packages read from top to bottom. A package's comment may state in which order to read
// its files, callers first:
//
//	Reading order: main.go source.go suggest.go.
//
// A call from one file into another that comes earlier in this order runs back up: its reader has to return. The command counts,
// for each package given, the calls between files and those that run back up, and lists its largest structs by fields.
//
//	go run ./internal/readingorder ./session ./graph/transport
//	go run ./internal/readingorder -v -types 10 ./session
//	go run ./internal/readingorder -order 'a.go b.go c.go' ./session    # in place of the comment's order
//	go run ./internal/readingorder -suggest ./session                  # an order in which few calls run back up
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "readingorder: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	f := flag.NewFlagSet("readingorder", flag.ContinueOnError)
	order := f.String("order", "", "files of the package, callers first, separated by spaces or commas, in place of its comment's `order`")
	dir := f.String("C", ".", "`folder` to run in")
	largest := f.Int("types", 5, "print so many of the largest structs")
	each := f.Bool("v", false, "print each call that runs back up")
	suggested := f.Bool("suggest", false, "find an order in which few calls run back up, print it, and count by it")
	if err := f.Parse(args); err != nil {
		return err
	}
	patterns := f.Args()
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	packages, err := load(*dir, patterns)
	if err != nil {
		return err
	}
	if *order != "" && len(packages) != 1 {
		return fmt.Errorf("-order is for one package, and there are %d", len(packages))
	}
	for _, p := range packages {
		stated := splitNames(*order)
		switch {
		case *suggested:
			stated = suggest(p.names(), p.calls())
			fmt.Fprintln(stdout, strings.Join(stated, " "))
		case *order == "":
			stated = statedOrder(p.syntax)
		}
		if err := report(stdout, p, stated, *largest, *each); err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
	}
	return nil
}

// report prints what there is to say about a package.
func report(w io.Writer, p *source, order []string, largest int, each bool) error {
	fmt.Fprintf(w, "%s: %d files\n", p.path, len(p.syntax))
	if len(order) == 0 {
		fmt.Fprintln(w, "  its package comment states no reading order")
	} else {
		ranks, err := rank(order, p.names())
		if err != nil {
			return err
		}
		calls := p.calls()
		var back []call
		for _, c := range calls {
			if ranks[c.from] > ranks[c.to] {
				back = append(back, c)
			}
		}
		fmt.Fprintf(w, "  %d of %d calls between files run back up\n", len(back), len(calls))
		if each {
			for _, c := range back {
				fmt.Fprintf(w, "    %s: %s calls %s in %s\n", c.from, c.caller, c.callee, c.to)
			}
		}
	}
	for _, s := range p.structs(largest) {
		fmt.Fprintf(w, "  %-24s %3d fields  %s\n", s.name, s.fields, s.file)
	}
	return nil
}

// docFile holds a package's comment and no code; a reading order may leave it out.
const docFile = "doc.go"

// rank returns the place of each file in the order. Each file must be in it, save docFile.
func rank(order, files []string) (map[string]int, error) {
	ranks := make(map[string]int, len(order))
	for i, name := range order {
		ranks[filepath.Base(name)] = i
	}
	var missing []string
	for _, name := range files {
		if _, ok := ranks[name]; !ok && name != docFile {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the reading order lacks %s", strings.Join(missing, ", "))
	}
	return ranks, nil
}
