package db

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"chattok/internal/await"
	"chattok/internal/pgtest"
	"chattok/session"
)

// olderInsert adds an entry as nodes of versions that know no changes do.
const olderInsert = "INSERT INTO entries (session_id, seq, connection_id, body, idempotency_key, created_at) VALUES ('s', ?, 'c', 'old', NULL, 1)"

// fenced is a database on PostgreSQL with a session, a moderator, a connection and an entry.
func fenced(t *testing.T) (store *Store, url string) {
	t.Helper()
	url = pgtest.Database(t)
	store, err := Open(t.Context(), Config{Path: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, r := range store.CreateConnections(t.Context(), []session.NewConnection{
		{ID: "mod", SessionID: "s", Role: session.RoleModerator, MakeSession: true, NewEpoch: 7},
		{ID: "c", SessionID: "s", Role: session.RolePublisher, MakeSession: true, NewEpoch: 7}}, time.Hour) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if r := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "s", ConnectionID: "c", Body: "new"}}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	return store, url
}

// While a node of an earlier version holds its lease, nothing is done that it does not know; once something was, its entries are
// refused, in a way that it answers with UNAVAILABLE.
func TestFence(t *testing.T) {
	store, _ := fenced(t)
	ctx := t.Context()
	exec := func(query string, args ...any) error {
		_, err := store.writer.ExecContext(ctx, query, args...)
		return err
	}
	if err := exec("INSERT INTO nodes (id, name, lease_until) SELECT 1, 'old', " + store.engine.now + " + 60000"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.RenewNode(ctx, "new", time.Minute, session.NodeReport{}); err != nil {
		t.Fatal(err)
	}
	slow := time.Second
	by := session.Actor{ConnectionID: "c"}
	operations := map[string]func() error{
		"MarkRead": func() error {
			_, err := store.MarkRead(ctx, []session.NewReadMark{{SessionID: "s", UserID: "u", Place: 1}})
			return err
		},
		"UpdateSession": func() error {
			_, _, err := store.UpdateSession(ctx, "s", session.SessionUpdate{SlowMode: &slow})
			return err
		},
		"CreateBan": func() error {
			_, _, err := store.CreateBan(ctx, session.NewBan{ID: "b", SessionID: "s", ConnectionID: "c", ModeratorID: "mod", Length: time.Hour})
			return err
		},
		"MuteStreams": func() error {
			_, _, err := store.MuteStreams(ctx, session.Mute{SessionID: "s", ModeratorID: "mod", Stay: true})
			return err
		},
		"EndMute": func() error {
			_, _, err := store.EndMute(ctx, "s", "mod")
			return err
		},
		"ChangeEntries": func() error {
			return store.ChangeEntries(ctx, []session.NewChange{{SessionID: "s", Seq: 1, Actor: by, Kind: session.EntryReacted, Name: "x", On: true}})[0].Err
		},
		"DeleteEntries": func() error {
			_, _, err := store.DeleteEntries(ctx, "s", "c", nil, by, 0, 10)
			return err
		},
	}
	for name, operation := range operations {
		if err := operation(); session.CodeOf(err) != session.CodeUnavailable {
			t.Errorf("%s beside an older node: %v, want UNAVAILABLE", name, err)
		}
	}
	if _, _, err := store.MuteStreams(ctx, session.Mute{SessionID: "s", ModeratorID: "mod"}); err != nil {
		t.Errorf("a mute that does not stay: %v", err)
	}
	if err := exec(olderInsert, 2); err != nil {
		t.Errorf("the older node's entry before anything changed: %v", err)
	}
	if err := exec("UPDATE sessions SET last_seq = 2 WHERE id = 's'"); err != nil {
		t.Fatal(err)
	}

	if err := exec("UPDATE nodes SET lease_until = 1 WHERE name = 'old'"); err != nil {
		t.Fatal(err)
	}
	if err := operations["MarkRead"](); err != nil {
		t.Fatalf("after the older node has gone: %v", err)
	}
	// It comes back: with a new lease, as a process that was stopped does.
	if err := exec("INSERT INTO nodes (id, name, lease_until) SELECT 2, 'old', " + store.engine.now + " + 60000"); err != nil {
		t.Fatal(err)
	}
	err := store.write(ctx, "append entries", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, olderInsert, 3)
		return err
	})
	// Neither the fault of one entry, for which the node would answer INTERNAL, nor something that it would try again and again.
	if session.CodeOf(err) != session.CodeUnavailable || classifyPostgres(err) != failureOther {
		t.Errorf("its entry: %v, of kind %d; want UNAVAILABLE and %d", err, classifyPostgres(err), failureOther)
	}
	for _, name := range []string{"ChangeEntries", "UpdateSession", "MuteStreams", "EndMute", "CreateBan", "DeleteEntries"} {
		if err := operations[name](); err != nil {
			t.Errorf("%s after the first change: %v", name, err)
		}
	}
	r := store.AppendEntries(ctx, []session.NewEntry{{SessionID: "s", ConnectionID: "mod", Body: "new"}})
	if r[0].Err != nil || r[0].Entry.Seq != 3 {
		t.Errorf("a new node's entry: %+v", r[0])
	}
}

// A node of an earlier version that is in the midst of adding an entry, without a lease, when the first change comes: the change
// waits for it, and counts its entry.
func TestFenceBesideTransaction(t *testing.T) {
	store, url := fenced(t)
	older, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer older.Close(context.WithoutCancel(t.Context()))
	for _, statement := range []string{"BEGIN", "SELECT last_seq FROM sessions WHERE id = 's' FOR NO KEY UPDATE"} {
		if _, err := older.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	changed := make(chan session.ChangeResult, 1)
	go func() {
		changed <- store.ChangeEntries(context.WithoutCancel(t.Context()), []session.NewChange{{SessionID: "s", Seq: 1,
			Actor: session.Actor{ConnectionID: "c"}, Kind: session.EntryDeleted}})[0]
	}()
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	await.True(t, "the change waits for the session", func() bool {
		var n int
		err := store.readers.NewRaw(waiting).Scan(t.Context(), &n)
		return err == nil && n > 0
	})
	for _, statement := range []string{rebindPostgres("INSERT INTO entries (session_id, seq, connection_id, body, created_at) VALUES ('s', 2, 'c', 'old', 1)"),
		"UPDATE sessions SET last_seq = 2, indexed_seq = 2 WHERE id = 's'", "COMMIT"} {
		if _, err := older.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if r := <-changed; r.Err != nil || r.Event.Place != 3 {
		t.Errorf("the change: %+v, want place 3", r)
	}
	if _, err := older.Exec(t.Context(), "INSERT INTO entries (session_id, seq, connection_id, body, created_at) VALUES ('s', 3, 'c', 'old', 1)"); err == nil {
		t.Error("the older node's next entry was stored")
	}
}

// Every transaction that locks meta locks it before a session: of two that met in another order, neither could go on.
func TestFenceBeforeSessions(t *testing.T) {
	store, url := fenced(t)
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.WithoutCancel(t.Context()))
	ctx, slow, by := context.WithoutCancel(t.Context()), time.Second, session.Actor{ConnectionID: "c"}
	for name, operation := range map[string]func() error{
		"UpdateSession": func() error {
			_, _, err := store.UpdateSession(ctx, "s", session.SessionUpdate{SlowMode: &slow})
			return err
		},
		"MuteStreams": func() error {
			_, _, err := store.MuteStreams(ctx, session.Mute{SessionID: "s", ModeratorID: "mod", Stay: true})
			return err
		},
		"EndMute": func() error {
			_, _, err := store.EndMute(ctx, "s", "mod")
			return err
		},
		"DeleteEntries": func() error {
			_, _, err := store.DeleteEntries(ctx, "s", "c", nil, by, 0, 10)
			return err
		},
		"ChangeEntries": func() error {
			return store.ChangeEntries(ctx, []session.NewChange{{SessionID: "s", Seq: 1, Actor: by, Kind: session.EntryDeleted}})[0].Err
		},
	} {
		for _, statement := range []string{"DELETE FROM meta WHERE key = 'changing'", "BEGIN", "INSERT INTO meta (key, value) VALUES ('changing', '1')"} {
			if _, err := other.Exec(ctx, statement); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error, 1)
		go func() { done <- operation() }()
		const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
		await.True(t, name+" waits for meta", func() bool {
			var n int
			err := store.readers.NewRaw(waiting).Scan(ctx, &n)
			return err == nil && n > 0
		})
		if _, err := other.Exec(ctx, "SELECT id FROM sessions WHERE id = 's' FOR UPDATE NOWAIT"); err != nil {
			t.Errorf("%s has locked the session: %v", name, err)
		}
		if _, err := other.Exec(ctx, "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The times of posts without a user are removed, and so are bans that have ended, and after a year marks of users.
func TestPurgePeople(t *testing.T) {
	for name, path := range map[string]string{"SQLite": t.TempDir() + "/test.db", "PostgreSQL": pgtest.Database(t)} {
		t.Run(name, func(t *testing.T) {
			var offset time.Duration
			store, err := Open(t.Context(), Config{Path: path, Logger: slog.New(slog.DiscardHandler), ClockOffset: func() time.Duration { return offset }})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			}()
			ann, slow := "ann", time.Second
			for _, r := range store.CreateConnections(t.Context(), []session.NewConnection{
				{ID: "mod", SessionID: "s", Role: session.RoleModerator, MakeSession: true, NewEpoch: 7},
				{ID: "ann", SessionID: "s", Role: session.RolePublisher, UserID: &ann},
				{ID: "plain", SessionID: "s", Role: session.RolePublisher}}, 1000*time.Hour) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			if _, _, err := store.UpdateSession(t.Context(), "s", session.SessionUpdate{SlowMode: &slow}); err != nil {
				t.Fatal(err)
			}
			for _, r := range store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "s", ConnectionID: "ann", UserID: &ann, Body: "hello"},
				{SessionID: "s", ConnectionID: "plain", Body: "hello"}}) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			if _, _, err := store.CreateBan(t.Context(), session.NewBan{ID: "b", SessionID: "s", ConnectionID: "plain", ModeratorID: "mod", Length: time.Hour}); err != nil {
				t.Fatal(err)
			}
			for _, step := range []struct {
				after time.Duration
				want  []string
			}{{0, []string{"cplain", "uann", "b"}}, {session.MaxSlowMode + time.Hour, []string{"uann"}},
				{session.ReadMarkTime - time.Hour, []string{"uann"}}, {session.ReadMarkTime + 8*24*time.Hour, nil}} {
				offset = step.after
				if _, err := store.Sweep(t.Context(), "", time.Hour, 1000*time.Hour, 100); err != nil {
					t.Fatal(err)
				}
				var rows, bans []string
				if err := store.readers.NewRaw("SELECT reader FROM read_marks ORDER BY reader").Scan(t.Context(), &rows); err != nil {
					t.Fatal(err)
				}
				if err := store.readers.NewRaw("SELECT id FROM bans").Scan(t.Context(), &bans); err != nil {
					t.Fatal(err)
				}
				if got := append(rows, bans...); !slices.Equal(got, step.want) {
					t.Errorf("after %v there are %v, want %v", offset, got, step.want)
				}
			}
		})
	}
}
