//go:build unix

package pgtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"chattok/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// count connects, and returns the number of rows of a table.
func count(t *testing.T, url, table string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDatabasesAreApart(t *testing.T) {
	first, second := pgtest.Database(t), pgtest.Database(t)
	if first == second {
		t.Fatal("two tests have one database")
	}
	conn, err := pgx.Connect(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE only_here (x INT)"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, second, "pg_tables WHERE tablename = 'only_here'"); n != 0 {
		t.Errorf("the second database has the first one's table")
	}
}

// Commits outlive every way to stop the server, and its address stays the same.
func TestRestart(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	url := server.DatabaseT(t)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	if err := server.Exec(t.Context(), name, "CREATE TABLE kept (x INT)"); err != nil {
		t.Fatal(err)
	}
	for i, mode := range []pgtest.Mode{pgtest.Fast, pgtest.Immediate, pgtest.Kill} {
		if err := server.Exec(t.Context(), name, "INSERT INTO kept VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		before := server.Pid()
		if err := server.Restart(t.Context(), mode); err != nil {
			t.Fatal(err)
		}
		if server.Pid() == before {
			t.Error("it is the same process")
		}
		if n := count(t, url, "kept"); n != i+1 {
			t.Errorf("after %v there are %d rows, want %d", mode, n, i+1)
		}
	}
}

// A folder of the caller's keeps its cluster from one server to the next.
func TestDirIsKept(t *testing.T) {
	pgtest.Need(t)
	parent := t.TempDir()
	// The server's user needs access to the folder.
	for dir := parent; dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := pgtest.Config{Dir: filepath.Join(parent, "cluster"), Fsync: true}
	for i := range 2 {
		server, err := pgtest.Start(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := server.CreateDatabase(t.Context(), "kept"); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, server.URL("kept"), "pg_database WHERE datname = 'kept'"); n != 1 {
			t.Errorf("start %d: the database is not there", i)
		}
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNotInstalled(t *testing.T) {
	t.Setenv("CHATTOK_POSTGRES_BIN", t.TempDir())
	if _, err := pgtest.Start(t.Context(), pgtest.Config{}); err == nil || !strings.Contains(err.Error(), "no initdb and postgres") {
		t.Errorf("got %v", err)
	}
}
