package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine is SQLite: one process owns the file, one connection writes, and immediate transactions hold the whole
// database.
var sqliteEngine = &engine{
	name: "SQLite",
	now:  "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)",
	// The random function is the file's own; what is asked of an epoch is that it does not come twice.
	epoch:    "random() & 9223372036854775807",
	tables:   "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
	snapshot: &sql.TxOptions{ReadOnly: true},
	rebind:   func(query string) string { return query },
	schema:   strings.NewReplacer("/*sqlite:", "", ":sqlite*/", "").Replace,
	judge:    judgeSQLite,
	explain:  explainSQLite,
	prepares: true,
}

const (
	// busyTimeout is how long a statement waits for another connection's lock, in milliseconds. One process owns the
	// file, so only a checkpoint or a backup tool can hold one.
	busyTimeout = 10_000

	// walTruncateBytes is the size of the write-ahead log from which the keeper empties it. The automatic checkpoint
	// (walAutoCheckpoint pages of 4 KiB) starts the log over where no reader holds it, so a longer one is the
	// exception; journal_size_limit cuts the file back to this size then.
	walTruncateBytes  = 6 << 20
	walAutoCheckpoint = 1000
)

// openWriter opens the one connection that writes. The pragmas stand in the DSN, so that they hold on a connection that
// the pool opens later too.
//
// No mmap_size: a database file that is cut short under a mapping, as by a copy over it, is a SIGBUS and not an error.
func openWriter(path string) (*bun.DB, error) {
	// fdatasync makes a commit as durable as fsync, without a journal entry for the file's timestamps. Where a platform
	// has none it stays fsync.
	_, _ = sqlite.Fdatasync(true)
	return openPool(path, 1, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			"journal_mode(WAL)",
			"synchronous(FULL)",
			"foreign_keys(ON)",
			"cache_size(-32768)",
			"temp_store(MEMORY)",
			fmt.Sprintf("wal_autocheckpoint(%d)", walAutoCheckpoint),
			fmt.Sprintf("journal_size_limit(%d)", walTruncateBytes),
		},
	})
}

// openReaders opens the pool that reads. Its connections can't write, nor make a file that is missing.
func openReaders(path string) (*bun.DB, error) {
	return openPool(path, max(4, 2*runtime.GOMAXPROCS(0)), url.Values{
		"mode": {"ro"},
		"_pragma": {
			"synchronous(FULL)",
			"foreign_keys(ON)",
			"cache_size(-8192)",
			"temp_store(MEMORY)",
			"query_only(ON)",
		},
	})
}

func openPool(path string, size int, params url.Values) (*bun.DB, error) {
	// The driver sets _busy_timeout before any other pragma, so that these wait too.
	params.Set("_busy_timeout", fmt.Sprint(busyTimeout))
	// An absolute path, so that a file: URI never takes the first folder for a host.
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: params.Encode()}
	pool, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return bun.NewDB(pool, sqlitedialect.New()), nil
}

// checkPath says what is wrong with a path before the driver does, in words that need no knowledge of it, and returns where
// the file is: the lock of a link is that of the file it leads to, which another server may have. It only looks at the
// file's name and kind: opening and closing it would drop the locks that this process holds on it.
func checkPath(path string, readOnly bool) (file string, err error) {
	if err := checkFile(path, readOnly); err != nil {
		return path, err
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return path, nil
	}
	file, err = filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, fmt.Errorf("database path %s is a link to a file that does not exist", path)
	}
	if err != nil {
		return path, fmt.Errorf("database path %s can't be read: %w", path, err)
	}
	return file, nil
}

// Names that are meant for a server, or another program's way to name a file. Two letters at least: C:\\chattok.db is a file.
var (
	schemeFirst   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):`)
	passwordIn    = regexp.MustCompile(`(?i)(password|passwd|pwd)\s*=|^//[^/]*@`)
	sqliteSchemes = []string{"sqlite", "sqlite3"}
)

// checkNoServer refuses names that a file would be made of by mistake. The errors repeat nothing that may be a password.
func checkNoServer(path string) error {
	if passwordIn.MatchString(path) {
		return errors.New("database must be a file, or a PostgreSQL server as postgres://user:password@host/name or host=… dbname=…; this has a password in it, and is neither")
	}
	parts := schemeFirst.FindStringSubmatch(path)
	switch {
	case parts == nil || filepath.VolumeName(path) != "":
		return nil
	case slices.Contains(sqliteSchemes, strings.ToLower(parts[1])):
		return fmt.Errorf("database must be the file's path alone, without %q before it", parts[1]+":")
	}
	if begins := parts[1] + "://"; strings.HasPrefix(path, begins) {
		return fmt.Errorf("database must be a file or begin with postgres://, but begins with %q", begins)
	}
	return fmt.Errorf("database must be a file or begin with postgres://, but begins with %q; a file of such a name is written with ./ before it", parts[1]+":")
}

func checkFile(path string, readOnly bool) error {
	if path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "file:") {
		return fmt.Errorf("database path %q must name a file; a database in memory would lose what was answered", path)
	}
	if err := checkNoServer(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("database path %s is a directory; it must name a file", path)
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("database path %s is not a regular file", path)
	case err == nil:
		return checkAlone(path, info)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("database path %s can't be read: %w", path, err)
	case readOnly:
		return fmt.Errorf("database %s does not exist; the server makes it on its first start", path)
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("database path %s: the folder %s does not exist", path, dir)
	}
	return nil
}

// explainSQLite turns a failure to open into one that names the path and what to do.
func explainSQLite(path string, err error) error {
	var what string
	switch errorCode(err) & 0xff {
	case sqlite3.SQLITE_NOTADB:
		what = "is not a ChatTok database: its content is something else"
	case sqlite3.SQLITE_CORRUPT:
		what = "is damaged; restore it from a backup"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH:
		what = "can't be opened; the file and its folder must be readable and writable for this user"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		what = "is in use by another program"
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR:
		what = "can't be read or written; is the disk full or failing?"
	case sqlite3.SQLITE_OK:
		return err // not the driver's: it says what is wrong
	default:
		return fmt.Errorf("open database %s: %w", path, err)
	}
	return &openError{text: fmt.Sprintf("database %s %s", path, what), cause: err}
}

func errorCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func judgeSQLite(err error) failure {
	switch errorCode(err) & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return failureOfRow
	}
	return failureOther
}

// walIsLong says whether the write-ahead log has outgrown what the automatic checkpoints should leave of it.
func walIsLong(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > walTruncateBytes
}

// emptyWAL folds the write-ahead log into the database and cuts it to nothing, as far as readers allow; it does not wait
// for them.
func emptyWAL(ctx context.Context, db *bun.DB) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return err
	}
	defer func() {
		// Not by ctx: the connection is the one that writes, and goes on without a limit otherwise.
		_, failed := conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("PRAGMA busy_timeout = %d", busyTimeout))
		err = errors.Join(err, failed)
	}()
	var busy, frames, done int // busy: a reader was in the way, which is no error
	return conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &done)
}
