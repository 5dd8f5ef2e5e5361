// Package db is the Store on a SQL database, by way of bun. Rows are private to the package, each beside its noun, with
// fromX and toX; what differs between database engines is named in engine.go, and stands in sqlite.go and postgres.go.
//
// # Transactions
//
// Every change is one transaction that no caller can cancel once it has begun: a context bounds the wait for the
// writer, not the write. On SQLite one connection writes, in immediate transactions, and a pool of read-only
// connections reads; a read is one statement, or one short transaction, so that the write-ahead log can be
// checkpointed between them.
//
// On PostgreSQL several write, of this process and others. Every transaction takes rows in the order sessions,
// connections, attachments, nodes, and by id within each; whoever decides by what others may be changing takes the row
// first and reads it in another statement. A transaction may be run again, so it has no effect but on the database and on
// what it returns; one whose commit was not answered is resolved first. docs/decisions/postgres.md has the reasons.
//
// # Time
//
// Times are integers: UTC milliseconds since the Unix epoch, from the database's clock, read once a transaction.
//
// # Shutdown
//
// On SQLite Open starts one goroutine, which keeps the write-ahead log short and the life record fresh; Close ends it,
// waits for it and for the writes under way, and releases the database.
package db
