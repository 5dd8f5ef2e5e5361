package db

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"chattok/internal/pgtest"
	"chattok/session"
)

// manySessions is how many sessions the lists of this file are of.
const manySessions = 20_000

// fillSessions makes manySessions sessions, which are in the feed: of a hundred and one, "x-00000" to "x-19900", "x" is the prefix; of
// the others "s". The entries are in another order than the sessions. User "ann" has read 50 sessions and is in 50 others, and user
// "all" has read all. Every session has a read mark of a user of its own.
func fillSessions(t *testing.T, store *Store) {
	t.Helper()
	const numbers = "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)"
	id := "CASE WHEN n % 100 = 0 THEN 'x-' ELSE 's-' END || substr('0000' || n, length('0000' || n) - 4)"
	for _, query := range []string{
		"INSERT INTO sessions (id, epoch, media_mode, token_required, created_at) SELECT " + id + ", 1, 'RELAYED', TRUE, 1000 + n FROM numbers",
		"INSERT INTO feed_sessions (session_id, epoch, seq, place, revision, active_at) SELECT " + id + ", 1, 0, 0, 0, 1000 + n * 7919 % 100000 FROM numbers",
		"INSERT INTO read_marks (session_id, reader, place, seq) SELECT " + id + ", 'u' || n, 1, 1 FROM numbers",
		"INSERT INTO read_marks (session_id, reader, place, seq) SELECT " + id + ", 'uall', 1, 1 FROM numbers",
		"INSERT INTO read_marks (session_id, reader, place, seq) SELECT " + id + ", 'uann', 1, 1 FROM numbers WHERE n % 400 = 0",
		"INSERT INTO connections (id, session_id, role, guest, created_at, user_id) SELECT 'c' || n, " + id + ", 'PUBLISHER', FALSE, n," +
			" CASE WHEN n % 400 = 1 THEN 'ann' ELSE 'u' || n END FROM numbers",
	} {
		query = strings.Replace(query, " SELECT ", " "+numbers+" SELECT ", 1)
		if _, err := store.writer.ExecContext(t.Context(), query, manySessions); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if engineOf(store.writer) != postgresEngine {
		return
	}
	if _, err := store.writer.ExecContext(t.Context(), "ANALYZE"); err != nil { // as PostgreSQL does by itself, some time later
		t.Fatal(err)
	}
}

// listAll reads a list in pages, and checks that no session comes twice. It returns how many sessions came on how many pages.
func listAll(t *testing.T, store *Store, q session.SessionQuery) (sessions, pages int) {
	t.Helper()
	seen := make(map[string]bool)
	var last *session.SessionPlace
	for {
		run, err := store.ListSessions(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, p := range run.Sessions {
			if seen[p.ID] || !strings.HasPrefix(p.ID, q.Prefix) {
				t.Fatalf("%+v: %s came again, or has another prefix", q, p.ID)
			}
			if last != nil && (p.Place.At > last.At || p.Place.At == last.At && p.ID >= last.ID) {
				t.Fatalf("%+v: %+v came after %+v", q, p.Place, *last)
			}
			seen[p.ID], last = true, &p.Place
		}
		if run.Next == nil {
			return len(seen), pages
		}
		q.After = *run.Next
	}
}

func testManySessions(t *testing.T, store *Store, plan func(query string, args []any) string, scans []string) {
	fillSessions(t, store)
	all, ann, nobody := "all", "ann", "nobody"
	for _, order := range []session.SessionOrder{session.ByLastEntry, session.ByCreation} {
		for _, c := range []struct {
			prefix          string
			user            *string
			limit, look     int
			sessions, pages int
		}{
			{limit: 200, look: 10_000, sessions: manySessions, pages: manySessions / 200},
			{prefix: "x", limit: 200, look: 10_000, sessions: manySessions / 100, pages: 1},       // sorted
			{prefix: "s", limit: 200, look: 10_000, sessions: manySessions * 99 / 100, pages: 99}, // looked at in the list's order
			{prefix: "x-00000", limit: 200, look: 10_000, sessions: 1, pages: 1},
			{prefix: "y", limit: 200, look: 10_000, sessions: 0, pages: 1},
			{user: &ann, limit: 30, look: 10_000, sessions: 100, pages: 4},
			{user: &ann, prefix: "x", limit: 30, look: 10_000, sessions: 50, pages: 2},
			{user: &nobody, limit: 30, look: 10_000, sessions: 0, pages: 1},
			{user: &all, prefix: "x", limit: 200, look: 10_000, sessions: 200, pages: 1},
			{user: &all, limit: 200, look: 10_000, sessions: manySessions, pages: manySessions / 200},
		} {
			q := session.SessionQuery{Order: order, Prefix: c.prefix, UserID: c.user, Limit: c.limit, Look: c.look}
			sessions, pages := listAll(t, store, q)
			// The lobby is one more, which is in no feed here. It may need a page of its own.
			lobby := 0
			if order == session.ByCreation && c.prefix == "" && c.user == nil {
				lobby = 1
			}
			if sessions != c.sessions+lobby || pages != c.pages+lobby {
				t.Errorf("%+v: %d sessions on %d pages, want %d on %d", q, sessions, pages, c.sessions+lobby, c.pages+lobby)
			}
		}
		// Where few of very many match, a page looks at as many as it may, and no more.
		rare := session.SessionQuery{Order: order, Prefix: "s-", UserID: &all, Limit: 200, Look: 10}
		run, err := store.ListSessions(t.Context(), rare)
		if err != nil || run.Next == nil || len(run.Sessions) > 10 {
			t.Errorf("%d sessions of 10 that were looked at, next %v, %v", len(run.Sessions), run.Next, err)
		}

		for name, l := range map[string]sessionList{
			"all": {session.SessionQuery{Order: order, Limit: 50}}, "prefix": {session.SessionQuery{Order: order, Limit: 50, Prefix: "x"}},
			"user": {session.SessionQuery{Order: order, Limit: 50, UserID: &ann}}, "both": {session.SessionQuery{Order: order, Limit: 50, Prefix: "x", UserID: &ann}},
			"after": {session.SessionQuery{Order: order, Limit: 50, After: session.SessionPlace{At: 50_000, ID: "s"}, Prefix: "x"}},
		} {
			queries := map[string]func() (string, []any){"walk": func() (string, []any) { return l.sqlWalk(1000) }}
			if l.filtered() {
				queries["sorted"] = l.sqlSorted
				queries["count"] = l.sqlCount
			}
			for kind, query := range queries {
				text, args := query()
				got := plan(text, args)
				for _, scan := range scans {
					if strings.Contains(got+"\n", scan) {
						t.Errorf("%s of %s by %s goes through a table:\n%s", kind, name, order, got)
					}
				}
				index := map[session.SessionOrder]string{session.ByLastEntry: "feed_sessions_active", session.ByCreation: "sessions_created"}[order]
				if (kind == "walk") != strings.Contains(got, index) {
					t.Errorf("%s of %s by %s: the index of the order is for the walk alone:\n%s", kind, name, order, got)
				}
				if l.UserID != nil && kind != "walk" && (!strings.Contains(got, "read_marks_reader") || !strings.Contains(got, "connections_of_user")) {
					t.Errorf("%s of %s by %s: the user's indexes are not used:\n%s", kind, name, order, got)
				}
				if kind == "walk" && (strings.Contains(got, "TEMP B-TREE") || strings.Contains(got, "Sort")) {
					t.Errorf("%s of %s by %s sorts:\n%s", kind, name, order, got)
				}
			}
		}
	}
}

// Of 20,000 sessions a page is found without going through all, whatever it is of.
func TestManySessions(t *testing.T) {
	if testing.Short() {
		t.Skip("20,000 sessions")
	}
	t.Parallel()
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	testManySessions(t, store, func(query string, args []any) string {
		return explain(t, store, store.readers.NewRaw(query, args...).String())
	}, []string{"SCAN o\n", "SCAN s\n", "SCAN sessions\n", "SCAN feed_sessions\n", "SCAN read_marks\n", "SCAN connections\n", "SCAN c\n", "SCAN o USING INDEX feed_sessions_active\n"})
}

func TestManySessionsOnPostgreSQL(t *testing.T) {
	if testing.Short() {
		t.Skip("20,000 sessions")
	}
	t.Parallel()
	store, err := Open(t.Context(), Config{Path: pgtest.Database(t), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	testManySessions(t, store, func(query string, args []any) string {
		var plan []string
		if err := store.readers.NewRaw("EXPLAIN "+query, args...).Scan(t.Context(), &plan); err != nil {
			t.Fatal(err)
		}
		return strings.Join(plan, "\n")
	}, []string{"Seq Scan"})
}
