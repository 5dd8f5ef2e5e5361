// Command typecheck checks that a module and its tests compile for other systems:
//
//	typecheck DIR SYSTEM...
//
// It reads types from source. `go vet` finds the same faults of types, but compiles every dependency for each system first, which for
// SQLite in Go takes minutes.
package main

import (
	"fmt"
	"os"

	"golang.org/x/tools/go/packages"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: typecheck DIR SYSTEM...")
		os.Exit(2)
	}
	failed := false
	for _, system := range os.Args[2:] {
		fmt.Println("types for", system)
		loaded, err := packages.Load(&packages.Config{
			Mode:  packages.LoadAllSyntax,
			Dir:   os.Args[1],
			Env:   append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0"),
			Tests: true,
		}, "./...")
		if err != nil {
			fmt.Fprintf(os.Stderr, "typecheck: %s: %v\n", system, err)
			os.Exit(1)
		}
		if len(loaded) == 0 {
			fmt.Fprintf(os.Stderr, "typecheck: %s: no packages in %s\n", system, os.Args[1])
			os.Exit(1)
		}
		failed = packages.PrintErrors(loaded) > 0 || failed
	}
	if failed {
		os.Exit(1)
	}
}
