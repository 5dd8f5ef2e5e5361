package main

import (
	"bytes"
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
