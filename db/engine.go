package db

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// tolerant makes reads ignore columns that this version does not know: a node of a newer version may have added them while this
// one runs.
var tolerant = bun.WithDiscardUnknownColumns()

// engine is the words of one database engine: the parts of statements, and the meaning of errors. The rest of the package
// has one text for both engines. sqliteEngine is in sqlite.go, postgresEngine in postgres.go.
type engine struct {
	name string

	now    string // the database's clock at this moment: UTC milliseconds since the Unix epoch
	epoch  string // a random session.Epoch
	tables string // selects the names of the database's tables

	// lockRows, where it is not empty, follows FOR at the end of a SELECT, and locks the rows until the transaction ends.
	// It is empty where a transaction locks the whole database.
	lockRows string
	// skipLocked ends a SELECT of rows to be deleted, and leaves out rows that another transaction has locked.
	skipLocked string
	// lockSchema, where it is not empty, is the first statement of a transaction that changes the schema, or makes
	// something that the database has once.
	lockSchema string
	// unbounded, where it is not empty, is the first statement of a transaction that may take long.
	unbounded string

	// inList and inEnd go around a subquery that lists values, to test for one of them: "seq " + inList + subquery + inEnd.
	inList, inEnd string
	position      string // the function that finds a text in another one

	snapshot *sql.TxOptions            // of a transaction that reads one state of the database
	rebind   func(query string) string // rewrites the placeholders of a statement, which are given as ?
	schema   func(query string) string // rewrites a migration
	classify func(err error) failure
	describe func(name string, err error) error // rewrites a failure to open for the operator
	prepares bool                               // this package prepares the hot path's statements
	keep     []any                              // precedes the arguments of a statement that the driver is to prepare and keep
}

// locksRows says whether transactions lock rows rather than the whole database, so that a row must be locked before it is
// decided by.
func (e *engine) locksRows() bool { return e.lockRows != "" }

// forLock ends a SELECT whose rows are to be locked.
func (e *engine) forLock() string {
	if !e.locksRows() {
		return ""
	}
	return " FOR " + e.lockRows
}

// engineOf returns the engine of a pool or a transaction.
func engineOf(db bun.IDB) *engine {
	if db.Dialect().Name() == dialect.PG {
		return postgresEngine
	}
	return sqliteEngine
}

// failure is the kind of an engine's error.
type failure uint8

const (
	failureOther    failure = iota
	failureOfRow            // a row's fault: the rows beside it could be stored without it
	failureConflict         // another transaction was in the way: the same again may pass
	failureLost             // of the connection or the server: the same again may pass on another connection
)

// openError is a failure to open in this package's words. The driver's words, which may hold a password, are for errors.As
// alone.
type openError struct {
	text  string
	cause error
}

func (e *openError) Error() string { return e.text }
func (e *openError) Unwrap() error { return e.cause }

// backend is the work that a Store does differently on each kind of database: sqliteFile on a file that one process owns,
// postgresServer on a server that many processes share.
type backend interface {
	// open opens the pools and brings the database up to date, as far as config allows.
	open(ctx context.Context, config Config) error
	// transact runs change in one transaction, and may run it more than once. Nothing cancels it.
	transact(ctx context.Context, w *writer, change func(ctx context.Context, tx bun.Tx) error) error
	// read runs get, which only reads, and again where that may help.
	read(ctx context.Context, get func(ctx context.Context) error) error
	// mayWrite returns why nothing can be stored, where that is known before it is tried.
	mayWrite() error
	// check is mayWrite with a look at everything that can go wrong beside the database.
	check() error
	// markRestored makes every cursor invalid that was given out before.
	markRestored(ctx context.Context, tx bun.Tx) error
	// erased is called after a commit that has removed texts: the backend soon clears what the database still has of them.
	erased()
	// clearErased clears what the database has of texts that no query returns, for these erasures. Errors: those of a reader that is in
	// the way.
	clearErased(ctx context.Context, ids []string) error
	// clearMoved is called after an entry's row was updated: the backend clears copies of other rows that it has moved.
	clearMoved(ctx context.Context, tx bun.Tx, at entrySeq) error
	// prepareRemoval prepares the statements of clearRemoved.
	prepareRemoval(ctx context.Context) error
	// clearRemoved is called after rows of entries, by their numbers in the file, were removed: the backend clears copies of other
	// rows that it has moved.
	clearRemoved(ctx context.Context, tx bun.Tx, rows []int64) error
	// size returns how many bytes the database takes on its disk.
	size(ctx context.Context) (int64, error)
	// awaitAlone returns when no other process serves the database.
	awaitAlone(ctx context.Context) error
	// stop waits for the goroutines that open started, which end when Store.closing is closed.
	stop()
	// finish is called once nothing is written any more, before the pools are closed.
	finish() error
	// release lets go of what open took beside the pools, and is called after they are closed.
	release() error
}
