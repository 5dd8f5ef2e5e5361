// Package need decides about a test that needs more than Go: a database server, a long time. Such a test is left out
// where its need is not met, and says so; `make test` leaves nothing out, so there a need that is not met is a failure.
package need

import (
	"fmt"
	"os"
	"testing"
)

const (
	// allVariable is set by `make test`: nothing may be left out.
	allVariable = "CHATTOK_TEST_ALL"
	// listVariable names a file that gets a line for each test that is left out. `make quick` prints it at the end, since
	// `go test` shows skips under -v alone.
	listVariable = "CHATTOK_TEST_LEFT_OUT"
)

// Missing leaves out a test whose need is not met; it fails the test where nothing may be left out.
func Missing(tb testing.TB, why string) {
	tb.Helper()
	if os.Getenv(allVariable) != "" {
		tb.Fatalf("%s=%s allows nothing to be left out: %s", allVariable, os.Getenv(allVariable), why)
	}
	note(tb, why)
	tb.Skip(why)
}

// Time leaves out a test that takes long where tests are to be short (`go test -short`).
func Time(tb testing.TB, why string) {
	tb.Helper()
	if testing.Short() {
		Missing(tb, "it takes long: "+why)
	}
}

// note adds a line to the list of what was left out.
func note(tb testing.TB, why string) {
	tb.Helper()
	name := os.Getenv(listVariable)
	if name == "" {
		return
	}
	list, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		tb.Fatal(err)
	}
	defer list.Close()
	if _, err := fmt.Fprintf(list, "%s: %s\n", tb.Name(), why); err != nil {
		tb.Fatal(err)
	}
}
