package config

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
)

// TestUnknownVariables: misspelt settings are found, with what they may mean; settings and other programs' variables are not.
func TestUnknownVariables(t *testing.T) {
	for name, nearest := range map[string]string{
		"CHATTOK_OPNE":              "CHATTOK_OPEN",
		"CHATTOK_OPEM":              "CHATTOK_OPEN",
		"CHATTOK_HOST":              "CHATTOK_HOSTS",
		"CHATTOK_ORIGIN":            "CHATTOK_ORIGINS",
		"CHATTOK_API_SECERT":        "CHATTOK_API_SECRET",
		"CHATTOK_TRUSTED_PROXY":     "CHATTOK_TRUSTED_PROXIES",
		"CHATTOK_GARCE":             "CHATTOK_GRACE",
		"CHATTOK_":                  "",
		"CHATTOK_X":                 "",
		"CHATTOK_COLOUR_OF_THE_SKY": "",
	} {
		got := UnknownVariables([]string{"PATH=/bin", name + "=false"})
		if len(got) != 1 || got[0] != (Unknown{name, nearest}) {
			t.Errorf("%s: got %q, want %q", name, got, nearest)
		}
	}
	fine := []string{"CHATTOK_OPEN=true", "CHATTOK_API_SECRET=x", "CHATTOK_API_SECRET_OLD=x", "CHATTOK_BEFORE_POST_SECRET=x", "CHATTOK_WEBHOOK_SECRET=x",
		"CHATTOK_URL=x", "CHATTOK_SECRET_FILE=x", "CHATTOK_ORIGIN=x", "CHATTOK_ORIGINS=x", "CHATTOK_SITE=x", "CHATTOK_NODES=x", "CHATTOK_HTTP_PORT=80",
		"CHATTOK_PORT=tcp://10.0.0.1:80", "CHATTOK_PORT_8080_TCP_ADDR=10.0.0.1", "CHATTOK_SERVICE_HOST=10.0.0.1", "CHATTOK_TEST_ALL=1", "CHATTOK=x", "chattok_opne=x"}
	if got := UnknownVariables(fine); len(got) > 0 {
		t.Errorf("unknown are %q", got)
	}
}

// TestOtherProgramsVariables: each variable that a program or script of the repository names is a setting, or among ofOthers, so that
// the server does not warn of it.
func TestOtherProgramsVariables(t *testing.T) {
	files, err := exec.Command("git", "-C", "../..", "ls-files", "*.go", "*.mjs", "*.py", "*.sh", "*.yml", "*.yaml", "Makefile", "deploy/Caddyfile").Output()
	if err != nil {
		t.Skip("needs a checkout, and git: ", err)
	}
	found := map[string]bool{}
	for name := range bytes.SplitSeq(bytes.TrimSpace(files), []byte("\n")) {
		if bytes.HasPrefix(name, []byte("internal/config/")) {
			continue // this test's wrong names, and the examples of comments
		}
		text, err := os.ReadFile("../../" + string(name))
		if err != nil {
			continue // deleted, and not committed
		}
		for _, variable := range regexp.MustCompile(`CHATTOK_[A-Z_]*[A-Z]`).FindAll(text, -1) {
			found[string(variable)] = true
		}
	}
	environ := []string{"CHATTOK_ORIGINS="}
	for name := range found {
		environ = append(environ, name+"=")
	}
	if got := UnknownVariables(environ); len(got) > 0 {
		t.Errorf("neither settings nor known as others': %q", got)
	}
	for _, name := range ofOthers {
		if !found[name] {
			t.Errorf("%s is read by no program any more", name)
		}
	}
	if !slices.Contains(ofOthers, "CHATTOK_BINARY") || len(found) < 50 {
		t.Errorf("found only %d variables", len(found))
	}
}
