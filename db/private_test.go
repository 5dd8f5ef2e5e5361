//go:build unix

package db_test

import (
	"os"
	"testing"

	"chattok/db"
)

// The database holds the API secret, and its log every message: its files are readable by this user alone.
func TestFilesArePrivate(t *testing.T) {
	path := newPath(t)
	store := mustOpen(t, db.Config{Path: path})
	connect(t, store, "a", "a1")
	mustPost(t, store, "a1", "x", "")
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, mode)
		}
	}
}
