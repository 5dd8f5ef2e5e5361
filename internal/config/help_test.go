package config

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// TestEverySettingIsExplained: the help has each flag once, and docs/operations.md explains each.
func TestEverySettingIsExplained(t *testing.T) {
	var c Config
	var help strings.Builder
	PrintFlags(&help, c.Flags())
	operations, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	c.Flags().VisitAll(func(f *flag.Flag) {
		if n := strings.Count(help.String(), "  "+Variable(f.Name)+"\n"); n != 1 {
			t.Errorf("the help has -%s %d times", f.Name, n)
		}
		if !strings.Contains(string(operations), "`"+Variable(f.Name)+"`") {
			t.Errorf("docs/operations.md does not explain %s", Variable(f.Name))
		}
	})
}
