//go:build unix

package db

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chattok/session"
)

// harm is something that happens to the files of a database while it is served.
type harm struct {
	name string
	do   func(path string) error
	undo func(path string) error // nil where nothing can undo it
	says string                  // part of the error's cause
}

func harms() []harm {
	var all []harm
	for _, name := range fileNames {
		all = append(all, harm{"delete " + name,
			func(path string) error { return os.Rename(path+name, path+name+".elsewhere") },
			func(path string) error { return os.Rename(path+name+".elsewhere", path+name) },
			name + " was deleted"})
	}
	return append(all,
		harm{"replace", func(path string) error {
			if err := os.Rename(path, path+".old"); err != nil {
				return err
			}
			return os.WriteFile(path, []byte("another"), 0o600)
		}, func(path string) error { return os.Rename(path+".old", path) }, "was deleted or replaced"},
		harm{"empty", func(path string) error { return os.Truncate(path, 0) }, nil, ".db was emptied"},
		harm{"empty -wal", func(path string) error { return os.Truncate(path+"-wal", 0) }, nil, "-wal was emptied"})
}

// TestFilesThatGo deletes, replaces and empties the files of a served database: no entry is answered as stored any
// more, and the store is not ready, until a file that was moved away is back.
func TestFilesThatGo(t *testing.T) {
	for _, h := range harms() {
		t.Run(h.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			store, err := Open(t.Context(), Config{Path: path, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }() // may fail, since the files are gone
			fileOf(store).checkInterval = 0
			group := bigGroup(t, store, 2)
			append1 := func() error { return store.AppendEntries(t.Context(), group)[0].Err }
			if err := errors.Join(append1(), fileOf(store).checkFiles(fileNames)); err != nil {
				t.Fatal(err)
			}
			if err := h.do(path); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(h.says, "-shm") || strings.Contains(h.says, ".lock") {
				_ = fileOf(store).checkFiles(fileNames) // as the maintainer does every second: no commit looks at this file
			}
			for n := range 3 {
				for what, err := range map[string]error{"add": append1(), "ping": store.Ping(t.Context())} {
					e, ok := errors.AsType[*session.Error](err)
					if !ok || e.Code != session.CodeUnavailable {
						t.Fatalf("%s %d: %v", what, n, err)
					}
					if strings.Contains(e.Message, path) {
						t.Errorf("%s: the message names a path: %s", what, e.Message)
					}
					// An add may find out by itself that its log was emptied.
					if n > 0 && (e.Err == nil || !strings.Contains(e.Err.Error(), h.says)) {
						t.Errorf("%s: the cause is %v, want %q in it", what, e.Err, h.says)
					}
				}
			}
			if h.undo == nil {
				return
			}
			if err := h.undo(path); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(append1(), store.Ping(t.Context())); err != nil {
				t.Errorf("with the files back: %v", err)
			}
		})
	}
}

// TestFilesThatStay uses a database as hard as it can, with everything that SQLite itself and another program's VACUUM
// do to its files: none of that is taken for harm.
func TestFilesThatStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	group := bigGroup(t, store, 40)
	done := make(chan struct{})
	looked := make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				looked <- n
				return
			default:
				if err := fileOf(store).checkFiles(fileNames); err != nil {
					t.Errorf("look %d: %v", n, err)
				}
			}
		}
	}()
	for n := range 20 {
		for _, r := range store.AppendEntries(t.Context(), group) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if n%5 == 4 {
			if _, err := truncateWAL(t.Context(), store.writer); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, query := range []string{"DELETE FROM entries", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := store.writer.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range store.AppendEntries(t.Context(), group[:1]) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	close(done)
	if n := <-looked; n == 0 {
		t.Error("nobody looked")
	}
}

// TestLongReader reads one state of the database for as long as a backup may take, while the write-ahead log grows
// long: no writer waits for the reader.
func TestLongReader(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	group := bigGroup(t, store, 40)
	reader, err := store.readers.BeginTx(t.Context(), store.engine.snapshot)
	if err != nil {
		t.Fatal(err)
	}
	var before int
	if err := reader.NewRaw("SELECT count(*) FROM entries").Scan(t.Context(), &before); err != nil {
		t.Fatal(err)
	}
	for !walIsLong(store.path) {
		for _, r := range store.AppendEntries(t.Context(), group) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	shortened := make(chan error, 1)
	go func() { shortened <- fileOf(store).shortenWAL(t.Context()) }()
	select {
	case err := <-shortened:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(busyTimeout * time.Millisecond * 3 / 4): // a shortening that waits would take all of this time
		t.Error("the turn to write is held while a reader reads")
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := fileOf(store).shortenWAL(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := walSize(t, store.path); n != 0 {
		t.Errorf("without the reader the log has %d bytes", n)
	}
	var timeout int
	if err := store.writer.NewRaw("PRAGMA busy_timeout").Scan(t.Context(), &timeout); err != nil || timeout != busyTimeout {
		t.Errorf("the writer waits %d ms for others, %v", timeout, err)
	}
}

// TestLinks opens a served database by another name: a link leads to the file in use, and a second hard link is
// refused.
func TestLinks(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "test.db")
	openInside(t, path)
	link := filepath.Join(folder, "link.db")
	if err := os.Symlink("test.db", link); err != nil {
		t.Fatal(err)
	}
	other := func(name string) error {
		store, err := Open(t.Context(), Config{Path: name, LockWait: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			_ = store.Close()
		}
		return err
	}
	if err := other(link); err == nil || !strings.Contains(err.Error(), path+" is in use by another server") {
		t.Errorf("by a link: %v", err)
	}
	second := filepath.Join(folder, "second.db")
	if err := os.Link(path, second); err != nil {
		t.Fatal(err)
	}
	if err := other(second); err == nil || !strings.Contains(err.Error(), "2 names") {
		t.Errorf("by a second name: %v", err)
	}
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	nowhere := filepath.Join(folder, "nowhere.db")
	if err := os.Symlink("missing.db", nowhere); err != nil {
		t.Fatal(err)
	}
	if err := other(nowhere); err == nil || !strings.Contains(err.Error(), "a link to a file that does not exist") {
		t.Errorf("by a link to nothing: %v", err)
	}
}

// TestReadableByOthers opens a database that other users can read: its permissions are reduced, and the log says so.
func TestReadableByOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		before, after fs.FileMode
		says          []string
	}{
		{0o644, 0o640, []string{"other users could read the database", "a group can read"}},
		{0o606, 0o600, []string{"other users could read the database"}},
		{0o640, 0o640, []string{"a group can read"}},
		{0o600, 0o600, nil},
	} {
		if err := os.Chmod(path, c.before); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		store, err := Open(t.Context(), Config{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", "-wal", "-shm"} {
			if info, err := os.Stat(path + name); err != nil || info.Mode().Perm() != c.after {
				t.Errorf("from %o: %s has %v, %v", c.before, name, info.Mode(), err)
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if got := strings.Count(log.String(), "level=WARN"); got != len(c.says) {
			t.Errorf("from %o: %d warnings:\n%s", c.before, got, &log)
		}
		for _, says := range c.says {
			if !strings.Contains(log.String(), says) {
				t.Errorf("from %o: the log does not say %q:\n%s", c.before, says, &log)
			}
		}
	}
}

// TestLogWithoutDatabase opens a database whose file is gone, but not its log, which SQLite alone would delete.
func TestLogWithoutDatabase(t *testing.T) {
	folder := t.TempDir()
	path, log := filepath.Join(folder, "test.db"), filepath.Join(folder, "test.db-wal")
	for what, make := range map[string]func() error{
		"missing": func() error { return nil },
		"empty":   func() error { return os.WriteFile(path, nil, 0o600) },
	} {
		if err := errors.Join(make(), os.WriteFile(log, []byte("what was stored last"), 0o600)); err != nil {
			t.Fatal(err)
		}
		store, err := Open(t.Context(), Config{Path: path, Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			_ = store.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "its write-ahead log "+log+" is there") {
			t.Errorf("%s: %v", what, err)
		}
		if kept, err := os.ReadFile(log); err != nil || string(kept) != "what was stored last" {
			t.Errorf("%s: the log has %q, %v", what, kept, err)
		}
	}
}
