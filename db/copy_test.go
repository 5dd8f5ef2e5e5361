package db_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"chattok/db"
	"chattok/session"
)

// fill stores rows of every kind in a database, closes it, and returns what a reader sees of it.
func fill(t *testing.T, path string, sessions, each int) seen {
	t.Helper()
	store := mustOpen(t, db.Config{Path: path})
	ctx := t.Context()
	data := `{"name":"it's ?0 🎈"}`
	user := "ann"
	fillDeleted(t, store)
	for s := range sessions {
		id := fmt.Sprintf("s%d", s)
		for _, r := range store.CreateConnections(ctx, []session.NewConnection{
			{ID: id + "-a", SessionID: id, Role: session.RoleModerator, Data: &data, MakeSession: true, NewEpoch: session.Epoch(100 + s)},
			{ID: id + "-b", SessionID: id, Role: session.RolePublisher},
			{ID: id + "-c", SessionID: id, Role: session.RoleSubscriber},
			{ID: id + "-u", SessionID: id, UserID: &user, Role: session.RolePublisher},
		}, time.Hour) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		for from := 0; from < each; from += 500 {
			var group []session.NewEntry
			for n := from; n < min(each, from+500); n++ {
				e := session.NewEntry{SessionID: id, ConnectionID: id + "-" + string("ab"[n%2]), Body: fmt.Sprint("entry ", n, " \\ ' \" 🎈\n")}
				if n%3 == 0 {
					e.IdempotencyKey = fmt.Sprint("key ", n)
				}
				group = append(group, e)
			}
			for _, r := range store.AppendEntries(ctx, group) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
		}
		for _, r := range store.ChangeEntries(ctx, fillChanges(id, each)) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		last := session.NewEntry{SessionID: id, ConnectionID: id + "-u", UserID: &user, Body: "last", Data: &data, ReplyTo: 1, IdempotencyKey: "k"}
		if r := store.AppendEntries(ctx, []session.NewEntry{last})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		if _, err := store.PublishStream(ctx, session.NewStream{ID: id + "-stream", SessionID: id, ConnectionID: id + "-a",
			HasAudio: true, VideoType: session.VideoCamera}, 4); err != nil {
			t.Fatal(err)
		}
		if _, err := store.DestroyConnection(ctx, id+"-c", "", session.ForceDisconnected); err != nil {
			t.Fatal(err)
		}
		fillPeople(t, store, id)
	}
	if _, err := store.CreateSession(ctx, session.Session{ID: "asked", Epoch: 9, MediaMode: session.MediaRouted, TokenRequired: true}); err != nil {
		t.Fatal(err)
	}
	if r := store.AppendEntries(ctx, []session.NewEntry{{SessionID: session.Lobby, ConnectionID: "guest", Guest: true, Body: "hi"}})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	if _, err := store.RenewNode(ctx, "n", time.Millisecond, session.NodeReport{}); err != nil { // runs out before the database is copied
		t.Fatal(err)
	}
	_, _ = store.Attach(ctx, "n", []string{"s0-a"}) // fails where the lease has run out already
	saw := look(t, store, sessions)
	mustClose(t, store)
	return saw
}

// fillPeople stores a ban of a connection that has ended, by the server, a read mark, and a setting that no retry of the tests meets.
// fillDeleted makes a session and deletes it.
func fillDeleted(t *testing.T, store *db.Store) {
	t.Helper()
	if _, err := store.CreateSession(t.Context(), session.Session{ID: "gone", Epoch: 3, MediaMode: session.MediaRelayed}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateErasure(t.Context(), session.NewErasure{ID: "e", UserID: text("nobody")}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.DeleteSession(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		var err error
		if more, err = store.RemoveDeleted(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
	}
}

func fillPeople(t *testing.T, store *db.Store, sessionID string) {
	t.Helper()
	server, err := store.ServiceConnection(t.Context(), sessionID, session.ServiceActor{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.ServiceConnection(t.Context(), sessionID, session.ServiceActor{Name: "bot"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.CreateBan(t.Context(), session.NewBan{ID: sessionID + "-ban", SessionID: sessionID, ConnectionID: sessionID + "-c",
		ModeratorID: server.ID, Length: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.MarkRead(t.Context(), []session.NewReadMark{{SessionID: sessionID, UserID: "bob", Place: 95}}); err != nil {
		t.Fatal(err)
	}
	slow := time.Millisecond
	if _, _, err := store.UpdateSession(t.Context(), sessionID, session.SessionUpdate{SlowMode: &slow}); err != nil {
		t.Fatal(err)
	}
}

// fillChanges returns changes of every kind, with keys, of the first entries of a log.
func fillChanges(sessionID string, entries int) (changes []session.NewChange) {
	user := "ann"
	for n := range min(entries, 90) {
		c := session.NewChange{SessionID: sessionID, Seq: int64(n + 1), Actor: session.Actor{ConnectionID: sessionID + "-" + string("ab"[n%2])}}
		switch n % 3 {
		case 0:
			c.Kind, c.Body, c.EditedIn, c.IdempotencyKey = session.EntryEdited, fmt.Sprint("edited ", n), time.Hour, fmt.Sprint("key ", n)
		case 1:
			c.Kind = session.EntryDeleted
		default:
			c.Kind, c.Name, c.On = session.EntryReacted, "🎈", true
			c.Actor = session.Actor{ConnectionID: sessionID + "-u", UserID: &user}
		}
		changes = append(changes, c)
	}
	return changes
}

// seen is the content of a database as a reader sees it.
type seen struct {
	secret   []byte
	sessions map[string]session.Session
	logs     map[string][]*session.ChatEntry
	events   map[string]session.LogRun
	reactors map[string]map[session.ReactionKey][]string
	rosters  map[string]session.Roster
	changes  map[string][]session.RosterChange
	ended    map[string]session.ConnectionState
	marks    map[string][2]session.ReadMark // of ann and bob
	bans     map[string][]*session.Ban
	bots     map[string]*session.Connection // of sessions that have one
}

func look(t *testing.T, store *db.Store, sessions int) seen {
	t.Helper()
	ctx := t.Context()
	saw := seen{sessions: map[string]session.Session{}, logs: map[string][]*session.ChatEntry{},
		events: map[string]session.LogRun{}, reactors: map[string]map[session.ReactionKey][]string{},
		rosters: map[string]session.Roster{}, changes: map[string][]session.RosterChange{},
		marks: map[string][2]session.ReadMark{}, bans: map[string][]*session.Ban{}, bots: map[string]*session.Connection{}}
	var err error
	check := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	saw.secret, err = store.Secret(ctx)
	check()
	ids, connections := []string{session.Lobby, "asked"}, []string{"guest"}
	for s := range sessions {
		id := fmt.Sprintf("s%d", s)
		ids, connections = append(ids, id), append(connections, id+"-a", id+"-b", id+"-c", id+"-u")
	}
	for _, id := range ids {
		at, e := store.Session(ctx, id)
		err = e
		check()
		saw.sessions[id] = *at
		saw.logs[id], err = store.Entries(ctx, session.EntryQuery{SessionID: id, Epoch: at.Epoch, Limit: 1 << 20})
		check()
		saw.logs[id+" of b"], err = store.Entries(ctx, session.EntryQuery{SessionID: id, Epoch: at.Epoch, ConnectionID: id + "-b", Limit: 1 << 20})
		check()
		saw.events[id], err = store.LogEvents(ctx, session.LogQuery{SessionID: id, Epoch: at.Epoch, Limit: 1 << 20})
		check()
		saw.reactors[id], err = store.Reactors(ctx, id, []session.ReactionKey{{Seq: 3, Name: "🎈"}, {Seq: 6, Name: "🎈"}}, 9)
		check()
		saw.rosters[id], err = store.Roster(ctx, id)
		check()
		saw.changes[id], err = store.RosterChanges(ctx, id, 0, 1000)
		check()
		var marks [2]session.ReadMark
		for i, user := range []string{"ann", "bob"} {
			marks[i], err = store.ReadMark(ctx, id, user)
			check()
		}
		saw.marks[id] = marks
		saw.bans[id], err = store.Bans(ctx, id)
		check()
		if id != session.Lobby && id != "asked" {
			saw.bots[id], err = store.ServiceConnection(ctx, id, session.ServiceActor{Name: "bot"})
			check()
		}
	}
	saw.ended, err = store.Connections(ctx, connections)
	check()
	return saw
}

func wantSeen(t *testing.T, got, want seen) {
	t.Helper()
	if !bytes.Equal(got.secret, want.secret) {
		t.Error("another secret")
	}
	for what, pair := range map[string][2]any{
		"sessions": {got.sessions, want.sessions}, "logs": {got.logs, want.logs}, "events": {got.events, want.events}, "reactors": {got.reactors, want.reactors}, "rosters": {got.rosters, want.rosters},
		"changes": {got.changes, want.changes}, "connections": {got.ended, want.ended},
		"marks": {got.marks, want.marks}, "bans": {got.bans, want.bans}, "bots": {got.bots, want.bots},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s differ", what)
		}
	}
}

// fillFeed brings everything that a database has into its feed, and returns the feed's end.
func fillFeed(t *testing.T, path string) session.FeedEnd {
	t.Helper()
	store := mustOpen(t, db.Config{Path: path})
	defer mustClose(t, store)
	if _, err := store.HoldLease(t.Context(), session.FeedLease, "n", time.Minute); err != nil {
		t.Fatal(err)
	}
	behind, _, err := store.FeedBehind(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.SequenceFeed(t.Context(), "n", behind); err != nil {
		t.Fatal(err)
	}
	end, err := store.FeedEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// A copy has everything that a reader sees, on the same engine and on the other one. It can be served, and its log goes
// on where it ended.
func TestCopy(t *testing.T) {
	t.Parallel()
	const sessions, each = 3, 700
	for from, makeFrom := range engines {
		for to, makeTo := range engines {
			t.Run(from+" to "+to, func(t *testing.T) {
				source, target := makeFrom(t), makeTo(t)
				want := fill(t, source, sessions, each)
				end := fillFeed(t, source)
				report, err := db.Copy(t.Context(), db.CopyConfig{From: db.Config{Path: source}, To: db.Config{Path: target}})
				if err != nil {
					t.Fatal(err)
				}
				rows := map[string]int64{}
				for _, table := range report.Tables {
					rows[table.Name] = table.Rows
				}
				if want := (map[string]int64{"sessions": sessions + 2, "connections": 6*sessions + 1, "service_connections": sessions, "streams": sessions,
					"stream_changes": 2 * sessions, "entries": sessions*(each+1) + 1, "sender_entries": rows["sender_entries"],
					"reactions": 30 * sessions, "change_keys": 30 * sessions, "read_marks": 2 * sessions, "bans": sessions, "deleted_sessions": 1, "erasures": 1,
					"feed": rows["feed"], "feed_sessions": sessions + 2, "feed_state": 1, "webhooks": rows["webhooks"]}); !reflect.DeepEqual(rows, want) {
					t.Errorf("copied %v, want %v", rows, want)
				}
				if got := fillFeed(t, target); got != end || rows["feed"] == 0 {
					t.Errorf("the feed ends with %+v, want %+v, in %d rows", got, end, rows["feed"])
				}
				if report.Resumed || report.Restarted {
					t.Errorf("the report says %+v", report)
				}
				store := mustOpen(t, db.Config{Path: target})
				wantSeen(t, look(t, store, sessions), want)
				r := store.AppendEntries(t.Context(), []session.NewEntry{
					{SessionID: "s1", ConnectionID: "s1-a", Body: "new"},
					{SessionID: "s1", ConnectionID: "s1-a", Body: want.logs["s1"][3].Body, IdempotencyKey: "key 3"},
				})
				if r[0].Err != nil || r[0].Entry.Seq != each+2 || r[1].Err != nil || !r[1].Replayed || r[1].Entry.Seq != 4 {
					t.Errorf("an entry and a replay after the copy: %+v", r)
				}
				// Each connection has an end, since none is attached to a node here.
				for range 2 {
					if _, err := store.Sweep(t.Context(), "", 0, time.Hour, 100); err != nil {
						t.Fatal(err)
					}
				}
				mustClose(t, store)
				again := mustOpen(t, db.Config{Path: target})
				if at, err := again.Session(t.Context(), "s1"); err != nil || at.Epoch != want.sessions["s1"].Epoch {
					t.Errorf("after a restart: %+v, %v", at, err)
				}
				mustClose(t, again)
				_, err = db.Copy(t.Context(), db.CopyConfig{From: db.Config{Path: source}, To: db.Config{Path: target}})
				if err == nil || !strings.Contains(err.Error(), "not empty") {
					t.Errorf("a copy onto the copy in use: %v", err)
				}
			})
		}
	}
}

// An unfinished copy is not served. The next run goes on where the copy stopped, and begins again where the source has
// changed meanwhile.
func TestCopyInterrupted(t *testing.T) {
	t.Parallel()
	const sessions, each = 2, 5000
	for to, makeTo := range engines {
		t.Run("to "+to, func(t *testing.T) {
			source, target := newPath(t), makeTo(t)
			want := fill(t, source, sessions, each)
			config := db.CopyConfig{From: db.Config{Path: source}, To: db.Config{Path: target}}
			interrupt := func(at int64) int64 {
				t.Helper()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				began := int64(-1)
				config.Progress = func(p db.CopyProgress) {
					if began < 0 {
						began = p.Began
					}
					if !p.Checking && p.Rows >= at {
						cancel()
					}
				}
				_, err := db.Copy(ctx, config)
				if err == nil || !strings.Contains(err.Error(), "goes on where this one stopped") {
					t.Fatalf("interrupted: %v", err)
				}
				return began
			}
			interrupt(3000)
			for _, readOnly := range []bool{false, true} {
				_, err := db.Open(t.Context(), db.Config{Path: target, ReadOnly: readOnly})
				if err == nil || !strings.Contains(err.Error(), "unfinished copy") {
					t.Errorf("an unfinished copy is opened: %v", err)
				}
			}
			if began := interrupt(7000); began < 3000 {
				t.Errorf("the second run began at %d rows", began)
			}

			other := newPath(t)
			fill(t, other, 1, 1)
			_, err := db.Copy(t.Context(), db.CopyConfig{From: db.Config{Path: other}, To: config.To})
			if err == nil || !strings.Contains(err.Error(), "unfinished copy of another database") {
				t.Errorf("another source: %v", err)
			}

			config.Progress = nil
			report, err := db.Copy(t.Context(), config)
			if err != nil || !report.Resumed || report.Restarted {
				t.Fatalf("resumed: %+v, %v", report, err)
			}
			wantSeen(t, look(t, mustOpen(t, db.Config{Path: target}), sessions), want)
		})
	}
}

func TestCopyOfAChangedSource(t *testing.T) {
	const each = 5000
	source, target := newPath(t), newPath(t)
	fill(t, source, 1, each)
	config := db.CopyConfig{From: db.Config{Path: source}, To: db.Config{Path: target}}
	ctx, cancel := context.WithCancel(t.Context())
	config.Progress = func(p db.CopyProgress) {
		if p.Rows > 3000 {
			cancel()
		}
	}
	if _, err := db.Copy(ctx, config); err == nil {
		t.Fatal("not interrupted")
	}
	store := mustOpen(t, db.Config{Path: source})
	if r := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "s0", ConnectionID: "s0-a", Body: "late"}})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	want := look(t, store, 1)
	mustClose(t, store)
	config.Progress = nil
	report, err := db.Copy(t.Context(), config)
	if err != nil || report.Resumed || !report.Restarted {
		t.Fatalf("%+v, %v", report, err)
	}
	wantSeen(t, look(t, mustOpen(t, db.Config{Path: target}), 1), want)
}

func TestCopyRefuses(t *testing.T) {
	source, used := newPath(t), newPath(t)
	fill(t, source, 1, 1)
	fill(t, used, 1, 1)
	served := mustOpen(t, db.Config{Path: newPath(t)})
	defer mustClose(t, served)
	for _, c := range []struct{ name, from, to, want string }{
		{"itself", source, source, "the same database"},
		{"a used target", source, used, "the target is not empty"},
		{"no source", newPath(t), newPath(t), "does not exist"},
	} {
		_, err := db.Copy(t.Context(), db.CopyConfig{From: db.Config{Path: c.from}, To: db.Config{Path: c.to}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	busy := newPath(t)
	store := mustOpen(t, db.Config{Path: busy})
	for name, config := range map[string]db.CopyConfig{
		"a source in use": {From: db.Config{Path: busy, LockWait: time.Millisecond}, To: db.Config{Path: newPath(t)}},
		"a target in use": {From: db.Config{Path: source}, To: db.Config{Path: busy, LockWait: time.Millisecond}},
	} {
		if _, err := db.Copy(t.Context(), config); err == nil || !strings.Contains(err.Error(), "in use by another server") {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustClose(t, store)
}
