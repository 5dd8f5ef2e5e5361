package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"chattok/internal/processors"
)

// sqliteEngine is SQLite: one process owns the file, one connection writes, and an immediate transaction locks the
// whole database.
var sqliteEngine = &engine{
	name: "SQLite",
	now:  "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)",
	// The random function need not be cryptographic: an epoch must not come twice.
	epoch:  "random() & 9223372036854775807",
	tables: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
	inList: "IN (", inEnd: ")",
	position: "instr",
	snapshot: &sql.TxOptions{ReadOnly: true},
	rebind:   func(query string) string { return query },
	schema:   strings.NewReplacer("/*sqlite:", "", ":sqlite*/", "").Replace,
	classify: classifySQLite,
	describe: describeSQLite,
	prepares: true,
}

const (
	// busyTimeout is how long a statement waits for another connection's lock, in milliseconds. One process owns the
	// file, so only a checkpoint or a backup tool can hold such a lock.
	busyTimeout = 10_000

	// walTruncateBytes is the size of the write-ahead log from which the store truncates it. The automatic checkpoint,
	// every walAutoCheckpoint pages of 4 KiB, starts the log over where no reader holds it, so a longer log is an
	// exception. journal_size_limit then cuts the file back to this size.
	walTruncateBytes  = 6 << 20
	walAutoCheckpoint = 1000

	// Sizes of the page caches, in KiB: the writer's, and those of all readers together, of which each has leastReaderCache at least. The
	// kernel keeps what is read of the file anyway. The driver's allocator keeps a page of 4 KiB and its header in a slot of 8 KiB, seven to
	// 64 KiB, so that a cache takes 2.2 times its size, which the garbage collector does not know of.
	writerCache      = 8 << 10
	readersCache     = 8 << 10
	leastReaderCache = 512
)

// openWriter opens the one connection that writes. The pragmas are in the DSN, so that a connection that the pool opens
// later has them too.
//
// There is no mmap_size: a mapped file that is truncated, as by a copy over it, kills the process (SIGBUS), where a
// read returns an error.
func openWriter(path string) (*bun.DB, error) {
	// fdatasync makes a commit as durable as fsync, without a journal entry for the file's timestamps. A platform
	// without it uses fsync.
	_, _ = sqlite.Fdatasync(true)
	return openPool(path, 1, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			"journal_mode(WAL)",
			"synchronous(FULL)",
			"foreign_keys(ON)",
			"secure_delete(ON)", // what is deleted is overwritten: see sqlite_erase.go
			fmt.Sprintf("cache_size(-%d)", writerCache),
			"temp_store(MEMORY)",
			fmt.Sprintf("wal_autocheckpoint(%d)", walAutoCheckpoint),
			fmt.Sprintf("journal_size_limit(%d)", walTruncateBytes),
		},
	})
}

// openReaders opens the pool that reads. Its connections can neither write nor create a missing file.
func openReaders(path string) (*bun.DB, error) {
	readers := max(4, 2*processors.Count())
	return openPool(path, readers, url.Values{
		"mode": {"ro"},
		"_pragma": {
			"synchronous(FULL)",
			"foreign_keys(ON)",
			fmt.Sprintf("cache_size(-%d)", max(leastReaderCache, readersCache/readers)),
			"temp_store(MEMORY)",
			"query_only(ON)",
		},
	})
}

func openPool(path string, size int, params url.Values) (*bun.DB, error) {
	// The driver sets _busy_timeout before any other pragma, so that the other pragmas wait too.
	params.Set("_busy_timeout", fmt.Sprint(busyTimeout))
	// The path is absolute, so that a file: URI never takes the first folder for a host.
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
	return bun.NewDB(pool, sqlitedialect.New(), tolerant), nil
}

// describeSQLite rewrites a failure to open into an error that names the path and says what to do.
func describeSQLite(path string, err error) error {
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
		return err // an error of this package, which says enough
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

func classifySQLite(err error) failure {
	switch errorCode(err) & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return failureOfRow
	}
	return failureOther
}

// walIsLong says whether the write-ahead log is longer than automatic checkpoints should leave it.
func walIsLong(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > walTruncateBytes
}

// truncateWAL folds the write-ahead log into the database and truncates it, as far as readers allow. It does not wait
// for readers: done says whether none was in the way.
func truncateWAL(ctx context.Context, db *bun.DB) (done bool, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return false, err
	}
	defer func() {
		// Not limited by ctx: this is the connection that writes, which would keep the timeout of 0.
		_, failed := conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("PRAGMA busy_timeout = %d", busyTimeout))
		err = errors.Join(err, failed)
	}()
	var busy, frames, copied int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &copied)
	return err == nil && busy == 0, err
}
