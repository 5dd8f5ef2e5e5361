// Package db is session.Store on a SQL database, by way of bun. Rows are private to the package, each beside its noun, with
// fromX and toX. The engines' differences are two values: engine, the words of one engine, and backend, the work that is
// done differently on a file and on a server.
//
// # Transactions
//
// Every change is one transaction, made by Store.write or writeFew, that no caller can cancel once it has begun: a context bounds the
// wait for the turn to write, not the write. On SQLite one connection writes, in immediate transactions, and a pool of
// read-only connections reads. A read is one statement or one short transaction, so that the write-ahead log can be
// checkpointed between reads.
//
// On PostgreSQL many transactions write at once, of this process and of others. Every transaction locks rows in the order
// sessions, connections, attachments, nodes, and by id within each. A decision by a row that others may be changing locks
// the row first and reads it in another statement. A transaction may be run again, so it has no effect but on the database
// and on what it returns; the outcome of a commit that was not answered is found out first. docs/decisions/postgres.md has
// the reasons.
//
// # Time
//
// Times are integers: UTC milliseconds since the Unix epoch, from the database's clock, read once a transaction.
//
// # Shutdown
//
// On SQLite Open starts a goroutine that keeps the write-ahead log short and the generation record up to date, on PostgreSQL one
// that vacuums what was deleted. Close ends it, waits for it and for the writes under way, and releases the database.
//
// Reading order: store.go, copy.go, copy_table.go, import.go, import_line.go, import_check.go, export.go, export_table.go, sweep.go, retention.go,
// deleted_session.go, erasure_redo.go, erasure.go, erase.go, feed.go, feed_read.go, webhook.go, named_lease.go, connection_end.go,
// session_page.go, roster.go, roster_change.go, stream.go, mute.go, ban.go, service_connection.go, role.go, read_mark.go, fence.go,
// lease.go, node.go, append.go, append_group.go, kept_logs.go, append_check.go, append_admit.go, append_store.go, posted.go, change.go,
// change_group.go, delete.go, change_check.go, change_store.go, change_key.go, reaction.go, log_event.go, connection.go, holder.go,
// entry_sender.go, entry.go, entry_key.go, sender_cache.go, sender_index.go, statement.go, statement_sender.go, statement_change.go,
// session.go, secret.go, erasure_record.go, write.go, sqlite_file.go, sqlite_erase.go, sqlite_moved.go, sqlite_path.go, sqlite_files.go,
// sqlite_files_unix.go, sqlite_files_other.go, sqlite_generation.go, postgres_server.go, postgres_erase.go, postgres_transact.go,
// postgres_generation.go, generation.go, migrate.go, meta.go, sqlite.go, postgres.go, postgres_errors.go, engine.go.
package db
