package db

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"chattok/internal/pgtest"
	"chattok/session"
)

// After 1,000 deletions and edits no query returns one of the texts: not of a table, nor of what the server shows of its sessions. A
// vacuum then removes the rows that had them and the planner's samples of them, on one node and once a minute at most.
func TestDeletedTextsOnPostgreSQL(t *testing.T) {
	t.Parallel()
	const entries = 1000
	url := pgtest.Database(t)
	store, other := openInside(t, url), openInside(t, url)
	server, second := store.backend.(*postgresServer), other.backend.(*postgresServer)
	server.vacuums.manual.Store(true)
	second.vacuums.manual.Store(true)
	eraseConnect(t, store, "a1")
	group := make([]session.NewEntry, entries)
	changes := make([]session.NewChange, entries)
	for n := range group {
		text := fmt.Sprintf("secret-%d %s", n, strings.Repeat("x", 1+n*n%5000))
		group[n] = session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: text, Data: &text}
		changes[n] = session.NewChange{SessionID: "a", Seq: int64(n + 1), Actor: session.Actor{ConnectionID: "a1"}, Kind: session.EntryDeleted}
		if n%2 == 0 {
			changes[n].Kind, changes[n].Body, changes[n].SetData, changes[n].EditedIn = session.EntryEdited, "mended", true, time.Hour
			changes[n].IdempotencyKey = fmt.Sprint("key ", n)
		}
	}
	for _, r := range store.AppendEntries(t.Context(), group) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	search := func(table string) int {
		t.Helper()
		var found int
		query := "SELECT count(*) FROM " + table + " AS r WHERE CAST(r AS TEXT) LIKE '%' || 'sec' || 'ret-%'"
		if err := store.readers.NewRaw(query).Scan(t.Context(), &found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	// As the server does by itself, some time.
	if _, err := store.writer.ExecContext(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
	if search("pg_stats") == 0 {
		t.Fatal("the planner has no samples of the texts, so that nothing is tested of them")
	}
	eraseChange(t, store, changes)

	var tables []string
	if err := store.readers.NewRaw(postgresEngine.tables).Scan(t.Context(), &tables); err != nil {
		t.Fatal(err)
	}
	for _, table := range append(tables, "pg_stat_activity", "pg_prepared_statements") {
		if found := search(table); found > 0 {
			t.Errorf("%d rows of %s have a text that was deleted or edited", found, table)
		}
	}

	vacuumed := func() (n int64) {
		t.Helper()
		// The vacuums of a table are counted by a process that may be behind; the time in meta is not.
		value, err := getMeta(t.Context(), store.readers, keyVacuumed)
		if err != nil {
			return 0
		}
		if _, err := fmt.Sscan(value, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := server.vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := search("pg_stats"); n > 0 {
		t.Errorf("the planner has samples of texts that were deleted or edited, in %d columns", n)
	}
	first := vacuumed()
	if first == 0 || server.vacuums.due.Load() {
		t.Fatalf("vacuumed at %d, and due is %v", first, server.vacuums.due.Load())
	}
	second.erased()
	if err := second.vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	if vacuumed() != first || !second.vacuums.due.Load() {
		t.Error("another node has vacuumed within the minute, or forgot that it must")
	}
	if _, err := store.writer.ExecContext(t.Context(), "UPDATE meta SET value = '1' WHERE key = ?", keyVacuumed); err != nil {
		t.Fatal(err)
	}
	if err := second.vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	if vacuumed() < first || second.vacuums.due.Load() {
		t.Error("the other node has not vacuumed after the minute")
	}
}

// A node that ends before it has vacuumed what it has deleted or erased leaves that to the next one that starts.
func TestVacuumIsDueAfterStart(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	store, err := Open(t.Context(), Config{Path: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	store.backend.(*postgresServer).vacuums.manual.Store(true)
	for n, user := range []string{"ann", "ann", "bob"} {
		made := store.CreateConnections(t.Context(), []session.NewConnection{{
			ID: fmt.Sprint("a", n), SessionID: "a", UserID: &user, Role: session.RolePublisher, MakeSession: true, NewEpoch: 1,
		}}, time.Hour)
		if made[0].Err != nil {
			t.Fatal(made[0].Err)
		}
	}
	sampled := func(in *Store) (columns []string) {
		t.Helper()
		const query = "SELECT tablename || '.' || attname FROM pg_stats WHERE schemaname = current_schema() AND CAST(pg_stats AS TEXT) ~ '\\yu?ann\\y'"
		if err := in.readers.NewRaw(query).Scan(t.Context(), &columns); err != nil {
			t.Fatal(err)
		}
		return columns
	}
	if _, err := store.writer.ExecContext(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
	if len(sampled(store)) == 0 {
		t.Fatal("the server has no samples of users, so nothing is tested")
	}
	if _, err := store.CreateErasure(t.Context(), session.NewErasure{ID: "one", UserID: new("ann")}); err != nil {
		t.Fatal(err)
	}
	if err := store.eraseAll(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.SettleErasure(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := store.ClearErased(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil { // sooner than it has looked whether it may vacuum
		t.Fatal(err)
	}
	again := openInside(t, url)
	server := again.backend.(*postgresServer)
	server.vacuums.manual.Store(true)
	if !server.vacuums.due.Load() || !server.vacuums.all.Load() {
		t.Error("no vacuum of all tables is due after a start")
	}
	if err := server.vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	if server.vacuums.due.Load() || server.vacuums.all.Load() {
		t.Error("a vacuum is due after one")
	}
	if columns := sampled(again); len(columns) > 0 {
		t.Errorf("%v have samples of a user that was erased", columns)
	}
}
