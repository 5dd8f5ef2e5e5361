//go:build unix

package db_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedBackupsArePrivate runs the commands that docs/operations.md gives for a backup of SQLite, with a
// program in place of sqlite3 that creates the file it is told to. The file has the API secret in it, so no other user
// may read it.
func TestDocumentedBackupsArePrivate(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "**SQLite.**")
	_, block, _ := strings.Cut(section, "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	commands := strings.Split(strings.TrimSpace(block), "\n")
	if len(commands) != 2 {
		t.Fatalf("the commands are %q", commands)
	}
	folder := t.TempDir()
	const program = "#!/bin/sh\nfor file; do :; done\nfile=${file#*\\'}\ntouch \"${file%\\'}\"\n"
	if err := os.WriteFile(filepath.Join(folder, "sqlite3"), []byte(program), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	for _, command := range commands {
		made := regexp.MustCompile(`'([a-z]+\.db)'`).FindStringSubmatch(command)
		if made == nil {
			t.Fatalf("%s names no file", command)
		}
		shell := exec.CommandContext(t.Context(), "sh", "-c", "umask 022; "+command)
		shell.Dir, shell.Env = folder, []string{"PATH=" + folder + ":" + os.Getenv("PATH")}
		if out, err := shell.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		info, err := os.Stat(filepath.Join(folder, made[1]))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s makes a file of mode %v, %v", command, info, err)
		}
	}
}
