package db

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"chattok/internal/pgtest"
)

// The rows of writers whose processes ended are removed, and other rows stay. A writer that was not used for long, so
// that its row may have been removed, gets a new row and does not take the database for a replaced one.
func TestWriterRows(t *testing.T) {
	t.Parallel()
	store := openInside(t, pgtest.Database(t))
	count := func(condition string) (n int) {
		t.Helper()
		if err := store.readers.NewRaw("SELECT count(*) FROM writers WHERE "+condition).Scan(t.Context(), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const rows = "INSERT INTO writers (id, committed, used_at) SELECT -n, 5, CAST(extract(epoch FROM now()) * 1000 AS BIGINT) - n * CAST(86400000 AS BIGINT)" +
		" FROM generate_series(1, 60) AS n"
	if _, err := store.writer.ExecContext(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	put := func(w *writer, value string) {
		t.Helper()
		err := store.backend.transact(t.Context(), w, func(ctx context.Context, tx bun.Tx) error { return putMeta(ctx, tx, "test", value) })
		if err != nil {
			t.Fatal(err)
		}
	}
	w := new(writer)
	put(w, "first")
	if n := count("id < 0"); n != 29 && n != 30 { // the thirtieth row is as old as the limit
		t.Errorf("%d rows of other writers are left, want those of the last 30 days", n)
	}

	before, err := store.Session(t.Context(), "lobby")
	if err != nil {
		t.Fatal(err)
	}
	id := w.id
	put(w, "second")
	if w.id != id || w.committed != 2 {
		t.Errorf("a writer in use began anew: %+v", w)
	}
	if _, err := store.writer.ExecContext(t.Context(), "DELETE FROM writers WHERE id = ?", id); err != nil {
		t.Fatal(err)
	}
	w.used = w.used.Add(-renewWriterRow - time.Hour)
	put(w, "third")
	after, err := store.Session(t.Context(), "lobby")
	if err != nil {
		t.Fatal(err)
	}
	if w.id == id || after.Epoch != before.Epoch {
		t.Errorf("a writer that slept took the database for another one: epoch %d became %d", before.Epoch, after.Epoch)
	}
}
