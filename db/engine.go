package db

import (
	"database/sql"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// engine is all in which the database engines differ, but for how they are opened and what keeps them well: sqlite.go
// and postgres.go have one each. The rest of the package has one text for both.
type engine struct {
	name string

	now    string // the database's clock at this moment: UTC milliseconds since the Unix epoch
	epoch  string // a random session.Epoch
	tables string // selects the names of the database's tables

	// lockRows, where it is not empty, follows FOR at the end of a SELECT, and keeps the rows from other transactions
	// until this one ends.
	lockRows string
	// skipLocked ends a SELECT of rows to be deleted, and leaves out those that another transaction has.
	skipLocked string
	// lockSchema, where it is not empty, is run first by a transaction that changes the schema or what is there once.
	lockSchema string

	// unbounded, where it is not empty, is run first by a transaction that may take long.
	unbounded string

	snapshot *sql.TxOptions            // of a transaction that reads one state of the database
	rebind   func(query string) string // writes the placeholders of a statement, given as ?, in the engine's way
	schema   func(query string) string // writes a migration in the engine's way
	judge    func(err error) failure
	explain  func(name string, err error) error // puts a failure to open into words
	prepares bool                               // the hot path's statements are prepared by this package
	keep     []any                              // stands before the arguments of one that the driver is to prepare and keep
	shared   bool                               // other processes have the database open too
}

// failure is what kind of error an engine returned.
type failure uint8

const (
	failureOther    failure = iota
	failureOfRow            // the row's fault: those beside it could be stored without it
	failureConflict         // another transaction stood in the way: the same again may pass
	failureLost             // of the connection, or the server: the same again may pass on another one
)

// engineOf returns the engine of a pool or a transaction.
func engineOf(db bun.IDB) *engine {
	if db.Dialect().Name() == dialect.PG {
		return postgresEngine
	}
	return sqliteEngine
}

// openError is a failure in words of ours; the driver's are for errors.As alone.
type openError struct {
	text  string
	cause error
}

func (e *openError) Error() string { return e.text }
func (e *openError) Unwrap() error { return e.cause }
