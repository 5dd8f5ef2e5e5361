package db_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chattok/db"
	"chattok/internal/archive"
	"chattok/internal/await"
	"chattok/internal/pgtest"
	"chattok/session"
)

// export returns the lines of an export, with changes in their places. between is called after each page; nil for nothing.
func export(t *testing.T, store *db.Store, sessionID string, between func(page int)) (lines string, pages int) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	spool := archive.NewSpool(file)
	after := ""
	for {
		page, err := store.ExportPage(t.Context(), session.ExportQuery{SessionID: sessionID, After: after})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Lines) > session.MaxExportPageBytes || len(page.Next) > session.MaxExportCursorBytes {
			t.Errorf("a page of %d bytes, which ends with a place of %d", len(page.Lines), len(page.Next))
		}
		if err := spool.Add(page.Lines); err != nil {
			t.Fatal(err)
		}
		if pages++; page.Next == "" {
			break
		}
		after = page.Next
		if between != nil {
			between(pages)
		}
	}
	if err := spool.End(); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(all), pages
}

func exportOf(t *testing.T, path, sessionID string) string {
	t.Helper()
	store := mustOpen(t, db.Config{Path: path})
	defer mustClose(t, store)
	lines, _ := export(t, store, sessionID, nil)
	return lines
}

func importInto(t *testing.T, path, lines string) (db.ImportReport, error) {
	t.Helper()
	return db.Import(t.Context(), db.ImportConfig{To: db.Config{Path: path, Logger: slog.New(slog.DiscardHandler)}, From: strings.NewReader(lines)})
}

// wantSame shows the first line in which two exports differ.
func wantSame(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("line %d is\n%s\nwant\n%s", i+1, a[i], b[i])
		}
	}
	t.Fatalf("%d lines, want %d", len(a), len(b))
}

// An import has everything that a reader of the exported database sees, on the same engine and on the other one, and its own export
// is the same to the byte. It can be served, and its log goes on where it ended.
func TestExportAndImport(t *testing.T) {
	const sessions, each = 3, 700
	for from, makeFrom := range engines {
		for to, makeTo := range engines {
			t.Run(from+" to "+to, func(t *testing.T) {
				source, target := makeFrom(t), makeTo(t)
				want := fill(t, source, sessions, each)
				end := fillFeed(t, source)
				lines := exportOf(t, source, "")
				report, err := importInto(t, target, lines)
				if wanted := (db.ImportReport{Lines: int64(strings.Count(lines, "\n")), Sessions: sessions + 2, Entries: sessions*(each+1) + 1}); err != nil || report != wanted {
					t.Fatalf("imported %+v, %v; want %+v", report, err, wanted)
				}
				wantSame(t, exportOf(t, target, ""), lines)
				for _, id := range []string{"s1", session.Lobby} {
					wantSame(t, exportOf(t, target, id), exportOf(t, source, id))
				}
				if got := fillFeed(t, target); got != end {
					t.Errorf("the feed ends with %+v, want %+v", got, end)
				}
				store := mustOpen(t, db.Config{Path: target})
				got := look(t, store, sessions)
				got.secret = want.secret // an export has none
				wantSeen(t, got, want)
				r := store.AppendEntries(t.Context(), []session.NewEntry{
					{SessionID: "s1", ConnectionID: "s1-a", Body: "new"},
					{SessionID: "s1", ConnectionID: "s1-a", Body: want.logs["s1"][3].Body, IdempotencyKey: "key 3"},
				})
				if r[0].Err != nil || r[0].Entry.Seq != each+2 || r[0].Entry.Place != want.events["s1"].Through+1 || r[1].Err != nil || !r[1].Replayed || r[1].Entry.Seq != 4 {
					t.Errorf("an entry and a replay after the import: %+v", r)
				}
				// Each connection has an end, since none is attached to a node here.
				changes, err := store.Sweep(t.Context(), "", 0, time.Hour, 100)
				if err != nil || len(changes) != 3*sessions {
					t.Errorf("a sweep ends %d connections, want %d: %v", len(changes), 3*sessions, err)
				}
				mustClose(t, store)
				again := mustOpen(t, db.Config{Path: target})
				if at, err := again.Session(t.Context(), "s1"); err != nil || at.Epoch != want.sessions["s1"].Epoch {
					t.Errorf("after a restart: %+v, %v", at, err)
				}
				mustClose(t, again)
				if _, err := importInto(t, target, lines); err == nil || !strings.Contains(err.Error(), "the database is not empty: its table ") {
					t.Errorf("an import into a database in use: %v", err)
				}
			})
		}
	}
}

// A log whose front was removed keeps its numbers and places, on both engines: also where nothing is left of it, and where entries are
// removed after they were exported.
func TestExportOfWhatIsLeft(t *testing.T) {
	for engine, makePath := range engines {
		t.Run(engine, func(t *testing.T) {
			const entries = 4000
			path, second := makePath(t), time.Second
			store := mustOpen(t, db.Config{Path: path})
			for _, id := range []string{"empty", "s"} {
				r := store.CreateConnections(t.Context(), []session.NewConnection{{ID: id + "-c", SessionID: id, Role: session.RolePublisher, MakeSession: true, NewEpoch: 7}}, time.Hour)
				mustBe(t, r[0].Err)
				var group []session.NewEntry
				for i := range entries {
					group = append(group, session.NewEntry{SessionID: id, ConnectionID: id + "-c", Body: strings.Repeat("text ", 100) + fmt.Sprint(i)})
				}
				for chunk := range slices.Chunk(group, 250) {
					for _, r := range store.AppendEntries(t.Context(), chunk) {
						mustBe(t, r.Err)
					}
				}
				for _, r := range store.ChangeEntries(t.Context(), []session.NewChange{
					{SessionID: id, Seq: 3, Actor: session.Actor{ConnectionID: id + "-c"}, Kind: session.EntryReacted, Name: "a", On: true},
					{SessionID: id, Seq: entries, Actor: session.Actor{ConnectionID: id + "-c"}, Kind: session.EntryReacted, Name: "b", On: true},
				}) {
					mustBe(t, r.Err)
				}
			}
			_, _, err := store.UpdateSession(t.Context(), "s", session.SessionUpdate{SetRetention: true, Retention: &second})
			mustBe(t, err)
			held, err := store.HoldLease(t.Context(), session.RetentionLease, "n", time.Hour)
			if err != nil || !held {
				t.Fatalf("the lease: %v, %v", held, err)
			}
			await.True(t, "the entries are old", func() bool {
				due, _, err := store.RetentionDue(t.Context(), time.Second, "", 10)
				return err == nil && slices.Contains(due, "s") && slices.Contains(due, "empty")
			})
			remove := func(id string, n int) {
				t.Helper()
				mustRemove(t, store, id, time.Second, n, n)
			}
			remove("empty", entries)
			got, pages := export(t, store, "s", func(page int) {
				if page == 1 {
					remove("s", 1500) // the first page has some of these
				}
			})
			want, _ := export(t, store, "s", nil)
			wantSame(t, got, want)
			if pages < 2 || strings.Count(got, `"type":"entry"`) != entries-1500 || strings.Count(got, `"type":"reaction"`) != 1 {
				t.Errorf("%d pages with %d entries", pages, strings.Count(got, `"type":"entry"`))
			}
			all, _ := export(t, store, "", nil)
			last, err := store.LastSeqs(t.Context(), []string{"empty", "s"})
			mustBe(t, err)
			mustClose(t, store)

			target := makePath(t)
			report, err := importInto(t, target, all)
			if err != nil || report.Entries != entries-1500 {
				t.Fatalf("imported %+v, %v", report, err)
			}
			wantSame(t, exportOf(t, target, ""), all)
			store = mustOpen(t, db.Config{Path: target})
			now, err := store.LastSeqs(t.Context(), []string{"empty", "s"})
			mustBe(t, err)
			for id, place := range map[string]int64{"empty": entries + 2, "s": 1500} {
				seq := min(place, entries)
				if now[id] != last[id] || now[id].Front != (session.LogFront{Seq: seq, Place: place}) {
					t.Errorf("session %s has %+v, want %+v", id, now[id], last[id])
				}
				run, err := store.LogEvents(t.Context(), session.LogQuery{SessionID: id, Epoch: 7, Limit: 2})
				if err != nil || !run.Events[0].Truncated() || run.Events[0].Place != place {
					t.Errorf("the log of %s begins with %+v, %v", id, run.Events[0], err)
				}
				r := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: id, ConnectionID: id + "-c", Body: "new"}})[0]
				if r.Err != nil || r.Entry.Seq != entries+1 || r.Entry.Place != entries+3 {
					t.Errorf("an entry after the import: %+v", r)
				}
			}
			mustClose(t, store)
		})
	}
}

// The key that users' ids come from is a whole database's, and not a session's.
func TestExportOfUserKey(t *testing.T) {
	source, target, other := newPath(t), newPath(t), newPath(t)
	fill(t, source, 1, 10)
	keyOf := func(path string) string {
		store := mustOpen(t, db.Config{Path: path})
		defer mustClose(t, store)
		key, err := store.UserKey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return string(key)
	}
	for path, id := range map[string]string{target: "", other: "s0"} {
		if _, err := importInto(t, path, exportOf(t, source, id)); err != nil {
			t.Fatal(err)
		}
	}
	if keyOf(target) != keyOf(source) || keyOf(other) == keyOf(source) {
		t.Error("the key has come with one session, or not with the whole database")
	}
	store := mustOpen(t, db.Config{Path: other})
	defer mustClose(t, store)
	if at, err := store.Session(t.Context(), session.Lobby); err != nil || at.Epoch == 0 {
		t.Errorf("the lobby of an import of one session: %+v, %v", at, err)
	}
}

// The parts of an export that are read while a session changes are put together to the log as it is at its end.
func TestExportWhileItChanges(t *testing.T) {
	for engine, make := range engines {
		t.Run(engine, func(t *testing.T) {
			const entries = 4000
			path := make(t)
			store := mustOpen(t, db.Config{Path: path})
			user := "ann"
			for _, r := range store.CreateConnections(t.Context(), []session.NewConnection{
				{ID: "m", SessionID: "s", Role: session.RolePublisher, MakeSession: true, NewEpoch: 7},
				{ID: "u", SessionID: "s", UserID: &user, Role: session.RolePublisher}}, time.Hour) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			add := func(connection string, n int) {
				t.Helper()
				var group []session.NewEntry
				for i := range n {
					group = append(group, session.NewEntry{SessionID: "s", ConnectionID: connection, Body: strings.Repeat("text ", 100) + fmt.Sprint(i)})
				}
				for _, r := range store.AppendEntries(t.Context(), group) {
					if r.Err != nil {
						t.Fatal(r.Err)
					}
				}
			}
			change := func(changes ...session.NewChange) {
				t.Helper()
				for i := range changes {
					changes[i].SessionID = "s"
				}
				for _, r := range store.ChangeEntries(t.Context(), changes) {
					if r.Err != nil {
						t.Fatal(r.Err)
					}
				}
			}
			me, ann := session.Actor{ConnectionID: "m"}, session.Actor{ConnectionID: "u", UserID: &user}
			for range entries / 250 {
				add("m", 250)
			}
			change(session.NewChange{Seq: 5, Actor: me, Kind: session.EntryReacted, Name: "a", On: true},
				session.NewChange{Seq: 5, Actor: ann, Kind: session.EntryReacted, Name: "b", On: true},
				session.NewChange{Seq: 7, Actor: me, Kind: session.EntryReacted, Name: "z", On: true})
			got, pages := export(t, store, "s", func(page int) {
				switch page {
				case 1: // the first page has these entries
					change(session.NewChange{Seq: 3, Actor: me, Kind: session.EntryEdited, Body: "edited", EditedIn: time.Hour},
						session.NewChange{Seq: 4, Actor: me, Kind: session.EntryDeleted},
						session.NewChange{Seq: 5, Actor: me, Kind: session.EntryReacted, Name: "a", On: false},
						session.NewChange{Seq: 5, Actor: me, Kind: session.EntryReacted, Name: "c", On: true},
						session.NewChange{Seq: entries, Actor: me, Kind: session.EntryDeleted})
					if r := store.CreateConnections(t.Context(), []session.NewConnection{{ID: "late", SessionID: "s", Role: session.RolePublisher}}, time.Hour); r[0].Err != nil {
						t.Fatal(r[0].Err)
					}
				case 2:
					add("late", 10)
					change(session.NewChange{Seq: 6, Actor: ann, Kind: session.EntryReacted, Name: "late", On: true})
				}
			})
			if pages < 3 {
				t.Fatalf("%d pages; the test needs 3", pages)
			}
			want, _ := export(t, store, "s", nil)
			wantSame(t, got, want)
			if strings.Count(got, `"type":"entry"`) != entries+10 || strings.Contains(got, `"type":"changes"`) {
				t.Error("the export has other entries, or a line of changes")
			}
			mustClose(t, store)
			target := make(t)
			if _, err := importInto(t, target, got); err != nil {
				t.Fatal(err)
			}
			wantSame(t, exportOf(t, target, "s"), want)
		})
	}
}

// Where much changes while a session is exported, its pages are no larger, and the changes of those pages are in the export too.
func TestExportOfManyChanges(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		const entries = 300
		store := mustOpen(t, db.Config{Path: path})
		me := session.Actor{ConnectionID: "m"}
		made := store.CreateConnections(t.Context(), []session.NewConnection{
			{ID: me.ConnectionID, SessionID: "s", Role: session.RolePublisher, MakeSession: true, NewEpoch: 7}}, time.Hour)
		mustBe(t, made[0].Err)
		body := func(letter string) string { return strings.Repeat(letter, session.MaxBodyBytes) }
		add := func() {
			t.Helper()
			group := make([]session.NewEntry, entries)
			for i := range group {
				group[i] = session.NewEntry{SessionID: "s", ConnectionID: me.ConnectionID, Body: body("a")}
			}
			for _, r := range store.AppendEntries(t.Context(), group) {
				mustBe(t, r.Err)
			}
		}
		edit := func(letter string, seqs ...int64) {
			t.Helper()
			changes := make([]session.NewChange, len(seqs))
			for i, seq := range seqs {
				changes[i] = session.NewChange{SessionID: "s", Seq: seq, Actor: me, Kind: session.EntryEdited, Body: body(letter), EditedIn: time.Hour}
			}
			for _, r := range store.ChangeEntries(t.Context(), changes) {
				mustBe(t, r.Err)
			}
		}
		add()
		got, pages := export(t, store, "s", func(page int) {
			switch {
			case page == 1:
				var all []int64
				for seq := range int64(entries) {
					all = append(all, seq+1)
				}
				edit("b", all...)
				add()
			case page < 12: // an entry at the beginning, one in the middle, and one that was added
				edit(string(rune('b'+page)), 1+int64(page%2), entries/2+int64(page%3), entries+1+int64(page))
			}
		})
		if pages < 12 {
			t.Errorf("%d pages; the test needs 12", pages)
		}
		want, _ := export(t, store, "s", nil)
		wantSame(t, got, want)
		if n := strings.Count(got, `"type":"entry"`); n != 2*entries {
			t.Errorf("the export has %d entries", n)
		}
	})
}

// A session that is deleted while it is exported is not in the export, and its export alone ends with an error.
func TestExportOfDeletedSession(t *testing.T) {
	path := newPath(t)
	fill(t, path, 3, 9000)
	store := mustOpen(t, db.Config{Path: path})
	first, err := store.ExportPage(t.Context(), session.ExportQuery{SessionID: "s1"})
	if err != nil || first.Next == "" {
		t.Fatalf("the first page of s1: %d bytes, %v", len(first.Lines), err)
	}
	begun := false
	got, _ := export(t, store, "", func(int) {
		// The second page ends within the second session, or later.
		if !begun {
			begun = true
			if _, err := store.DeleteSession(t.Context(), "s0"); err != nil {
				t.Fatal(err)
			}
		}
	})
	if strings.Contains(got, `{"type":"session","id":"s0"`) || strings.Contains(got, "sessionGone") || strings.Count(got, `{"type":"sessionEnd"`) != 4 {
		t.Error("the export has the session that was deleted, or lacks another one")
	}
	mustClose(t, store)
	if _, err := importInto(t, newPath(t), got); err != nil {
		t.Error(err)
	}
	store = mustOpen(t, db.Config{Path: path})
	if _, err := store.DeleteSession(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.ExportPage(t.Context(), session.ExportQuery{SessionID: "s1", After: first.Next}); session.CodeOf(err) != session.CodeBadUserInput {
		t.Errorf("the next page of a session that was deleted: %v", err)
	}
	if _, err := store.ExportPage(t.Context(), session.ExportQuery{SessionID: "s1"}); session.CodeOf(err) != session.CodeNotFound {
		t.Errorf("the first page of it: %v", err)
	}
	for _, after := range []string{"x", "e30", first.Next + "x"} {
		if _, err := store.ExportPage(t.Context(), session.ExportQuery{After: after}); session.CodeOf(err) != session.CodeBadUserInput {
			t.Errorf("after %q: %v", after, err)
		}
	}
}

// TestImportOfBadLines: a line that is wrong is named by its number and field, and nothing is imported.
func TestImportOfBadLines(t *testing.T) {
	source := newPath(t)
	fill(t, source, 1, 9)
	fillFeed(t, source)
	lines := strings.SplitAfter(strings.TrimSuffix(exportOf(t, source, ""), "\n"), "\n")
	at := func(part string) int {
		for i, line := range lines {
			if strings.Contains(line, part) {
				return i
			}
		}
		t.Fatalf("no line has %s", part)
		return 0
	}
	entry2 := at(`"type":"entry","id":"` + session.EntryID(100, 2) + `"`)
	published, settings := at(`"kind":"published"`), at(`"kind":"sessionUpdated"`)
	_, change, _ := strings.Cut(lines[published], `"change":`)
	change, _, _ = strings.Cut(change, `,"purgeAt"`)
	long := func(n int) string { return strings.Repeat("x", n) }
	target := newPath(t)
	for _, c := range []struct {
		line     int
		old, new string
		want     string // after "line N: "
	}{
		{0, `"chattok"`, `"other"`, `this is no export: its first line must have the type "chattok"`},
		{0, `"format":1`, `"format":2`, "chattok.format is 2; this version of chattok reads 1"},
		{0, `}`, `,"x":1}`, "chattok.x is no field that this version of chattok knows"},
		{1, `"key":"`, `"key":"x`, "userKey.key must be base64 of 32 bytes"},
		{entry2, "{", "[{", "it is not a JSON object"},
		{entry2, `"type":"entry",`, ``, "it has no type"},
		{entry2, `"type":"entry"`, `"type":"picture"`, `the type "picture" is unknown`},
		{entry2, `"seq":2`, `"seq":3`, "entry.seq is 3, but 2 comes next"},
		{entry2, `"seq":2`, `"seq":-2`, "entry.seq must be a whole number that is not negative"},
		{entry2, `"seq":2`, `"seq":"2"`, "entry.seq must be a whole number that is not negative"},
		{entry2, `"seq":2,`, ``, "entry.seq is missing"},
		{entry2, `"place":2`, `"place":1`, "entry.place is 1, but that of the entry before is later"},
		{entry2, `"createdAt":"2`, `"createdAt":"x`, "entry.createdAt must be a time such as 2026-01-31T12:00:00.000Z"},
		{entry2, `"body":"`, `"body":"\u0000`, "entry.body must have no U+0000"},
		{entry2, `"body":"`, `"body":"` + strings.Repeat("x", session.MaxBodyBytes+1), "entry.body must be 16384 bytes at most"},
		{entry2, `"body":`, `"text":`, "entry.body is missing"},
		{entry2, `"body":`, `"text":"","body":`, "entry.text is no field that this version of chattok knows"},
		{entry2, session.EntryID(100, 2), session.EntryID(101, 2), "entry.id is not that of the session's epoch and seq"},
		{entry2, `"change":"DELETED"`, `"change":"MOVED"`, "entry.change must be EDITED, DELETED or REACTED"},
		{at(`"type":"connection","id":"s0-a"`), `"MODERATOR"`, `"KING"`, "connection.role must be SUBSCRIBER, PUBLISHER_ONLY, PUBLISHER or MODERATOR"},
		{at(`"type":"connection","id":"s0-a"`), `"guest":false`, `"guest":0`, "connection.guest must be true or false"},
		{at(`"type":"connection","id":"s0-b"`), `"s0-b"`, `"s0-a"`, "connection: the lines of a kind must be in the order of [id], each once"},
		{at(`"type":"session","id":"s0"`), `"s0"`, `"asked"`, `session.id: there is a session "asked" already`},
		{at(`"type":"session","id":"s0"`), `"s0"`, `"a b"`, "session.id must be 1 to 128 of A-Z, a-z, 0-9, -, _, . and ~"},
		{at(`"type":"session","id":"s0"`), `"epoch":"100"`, `"epoch":100`, "session.epoch must be a text"},
		{at(`"type":"sessionEnd","entries":10`), `"entries":10`, `"entries":11`, "sessionEnd.entries is 11, but the session has 10 entries here"},
		{at(`"type":"sessionEnd","entries":10`), `}`, `,"removed":1}`, "sessionEnd.removed is 1, but the session's first entry here has seq 1"},
		{at(`"type":"session","id":"s0"`), `"slowModeMs":`, `"retentionMs":5,"slowModeMs":`, "session.retentionMs must be 0, or 1000 to 1576800000000"},
		{at(`"type":"sessionEnd","entries":10`), `"place":`, `"place":1,"was":`, "sessionEnd.was is no field that this version of chattok knows"},
		{entry2, `"seq":2`, `"seq":9007199254740993`, "entry.seq must be 9007199254740992 at most"},
		{entry2, `"createdAt":"2026`, `"createdAt":"1926`, "entry.createdAt must be a time such as 2026-01-31T12:00:00.000Z"},
		{entry2, `"connectionId":"`, `"connectionId":"` + long(128), "entry.connectionId must be 128 bytes at most"},
		{at(`"type":"entry","id":"` + session.EntryID(100, 3)), `[["🎈",1]]`, `{"🎈":1}`, "entry.reactions must be [[name, count], …]"},
		{at(`"type":"entry","id":"` + session.EntryID(100, 3)), `[["🎈",1]]`, `[["🎈",-1]]`, "entry.reactions must be [[name, count], …]"},
		{at(`"type":"entry","id":"` + session.EntryID(100, 3)), `🎈",1`, `` + long(65) + `",1`, "entry.reactions must be [[name, count], …]"},
		{at(`"type":"feedSession"`), `"sessionId":"`, `"sessionId":"` + long(128), "feedSession.sessionId must be 128 bytes at most"},
		{at(`"type":"feed","firstPlace":5`), `"lastPlace":11`, `"lastPlace":4`, "feed.firstPlace must be 1 or more, and feed.lastPlace not before it"},
		{at(`"type":"feed","firstPlace":5`), `"lastPlace":11`, `"lastPlace":9223372036854775807`, "feed.lastPlace must be 9007199254740992 at most"},
		{at(`"type":"feed","firstPlace":5`), `"roster"`, `"other"`, "feed.kind must be log, roster, created, deleted or erased"},
		{at(`"type":"feedState"`), `"place":30`, `"place":1`, "feedState.place is 1, but the feed has place 30"},
		{at(`"type":"feedState"`), `"end"`, `"beginning"`, "feedState.name must be end or truncated"},
		{at(`"type":"feedState"`), `"end"`, `"truncated"`, "feedState.place is 30, but the feed ends at 0"},
		{at(`"type":"session","id":"s0"`), `"slowModeMs":`, `"data":"` + long(4097) + `","slowModeMs":`, "session.data must be 4096 bytes at most"},
		{at(`"type":"connection","id":"s0-a"`), `"data":"`, `"data":"` + long(4097), "connection.data must be 4096 bytes at most"},
		{at(`"type":"connection","id":"s0-c"`), `"forceDisconnected"`, `"bored"`, `connection.reason "bored" is unknown`},
		{at(`"type":"connection","id":"s0-u"`), `"ann"`, `"` + long(129) + `"`, "connection.userId must be 128 bytes at most"},
		{at(`"type":"actor"`), `"bot"`, `"` + long(129) + `"`, "actor.name must be 128 bytes at most"},
		{at(`"type":"reaction"`), `"name":"`, `"name":"` + long(64), "reaction.name must be 64 bytes at most"},
		{at(`"type":"stream"`), `"hasAudio"`, `"name":"` + long(1025) + `","hasAudio"`, "stream.name must be 1024 bytes at most"},
		{at(`"type":"stream"`), `"CAMERA"`, `"TELESCOPE"`, "stream.videoType must be CAMERA, SCREEN or CUSTOM"},
		{at(`"type":"stream"`), `"hasAudio"`, `"width":16385,"hasAudio"`, "stream.width and height must be 1 to 16384"},
		{published, change, "123", "streamChange.change is no change that this version of chattok knows: json: cannot unmarshal number into Go value of type db.changeRecord"},
		{published, `"kind":`, `"sort":`, `streamChange.change is no change that this version of chattok knows: json: unknown field "sort"`},
		{published, `"published"`, `"moved"`, `streamChange.change.kind "moved" is unknown`},
		{published, `"published"`, `"ended"`, "streamChange.change.reason is needed for kind ended"},
		{published, `"published"`, `"muted"`, "streamChange.change.moderatorId is needed for kind muted"},
		{published, `"published"`, `"connectionUpdated"`, "streamChange.change.connectionId is needed for kind connectionUpdated"},
		{published, `"published"`, `"sessionUpdated"`, "streamChange.change.settings is needed for kind sessionUpdated"},
		{published, `"published"`, `"published","reason":"bored"`, `streamChange.change.reason "bored" is unknown`},
		{published, `"published"`, `"published","role":"KING"`, `streamChange.change.role "KING" is unknown`},
		{published, `"published"`, `"published","data":"` + long(4097) + `"`, "streamChange.change.data must be 4096 bytes at most"},
		{published, `"published"`, `"published","except":["` + long(129) + `"]`, "streamChange.change.except must be 128 bytes at most"},
		{published, `"hasAudio"`, `"name":"\u0000","hasAudio"`, "streamChange.change.stream.name must have no U+0000"},
		{published, `"CAMERA"`, `"TELESCOPE"`, "streamChange.change.stream.videoType must be CAMERA, SCREEN or CUSTOM"},
		{settings, `"slowMode":1`, `"slowMode":-1`, "streamChange.change.settings.slowMode must be 0 to 86400000"},
		{settings, `"slowMode":1`, `"slowMode":1,"retention":1`, "streamChange.change.settings.retention is none that a session can have"},
		{settings, `"slowMode":1`, `"slowMode":1,"data":"` + long(4097) + `"`, "streamChange.change.settings.data must be 4096 bytes at most"},
		{at(`"type":"readMark"`), `"ann"`, `"` + long(129) + `"`, "readMark.userId must be 128 bytes at most"},
		{at(`"type":"ban"`), `"until":"2`, `"until":"9`, "ban.until must not be before ban.createdAt, nor more than 365 days after it"},
		{at(`"type":"ban"`), `"until":"2`, `"until":"1`, "ban.until must be a time such as 2026-01-31T12:00:00.000Z"},
		{at(`"type":"changeKey"`), `"key":"`, `"key":"` + long(300), "changeKey.key must be 261 bytes at most"},
		{at(`"type":"sessionEnd","entries":10`), `"place":19`, `"place":9223372036854775807`, "sessionEnd.place must be 9007199254740992 at most"},
		{at(`"type":"sessionEnd","entries":10`), `"revision":7`, `"revision":6`, "sessionEnd.revision is 6, but a change of the session has revision 7"},
	} {
		bad := append([]string(nil), lines...)
		if bad[c.line] = strings.Replace(bad[c.line], c.old, c.new, 1); bad[c.line] == lines[c.line] {
			t.Errorf("the line has no %s: %s", c.old, bad[c.line])
		}
		want := fmt.Sprintf("import into %s: line %d: %s", target, c.line+1, c.want)
		if _, err := importInto(t, target, strings.Join(bad, "")); err == nil || err.Error() != want {
			t.Errorf("%s in place of %s: %v\nwant %s", c.new, c.old, err, want)
		}
	}
	whole := strings.Join(lines, "") + "\n"
	for what, c := range map[string]struct{ text, want string }{
		"cut off":          {strings.Join(lines[:len(lines)-1], ""), fmt.Sprintf("line %d: the file ends here, before the export does", len(lines))},
		"cut in a line":    {strings.Join(lines[:entry2], "") + lines[entry2][:40], fmt.Sprintf("line %d: it is not a JSON object", entry2+1)},
		"twice":            {whole + whole, fmt.Sprintf("line %d: nothing may come after the end", len(lines)+1)},
		"empty":            {"", "line 1: the file ends here"},
		"no session":       {lines[0] + lines[entry2], "line 2: a line of type entry can't come here"},
		"a long line":      {lines[0] + strings.Repeat("x", 2<<20), "line 2: it is longer than 1048576 bytes"},
		"in another order": {strings.Join(lines[:at(`"type":"entry"`)+1], "") + lines[at(`"type":"connection"`)], "can't come here"},
	} {
		if _, err := importInto(t, target, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", what, err, c.want)
		}
	}
	if _, err := importInto(t, target, whole); err != nil {
		t.Errorf("after all of these the database takes the whole: %v", err)
	}
}

// A row that was to be kept for years, since the clock was ahead, is kept as long as one that is written now.
func TestImportBoundsPurging(t *testing.T) {
	source, target := newPath(t), newPath(t)
	fill(t, source, 1, 9)
	fillFeed(t, source)
	lines := exportOf(t, source, "")
	late := regexp.MustCompile(`"purgeAt":"20`).ReplaceAllString(lines, `"purgeAt":"21`)
	if _, err := importInto(t, target, late); err != nil {
		t.Fatal(err)
	}
	kept := map[string]time.Duration{"feed": session.FeedKept, "streamChange": session.FeedKept + time.Hour, "changeKey": session.ChangeKeyTime,
		"readMark": session.ReadMarkTime + 7*24*time.Hour}
	counted := map[string]int{}
	for line := range strings.Lines(exportOf(t, target, "")) {
		var row struct {
			Type    string
			PurgeAt time.Time
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.PurgeAt.IsZero() {
			continue
		}
		counted[row.Type]++
		if left := time.Until(row.PurgeAt); left > kept[row.Type] || left < kept[row.Type]-time.Hour {
			t.Errorf("a %s is kept for %v, want %v: %s", row.Type, left, kept[row.Type], line)
		}
	}
	if want := map[string]int{"feed": 1, "streamChange": 2, "changeKey": 3, "readMark": 2}; !maps.Equal(counted, want) {
		t.Errorf("the rows that are kept for a time are %v, want %v", counted, want)
	}
}

// TestImportInterrupted: an import that is interrupted leaves the database empty, and one that is in use is refused.
func TestImportInterrupted(t *testing.T) {
	source := newPath(t)
	fill(t, source, 2, 3000)
	lines := exportOf(t, source, "")
	for engine, make := range engines {
		t.Run(engine, func(t *testing.T) {
			target := make(t)
			ctx, cancel := context.WithCancel(t.Context())
			_, err := db.Import(ctx, db.ImportConfig{To: db.Config{Path: target}, From: strings.NewReader(lines),
				Progress: func(db.ImportReport) { cancel() }})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("interrupted: %v", err)
			}
			store := mustOpen(t, db.Config{Path: target})
			empty, _ := export(t, store, "", nil)
			if strings.Count(empty, "\n") != 5 { // the first line, the user key, the lobby's two, the end
				t.Errorf("after an interruption there is\n%s", empty)
			}
			if engine == "sqlite" {
				_, err := db.Import(t.Context(), db.ImportConfig{To: db.Config{Path: target, LockWait: time.Millisecond}, From: strings.NewReader(lines)})
				if err == nil || !strings.Contains(err.Error(), "in use") {
					t.Errorf("into a file in use: %v", err)
				}
			}
			mustClose(t, store)
			if _, err := importInto(t, target, lines); err != nil {
				t.Error(err)
			}
		})
	}
}

// An import of an older export does not bring back what was erased since: the file of the erasures tells, whether the database was made
// by the import or by a server before it.
func TestImportErasesAgain(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		records := filepath.Join(t.TempDir(), "erasures")
		store := mustOpen(t, db.Config{Path: path, Erasures: records})
		fillForErasure(t, store)
		older, _ := export(t, store, "", nil)
		if !strings.Contains(older, mark) {
			t.Fatal("the export has nothing to erase")
		}
		erase(t, store, session.NewErasure{ID: "one", UserID: &erasedID}, "n")
		erase(t, store, session.NewErasure{ID: "two", ConnectionID: mark + "-guest"}, "n")
		mustClose(t, store)
		fillFeed(t, path)
		newer := exportOf(t, path, "")
		if strings.Contains(newer, mark) || strings.Count(newer, `"kind":"erased"`) != 2 {
			t.Error("an export has what was erased before it, or not that it was")
		}

		target := newPath(t)
		if db.IsPostgres(path) {
			target = pgtest.Database(t)
		}
		mustClose(t, mustOpen(t, db.Config{Path: target, Erasures: records})) // which then knows the erasures
		_, err := db.Import(t.Context(), db.ImportConfig{To: db.Config{Path: target, Erasures: records}, From: strings.NewReader(older)})
		mustBe(t, err)
		onlySubjects := slices.DeleteFunc(texts(t, target), func(s string) bool { return strings.HasPrefix(s, "erasures.") })
		if len(onlySubjects) > 0 {
			t.Errorf("after the import the database has %v", onlySubjects)
		}
		store = mustOpen(t, db.Config{Path: target, Erasures: records})
		entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "s1", Limit: 1000})
		mustBe(t, err)
		if len(entries) != 61 || !entries[0].Deleted() || entries[2].Body != "bob says 0" {
			t.Errorf("there are %d entries, the first %+v", len(entries), entries[0])
		}
		list, err := store.Erasures(t.Context(), 10)
		mustBe(t, err)
		if len(list) != 2 {
			t.Errorf("the database knows %d erasures", len(list))
		}
		mustClose(t, store)

		unrecorded := newPath(t)
		_, err = importInto(t, unrecorded, newer)
		mustBe(t, err)
		wantSame(t, exportOf(t, unrecorded, ""), newer)
	})
}
