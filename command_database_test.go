package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chattok/db"
)

// command runs the program and returns its exit code and what it wrote.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestMigrateCommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	for i, want := range []string{"was empty; it has schema version", "is up to date at schema version", "new epochs"} {
		args := []string{"migrate", "-database", path}
		if i == 2 {
			args = append(args, "-restored")
		}
		code, stdout, stderr := command(t, args...)
		if code != 0 || !strings.Contains(stdout, want) || !strings.Contains(stdout, path) {
			t.Errorf("run %d: %d, %q, %q; want %q", i, code, stdout, stderr, want)
		}
	}
	if code, _, stderr := command(t, "migrate", "-database", path, "extra"); code != 2 || !strings.Contains(stderr, `unexpected argument "extra"`) {
		t.Errorf("an argument too many: %d, %q", code, stderr)
	}
}

func TestCopyCommand(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.db"), filepath.Join(dir, "to.db")
	if code, _, stderr := command(t, "copy", "-from", from, "-to", to); code != 1 || !strings.Contains(stderr, from+" does not exist") {
		t.Errorf("no source: %d, %q", code, stderr)
	}
	if code, _, stderr := command(t, "copy", "-from", from); code != 2 || !strings.Contains(stderr, "-to must name a database") {
		t.Errorf("no target: %d, %q", code, stderr)
	}
	if code, _, stderr := command(t, "migrate", "-database", from); code != 0 {
		t.Fatal(stderr)
	}
	code, stdout, stderr := command(t, "copy", "-database", from, "-to", to)
	if code != 0 || !strings.Contains(stdout, "the same on both sides") || !strings.Contains(stdout, "sessions                 1 rows  sha256 ") {
		t.Errorf("copied: %d, %q, %q", code, stdout, stderr)
	}
	_, one, _ := command(t, "secret", "-database", from)
	_, other, _ := command(t, "secret", "-database", to)
	if one != other || one == "" {
		t.Error("the copy has another secret")
	}
}

func TestCopyMeter(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	m := &copyMeter{out: &out, now: func() time.Time { return now }}
	for _, step := range []struct {
		after time.Duration
		p     db.CopyProgress
	}{
		{0, db.CopyProgress{Table: "entries", Rows: 1000, Total: 11000, Began: 1000}},
		{time.Second, db.CopyProgress{Table: "entries", Rows: 2000, Total: 11000}}, // too soon to say
		{time.Second, db.CopyProgress{Table: "entries", Rows: 5000, Total: 11000}},
		{time.Minute, db.CopyProgress{Checking: true, Table: "sessions", Total: 11000}},
		{4 * time.Second, db.CopyProgress{Checking: true, Table: "sessions", Total: 11000}},
	} {
		now = now.Add(step.after)
		m.show(step.p)
	}
	const want = "copying 11000 rows, of which 1000 are there\n" +
		"copied 5000 of 11000 rows (45 %), 2000 a second, 3s left, in entries\n" +
		"comparing 11000 rows\n" +
		"compared 0 of 11000 rows (0 %), 0 a second, ? left, in sessions\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// TestSecretInForce: secret and token refuse to hand out what the server would refuse, and token says what it is worth.
func TestSecretInForce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if code, _, stderr := command(t, "migrate", "-database", path); code != 0 {
		t.Fatal(stderr)
	}
	note := func(secret string) (own string) {
		t.Helper()
		store, err := db.Open(t.Context(), db.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		made, err := store.Secret(t.Context())
		if secret == "" {
			secret = string(made)
		}
		if err := errors.Join(err, store.NoteSecret(t.Context(), []byte(secret)), store.Close()); err != nil {
			t.Fatal(err)
		}
		return string(made)
	}
	const other = "another secret, of 32 bytes at least"
	check := func(what, wantOut, wantErr string, wantCode int, args ...string) {
		t.Helper()
		code, stdout, stderr := command(t, append(args, "-database", path)...)
		if code != wantCode || wantOut != "" && stdout != wantOut+"\n" || !strings.Contains(stderr, wantErr) || wantErr == "" && stderr != "" {
			t.Errorf("%s: %d, %q, %q; want %d, %q, %q", what, code, stdout, stderr, wantCode, wantOut, wantErr)
		}
	}
	own := note("")
	check("the database's own", own, "", 0, "secret")
	check("unknown", "", `no session "s" yet`, 0, "token", "-session", "s")
	check("open", "", `"lobby" was made on first use`, 0, "token", "-session", "lobby")
	note(other)
	check("another in force", "", "was started with another secret than the database's own", 1, "secret")
	check("another in force", "", "was started with another secret than the database's own", 1, "token", "-session", "s")
	t.Setenv(secretVariable, other)
	check("that one", other, "", 0, "secret")
	check("that one", "", `no session "s" yet`, 0, "token", "-session", "s")
	t.Setenv(secretVariable, other+" still")
	check("a third", other+" still", "another secret than CHATTOK_API_SECRET is here", 0, "secret")
	path = filepath.Join(t.TempDir(), "none.db")
	check("no database", other+" still", "", 0, "secret")
}

// TestTokenRole: a role that is not given as a flag is no role.
func TestTokenRole(t *testing.T) {
	for _, args := range [][]string{{"token", "-session", "s", "MODERATOR"}, {"token", "-session", "s", "-role", "SUBSCRIBER", "x"}} {
		code, stdout, stderr := command(t, args...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, "unexpected argument") || !strings.Contains(stderr, "-role MODERATOR") {
			t.Errorf("%v: %d, %q, %q", args, code, stdout, stderr)
		}
	}
}
