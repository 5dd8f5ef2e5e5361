package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"chattok/db"
	"chattok/internal/await"
	"chattok/internal/pgtest"
	"chattok/session"
)

// mark is in everything that the user or the guest of these tests has stored, and in nothing else.
const mark = "qqann"

var (
	erasedID = mark + "-user"
	otherID  = "bob"
)

const erasedSessions = 4

// fillForErasure stores something of everything that a user may have, in several sessions beside another user, and entries of a guest.
func fillForErasure(t *testing.T, store *db.Store) {
	t.Helper()
	for n := range erasedSessions {
		id := fmt.Sprint("s", n)
		name := func(who string) string { return fmt.Sprint(who, n) }
		made := store.CreateConnections(t.Context(), []session.NewConnection{
			{ID: name("annphone"), SessionID: id, UserID: &erasedID, Data: text(mark + " on the phone"), Role: session.RoleModerator, MakeSession: true, NewEpoch: 7, Origin: 5},
			{ID: name("anndesk"), SessionID: id, UserID: &erasedID, Data: text(mark), Role: session.RolePublisher, MakeSession: true, NewEpoch: 7},
			{ID: name("bob"), SessionID: id, UserID: &otherID, Data: text("Bob"), Role: session.RoleModerator, MakeSession: true, NewEpoch: 7},
		}, time.Hour)
		for _, r := range made {
			mustBe(t, r.Err)
		}
		_, _, err := store.SetConnectionData(t.Context(), name("annphone"), text(mark+" renamed"), 0)
		mustBe(t, err)
		_, err = store.PublishStream(t.Context(), session.NewStream{ID: name("stream"), SessionID: id, ConnectionID: name("anndesk"), Name: text(mark + " camera"), VideoType: session.VideoCamera}, 5)
		mustBe(t, err)
		for k := range 20 {
			for _, who := range []string{"annphone", "anndesk", "bob"} {
				e := session.NewEntry{SessionID: id, ConnectionID: name(who), UserID: &otherID, Body: fmt.Sprint("bob says ", k), IdempotencyKey: fmt.Sprint(who, k)}
				if who != "bob" {
					e.UserID, e.Body, e.IdempotencyKey = &erasedID, strings.Repeat(mark, 1+k*(k%5)*40), fmt.Sprint(mark, who, k)
					e.Data = text(mark + " data")
				}
				mustBe(t, store.AppendEntries(t.Context(), []session.NewEntry{e})[0].Err)
			}
		}
		ann := session.Actor{ConnectionID: name("annphone"), UserID: &erasedID}
		for _, r := range store.ChangeEntries(t.Context(), []session.NewChange{
			{SessionID: id, Seq: 3, Actor: ann, Kind: session.EntryReacted, Name: "heart", On: true, IdempotencyKey: mark + "react"},
			{SessionID: id, Seq: 3, Actor: session.Actor{ConnectionID: name("bob"), UserID: &otherID}, Kind: session.EntryReacted, Name: "heart", On: true},
			{SessionID: id, Seq: 6, Actor: ann, Kind: session.EntryReacted, Name: "wave", On: true},
			{SessionID: id, Seq: 1, Actor: session.Actor{ConnectionID: name("bob"), UserID: &otherID}, Kind: session.EntryReacted, Name: "wave", On: true},
			{SessionID: id, Seq: 4, Actor: ann, Kind: session.EntryDeleted},
			{SessionID: id, Seq: 5, Actor: ann, Kind: session.EntryEdited, Body: mark + " edited", EditedIn: time.Hour, IdempotencyKey: mark + "edit"},
		}) {
			mustBe(t, r.Err)
		}
		_, err = store.MarkRead(t.Context(), []session.NewReadMark{{SessionID: id, UserID: erasedID, Place: 3}})
		mustBe(t, err)
		service, err := store.ServiceConnection(t.Context(), id, session.ServiceActor{UserID: &erasedID, Data: text(mark + " by mail")})
		mustBe(t, err)
		mustBe(t, store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: id, ConnectionID: service.ID, UserID: &erasedID, Service: true, Body: mark + " by mail"}})[0].Err)
		if n == 0 {
			_, _, err = store.CreateBan(t.Context(), session.NewBan{ID: "ban", SessionID: id, ConnectionID: name("anndesk"), ModeratorID: name("bob"), Length: time.Hour})
			mustBe(t, err)
		}
	}
	for k := range 5 {
		mustBe(t, store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: session.Lobby, ConnectionID: mark + "-guest", Guest: true, Origin: 9, Body: fmt.Sprint(mark, k)}})[0].Err)
	}
}

func text(s string) *string { return &s }

func mustBe(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// erase does an erasure as nodes do, in steps of a few, with one node that notes it.
func erase(t *testing.T, store *db.Store, n session.NewErasure, node string) (ended []session.RosterChange) {
	t.Helper()
	_, err := store.RenewNode(t.Context(), node, time.Minute, session.NodeReport{})
	mustBe(t, err)
	_, err = store.CreateErasure(t.Context(), n)
	mustBe(t, err)
	return finishErasure(t, store, n.ID, node)
}

func finishErasure(t *testing.T, store *db.Store, id, node string) (ended []session.RosterChange) {
	t.Helper()
	return finishErasureWhile(t, store, id, node, 7, func(string) {})
}

// finishErasureWhile does an erasure, and something else between the steps in each session.
func finishErasureWhile(t *testing.T, store *db.Store, id, node string, limit int, between func(sessionID string)) (ended []session.RosterChange) {
	t.Helper()
	for after := ""; ; {
		at, err := store.ErasureSession(t.Context(), id, after, false)
		mustBe(t, err)
		if at == "" {
			break
		}
		for part := (session.ErasedPart{More: true}); part.More; {
			part, err = store.EraseInSession(t.Context(), id, at, part.Next, limit)
			mustBe(t, err)
			ended = append(ended, part.Ended...)
			between(at)
		}
		after = at
	}
	phase, err := store.SettleErasure(t.Context(), id)
	mustBe(t, err)
	if phase != session.PhaseSpreading {
		t.Fatalf("the phase is %s when the database has nothing left", phase)
	}
	if phase, err = store.SettleErasure(t.Context(), id); err != nil || phase != session.PhaseSpreading {
		t.Fatalf("the phase is %s, %v, before the node has noted it", phase, err)
	}
	mustBe(t, store.NoteErased(t.Context(), id, node))
	if phase, err = store.SettleErasure(t.Context(), id); err != nil || phase != session.PhaseClearing {
		t.Fatalf("the phase is %s, %v, when the node has noted it", phase, err)
	}
	await.True(t, "nothing is in the way of clearing the files", func() bool { return store.ClearErased(t.Context()) == nil })
	return ended
}

// texts returns every text of every table that has the mark, each with its table and column.
func texts(t *testing.T, path string) (found []string) {
	t.Helper()
	driver, name := "sqlite", "file:"+path+"?mode=ro"
	columns := "SELECT m.name, p.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p WHERE m.type = 'table'"
	if db.IsPostgres(path) {
		driver, name = "pgx", path
		columns = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
	}
	raw, err := sql.Open(driver, name)
	mustBe(t, err)
	defer raw.Close()
	rows, err := raw.QueryContext(t.Context(), columns)
	mustBe(t, err)
	var all [][2]string
	for rows.Next() {
		var at [2]string
		mustBe(t, rows.Scan(&at[0], &at[1]))
		all = append(all, at)
	}
	mustBe(t, rows.Err())
	if len(all) < 50 {
		t.Fatalf("the database has %d columns", len(all))
	}
	for _, at := range all {
		var n int
		query := fmt.Sprintf("SELECT count(*) FROM %s WHERE CAST(%s AS TEXT) LIKE '%%%s%%'", at[0], at[1], mark)
		mustBe(t, raw.QueryRowContext(t.Context(), query).Scan(&n))
		if n > 0 {
			found = append(found, fmt.Sprintf("%s.%s (%d)", at[0], at[1], n))
		}
	}
	return found
}

// wantNothing checks that no query and no file has anything of the user.
func wantNothing(t *testing.T, path string) {
	t.Helper()
	if found := texts(t, path); len(found) > 0 {
		t.Errorf("the database still has the user's texts: %s", strings.Join(found, ", "))
	}
	if db.IsPostgres(path) {
		return
	}
	for _, name := range []string{path, path + "-wal", path + ".erasures"} {
		content, err := os.ReadFile(name)
		mustBe(t, err)
		if n := bytes.Count(content, []byte(mark)); n > 0 {
			at := bytes.Index(content, []byte(mark))
			t.Errorf("%s has %d texts of the user, the first on page %d: %q", filepath.Base(name), n, at/4096+1, content[max(0, at-80):min(len(content), at+80)])
		}
	}
}

// All that a user has stored is gone, from every table and from the files; numbers, times and what others have stored stay.
func TestErase(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		records := filepath.Join(t.TempDir(), "erasures")
		if !db.IsPostgres(path) {
			records = ""
		}
		store := mustOpen(t, db.Config{Path: path, Erasures: records})
		fillForErasure(t, store)
		if len(texts(t, path)) < 8 {
			t.Fatalf("the user has too little to erase: %v", texts(t, path))
		}
		before := make(map[string][]*session.ChatEntry)
		last := make(map[string]session.LastSeqs)
		sessions := []string{session.Lobby}
		for n := range erasedSessions {
			sessions = append(sessions, fmt.Sprint("s", n))
		}
		lastSeqs, err := store.LastSeqs(t.Context(), sessions)
		mustBe(t, err)
		for _, id := range sessions {
			before[id], err = store.Entries(t.Context(), session.EntryQuery{SessionID: id, Limit: 1000})
			mustBe(t, err)
			last[id] = lastSeqs[id]
		}

		ended := erase(t, store, session.NewErasure{ID: "one", UserID: &erasedID}, "n")
		if len(ended) != 2*erasedSessions-1-1 { // both of each session, without the two that a ban has ended
			t.Errorf("%d connections were ended", len(ended))
		}
		for _, change := range ended {
			if change.Reason != session.UserErased || change.Connection.UserID != nil || change.Connection.Data != nil {
				t.Errorf("an end tells %s of %+v", change.Reason, change.Connection)
			}
		}
		erase(t, store, session.NewErasure{ID: "two", ConnectionID: mark + "-guest"}, "n")
		wantNothing(t, path)

		for id, count := range map[string]int64{"one": 41 * erasedSessions, "two": 5} {
			e, err := store.Erasure(t.Context(), id)
			mustBe(t, err)
			if e.State != session.ErasureDone || e.Entries != count || e.DoneAt == nil {
				t.Errorf("erasure %s: %+v, want %d entries", id, e, count)
			}
		}
		for _, id := range sessions {
			wantErasedLog(t, store, id, before[id], last[id])
		}
		mark, err := store.ReadMark(t.Context(), "s1", erasedID)
		if err != nil || mark.Place != 0 {
			t.Errorf("the read mark is %+v, %v", mark, err)
		}
		bans, err := store.Bans(t.Context(), "s0")
		if err != nil || len(bans) != 0 {
			t.Errorf("the bans are %v, %v", bans, err)
		}
	})
}

// wantErasedLog checks that a log has the entries as before, without those of the erased user, and an event for each change.
func wantErasedLog(t *testing.T, store *db.Store, id string, before []*session.ChatEntry, last session.LastSeqs) {
	t.Helper()
	after, err := store.Entries(t.Context(), session.EntryQuery{SessionID: id, Limit: 1000})
	mustBe(t, err)
	if len(after) != len(before) {
		t.Fatalf("session %s has %d entries, and had %d", id, len(after), len(before))
	}
	changed := make(map[int64]bool)
	for i, e := range after {
		was := before[i]
		if e.Seq != was.Seq || !e.CreatedAt.Equal(was.CreatedAt) || e.Place != was.Place {
			t.Fatalf("entry %d of session %s is %+v", was.Seq, id, e)
		}
		erased := was.UserID != nil && *was.UserID == erasedID || strings.HasPrefix(was.ConnectionID, mark)
		switch {
		case erased && (e.UserID != nil || e.Body != "" || e.Data != nil || e.IdempotencyKey != "" || !e.Deleted() || len(e.Reactions) > 0 || e.Version != was.Version+1):
			t.Errorf("entry %d of session %s is erased as %+v", e.Seq, id, e)
		case erased && strings.Contains(e.ConnectionID+e.DeletedBy, mark):
			t.Errorf("entry %d of session %s has the guest's name", e.Seq, id)
		case !erased && (e.Body != was.Body || e.Deleted() || e.IdempotencyKey != was.IdempotencyKey):
			t.Errorf("entry %d of session %s, of somebody else, is %+v", e.Seq, id, e)
		}
		if e.Version != was.Version {
			changed[e.Seq] = true
		}
	}
	if id != session.Lobby {
		three := after[2]
		if want := []session.ReactionCount{{Name: "heart", Count: 1}}; !slices.Equal(three.Reactions, want) || len(after[5].Reactions) != 0 {
			t.Errorf("the reactions are %v and %v", three.Reactions, after[5].Reactions)
		}
	}
	run, err := store.LogEvents(t.Context(), session.LogQuery{SessionID: id, After: last.Place, Limit: 1000})
	mustBe(t, err)
	if int(run.Through-last.Place) != len(run.Events) || len(run.Events) != len(changed) {
		t.Errorf("session %s: %d events up to %d places later, for %d changes", id, len(run.Events), run.Through-last.Place, len(changed))
	}
	for _, e := range run.Events {
		if !changed[e.Entry.Seq] {
			t.Errorf("session %s: an event of entry %d, which was not changed", id, e.Entry.Seq)
		}
	}
}

// mustRemove removes up to limit entries of a session that are older than they are kept.
func mustRemove(t *testing.T, store *db.Store, id string, keep time.Duration, limit, want int) {
	t.Helper()
	removed, _, err := store.RemoveExpired(t.Context(), "n", []string{id}, keep, limit)
	if err != nil || len(removed) != 1 || removed[0].Entries != want {
		t.Fatalf("%+v was removed of %s, want %d entries: %v", removed, id, want, err)
	}
}

// Entries are removed from the front of their logs while their user is erased: nothing of the user is left, the logs are whole from
// their fronts on, and guests' rows are there as long as entries have their new ids.
func TestEraseWhileEntriesAreRemoved(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		records := filepath.Join(t.TempDir(), "erasures")
		if !db.IsPostgres(path) {
			records = ""
		}
		store := mustOpen(t, db.Config{Path: path, Erasures: records})
		fillForErasure(t, store)
		lone := mark + "-lone" // a guest whose entries are removed before one is erased
		_, err := store.CreateSession(t.Context(), session.Session{ID: "hall", Epoch: 7, MediaMode: session.MediaRelayed})
		mustBe(t, err)
		for range 2 {
			mustBe(t, store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "hall", ConnectionID: lone, Guest: true, Body: mark}})[0].Err)
		}
		_, err = store.RenewNode(t.Context(), "n", time.Minute, session.NodeReport{})
		mustBe(t, err)
		held, err := store.HoldLease(t.Context(), session.RetentionLease, "n", time.Minute)
		if err != nil || !held {
			t.Fatalf("the lease: %v, %v", held, err)
		}
		time.Sleep(2 * time.Millisecond) // all entries are older than a millisecond
		expire := func(id string, limit, want int) {
			t.Helper()
			mustRemove(t, store, id, time.Millisecond, limit, want)
		}
		guests := func() (n int) {
			t.Helper()
			return rawCount(t, path, "SELECT count(*) FROM connections WHERE guest")
		}
		_, err = store.CreateErasure(t.Context(), session.NewErasure{ID: "one", UserID: &erasedID})
		mustBe(t, err)
		expire("s0", 10, 10)
		finishErasureWhile(t, store, "one", "n", 7, func(id string) { expire(id, 2, 2) })

		_, err = store.CreateErasure(t.Context(), session.NewErasure{ID: "two", ConnectionID: mark + "-guest"})
		mustBe(t, err)
		part, err := store.EraseInSession(t.Context(), "two", session.Lobby, session.ErasurePlace{}, 2)
		if err != nil || !part.More || len(part.Log.Events) != 2 {
			t.Fatalf("a step of two: %+v, %v", part, err)
		}
		expire(session.Lobby, 2, 2) // nothing has the new id for the moment
		if n := guests(); n != 2 {
			t.Errorf("%d guests while one is being erased, want 2", n)
		}
		finishErasureWhile(t, store, "two", "n", 7, func(string) {})
		left, err := store.Entries(t.Context(), session.EntryQuery{SessionID: session.Lobby, Limit: 1000})
		if err != nil || len(left) != 3 {
			t.Fatalf("the lobby has %d entries, %v, want 3", len(left), err)
		}
		known, err := store.Connections(t.Context(), []string{left[0].ConnectionID})
		if err != nil || len(known) != 1 || left[2].ConnectionID != left[0].ConnectionID {
			t.Errorf("the sender is %v, %v", known, err)
		}
		expire(session.Lobby, 10, 3)

		_, err = store.CreateErasure(t.Context(), session.NewErasure{ID: "three", ConnectionID: lone})
		mustBe(t, err)
		expire("hall", 10, 2)
		finishErasureWhile(t, store, "three", "n", 7, func(string) {})
		if n := guests(); n != 0 {
			t.Errorf("%d guests are left without entries", n)
		}
		wantNothing(t, path)

		for n := range erasedSessions {
			id := fmt.Sprint("s", n)
			last, err := store.LastSeqs(t.Context(), []string{id})
			mustBe(t, err)
			front := last[id].Front
			left, err := store.Entries(t.Context(), session.EntryQuery{SessionID: id, Limit: 1000})
			mustBe(t, err)
			if front.Seq < 10 || int64(len(left)) != last[id].Seq-front.Seq {
				t.Fatalf("%d entries of session %s are left of %d after %d", len(left), id, last[id].Seq, front.Seq)
			}
			want, bytes := []string{fmt.Sprint(front.Place, " truncated")}, int64(0)
			placed := make(map[int64]string)
			for i, e := range left {
				if e.Seq != front.Seq+int64(i)+1 || e.UserID == nil != e.Deleted() || e.Deleted() != (e.Body == "") {
					t.Errorf("entry %d of session %s is %+v", e.Seq, id, e)
				}
				bytes += e.QuotaBytes() + e.ReactionBytes()
				placed[e.Place] = fmt.Sprint(e.Place, " entry ", e.Seq)
				if e.Changed > 0 {
					placed[e.Changed] = fmt.Sprint(e.Changed, " entry ", e.Seq)
				}
			}
			for _, place := range slices.Sorted(maps.Keys(placed)) {
				want = append(want, placed[place])
			}
			run, err := store.LogEvents(t.Context(), session.LogQuery{SessionID: id, Limit: 1000})
			mustBe(t, err)
			var got []string
			for _, e := range run.Events {
				if e.Truncated() {
					got = append(got, fmt.Sprint(e.Place, " truncated"))
				} else {
					got = append(got, fmt.Sprint(e.Place, " entry ", e.Entry.Seq))
				}
			}
			if !slices.Equal(got, want) || run.Through != last[id].Place {
				t.Errorf("session %s has the events %q up to %d, want %q up to %d", id, got, run.Through, want, last[id].Place)
			}
			sizes, err := store.SessionSizes(t.Context(), []string{id})
			mustBe(t, err)
			keys := rawCount(t, path, "SELECT count(*) FROM change_keys WHERE session_id = '"+id+"'")
			bytes += int64(keys)*session.ChangeKeyQuotaBytes + rosterChangeBytes(t, path, id)
			if size := (session.SessionSize{Entries: int64(len(left)), Bytes: bytes}); sizes[id] != size {
				t.Errorf("the size of session %s is %+v, want %+v", id, sizes[id], size)
			}
		}
	})
}

// rosterChangeBytes returns how many bytes the changes of the roster that are kept count to their session's quota.
func rosterChangeBytes(t *testing.T, path, sessionID string) int64 {
	t.Helper()
	return int64(rawCount(t, path, fmt.Sprintf("SELECT coalesce(sum(%d + octet_length(change)), 0) FROM stream_changes WHERE session_id = '%s'",
		session.RosterChangeQuotaBytes, sessionID)))
}

// rawCount returns the number that a query selects.
func rawCount(t *testing.T, path, query string) (n int) {
	t.Helper()
	driver, name := "sqlite", "file:"+path+"?mode=ro"
	if db.IsPostgres(path) {
		driver, name = "pgx", path
	}
	raw, err := sql.Open(driver, name)
	mustBe(t, err)
	defer raw.Close()
	mustBe(t, raw.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// copyDatabase copies a database that nobody has open, and returns the copy's path.
func copyDatabase(t *testing.T, from string) (to string) {
	t.Helper()
	if !db.IsPostgres(from) {
		to = filepath.Join(t.TempDir(), "copy.db")
		rawExec(t, from, "VACUUM INTO ?", to)
		return to
	}
	to = pgtest.Database(t)
	server := pgtest.Shared(t)
	name := func(url string) string { url, _, _ = strings.Cut(url, "?"); return url[strings.LastIndex(url, "/")+1:] }
	mustBe(t, server.DropDatabase(t.Context(), name(to)))
	mustBe(t, server.Exec(t.Context(), "postgres", "CREATE DATABASE "+name(to)+" TEMPLATE "+name(from)))
	return to
}

// An older copy that is put back does not bring back what was erased; what the same user stores afterwards stays.
func TestErasedAgainAfterRestore(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		records := filepath.Join(t.TempDir(), "erasures")
		config := db.Config{Path: path, Erasures: records}
		store := mustOpen(t, config)
		fillForErasure(t, store)
		mustClose(t, store)
		older := copyDatabase(t, path)
		store = mustOpen(t, config)
		erase(t, store, session.NewErasure{ID: "one", UserID: &erasedID}, "n")
		erase(t, store, session.NewErasure{ID: "two", ConnectionID: mark + "-guest"}, "n")
		erase(t, store, session.NewErasure{ID: "three", UserID: text("nobody")}, "n")
		time.Sleep(2 * time.Millisecond) // the next millisecond
		again := session.NewConnection{ID: "again", SessionID: "s1", UserID: &erasedID, Role: session.RolePublisher}
		mustBe(t, store.CreateConnections(t.Context(), []session.NewConnection{again}, time.Hour)[0].Err)
		late := session.NewEntry{SessionID: "s1", ConnectionID: "again", UserID: &erasedID, Body: "back again"}
		mustBe(t, store.AppendEntries(t.Context(), []session.NewEntry{late})[0].Err)
		mustBe(t, store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: session.Lobby, ConnectionID: mark + "-guest", Guest: true, Body: "back again"}})[0].Err)
		mustClose(t, store)
		newer := copyDatabase(t, path)

		if len(texts(t, older)) < 8 {
			t.Fatal("the older copy has nothing to erase")
		}
		mustBe(t, os.RemoveAll(path+".lock"))
		store = mustOpen(t, db.Config{Path: older, Erasures: records})
		if found := texts(t, older); len(found) > 0 && !(len(found) == 1 && strings.HasPrefix(found[0], "erasures.")) {
			onlySubjects := slices.DeleteFunc(found, func(s string) bool { return strings.HasPrefix(s, "erasures.") })
			if len(onlySubjects) > 0 {
				t.Errorf("before the first answer the older copy has %v", onlySubjects)
			}
		}
		entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "s1", Limit: 1000})
		mustBe(t, err)
		if len(entries) != 61 || !entries[0].Deleted() || entries[2].Body != "bob says 0" {
			t.Errorf("the older copy has %d entries, the first %+v", len(entries), entries[0])
		}
		list, err := store.Erasures(t.Context(), 10)
		mustBe(t, err)
		if len(list) != 3 {
			t.Errorf("the older copy knows %d erasures", len(list))
		}
		mustClose(t, store)

		store = mustOpen(t, db.Config{Path: newer, Erasures: records})
		entries, err = store.Entries(t.Context(), session.EntryQuery{SessionID: "s1", After: 61, Limit: 10})
		mustBe(t, err)
		if len(entries) != 1 || entries[0].Body != "back again" || entries[0].UserID == nil || *entries[0].UserID != erasedID {
			t.Errorf("what was stored after the erasure is %v", entries)
		}
		guest, err := store.Entries(t.Context(), session.EntryQuery{SessionID: session.Lobby, ConnectionID: mark + "-guest", Limit: 10})
		mustBe(t, err)
		if len(guest) != 1 || guest[0].Body != "back again" {
			t.Errorf("the later guest has %v", guest)
		}
	})
}

// One transaction erases a few things at most, also of changes of the roster and of keys, of which one user may have made any number; and
// it goes on where the one before ended.
func TestEraseInSmallSteps(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, path string) {
		const changes, keys, limit = 120, 35, 7
		store := mustOpen(t, db.Config{Path: path})
		for _, r := range store.CreateConnections(t.Context(), []session.NewConnection{
			{ID: "ann", SessionID: "s", UserID: &erasedID, Role: session.RolePublisher, MakeSession: true, NewEpoch: 7},
			{ID: "nobody", SessionID: "s", Role: session.RolePublisher}, // without a user
			{ID: "bob", SessionID: "s", UserID: &otherID, Role: session.RolePublisher},
		}, time.Hour) {
			mustBe(t, r.Err)
		}
		mustBe(t, store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "s", ConnectionID: "bob", UserID: &otherID, Body: "hello"}})[0].Err)
		for n := range changes {
			for _, id := range []string{"ann", "nobody", "bob"} {
				data := fmt.Sprint(mark, id, n)
				if id == "bob" {
					data = fmt.Sprint("Bob, not ann ", n) // so that it is looked at, as the others' are
				}
				_, _, err := store.SetConnectionData(t.Context(), id, &data, 0)
				mustBe(t, err)
			}
		}
		var reactions []session.NewChange
		for n := range keys {
			for id, user := range map[string]*string{"ann": &erasedID, "nobody": nil, "bob": &otherID} {
				reactions = append(reactions, session.NewChange{SessionID: "s", Seq: 1, Actor: session.Actor{ConnectionID: id, UserID: user},
					Kind: session.EntryReacted, Name: fmt.Sprint(n % 5), On: n/5%2 == 0, IdempotencyKey: fmt.Sprint(id, n)})
			}
		}
		for _, r := range store.ChangeEntries(t.Context(), reactions) {
			mustBe(t, r.Err)
		}
		for _, e := range []struct {
			session.NewErasure
			name string
		}{
			{session.NewErasure{ID: "one", UserID: &erasedID}, "ann"}, {session.NewErasure{ID: "two", ConnectionID: "nobody"}, "nobody"},
		} {
			_, err := store.RenewNode(t.Context(), "n", time.Minute, session.NodeReport{})
			mustBe(t, err)
			_, err = store.CreateErasure(t.Context(), e.NewErasure)
			mustBe(t, err)
			count := func() (changes, keys int) {
				return rawCount(t, path, "SELECT count(*) FROM stream_changes WHERE change LIKE '%"+mark+e.name+"%'"),
					rawCount(t, path, "SELECT count(*) FROM change_keys WHERE change_key LIKE '%"+mark+"%'")
			}
			changesLeft, keysLeft := count()
			if e.name == "ann" && keysLeft != keys || changesLeft != changes {
				t.Fatalf("there are %d changes and %d keys", changesLeft, keysLeft)
			}
			steps := 0
			finishErasureWhile(t, store, e.ID, "n", limit, func(string) {
				changesNow, keysNow := count()
				if steps++; changesLeft-changesNow+keysLeft-keysNow > limit || steps > 2*(changes+keys) {
					t.Fatalf("step %d left %d changes and %d keys of %d and %d", steps, changesNow, keysNow, changesLeft, keysLeft)
				}
				if changesLeft, keysLeft = changesNow, keysNow; steps == 10 {
					part, err := store.EraseInSession(t.Context(), e.ID, "s", session.ErasurePlace{}, limit) // as after a crash
					if err != nil || !part.More {
						t.Fatalf("from the beginning: %+v, %v", part, err)
					}
					changesLeft, keysLeft = count()
				}
			})
			if most := (3*changes+2*keys)/limit + 10; steps > most {
				t.Errorf("%d steps, want %d at most", steps, most)
			}
		}
		if found := texts(t, path); len(found) > 0 {
			t.Errorf("the database has %v", found)
		}
		if n := rawCount(t, path, "SELECT count(*) FROM stream_changes WHERE change LIKE '%Bob, not ann%'"); n != changes {
			t.Errorf("%d changes of somebody else are left", n)
		}
		sizes, err := store.SessionSizes(t.Context(), []string{"s"})
		mustBe(t, err)
		entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "s", Limit: 1000})
		mustBe(t, err)
		// The keys of the connection without a user have nothing of it.
		want := entries[0].QuotaBytes() + entries[0].ReactionBytes() + 2*keys*session.ChangeKeyQuotaBytes + rosterChangeBytes(t, path, "s")
		if len(entries) != 1 || sizes["s"].Bytes != want {
			t.Errorf("the session's size is %d, want %d", sizes["s"].Bytes, want)
		}
	})
}

// Users and guests who have stored something while a clock was ahead are erased too, once the clock is right again, and an older copy
// does not bring them back.
func TestEraseAfterClockAhead(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		records := path + ".erasures"
		if db.IsPostgres(path) {
			records = filepath.Join(t.TempDir(), "erasures")
		}
		store := mustOpen(t, db.Config{Path: path, Erasures: records, ClockOffset: func() time.Duration { return time.Hour }})
		fillForErasure(t, store)
		mustClose(t, store)
		older := copyDatabase(t, path)
		store = mustOpen(t, db.Config{Path: path, Erasures: records})
		erase(t, store, session.NewErasure{ID: "one", UserID: &erasedID}, "n")
		erase(t, store, session.NewErasure{ID: "two", ConnectionID: mark + "-guest"}, "n")
		mustClose(t, store)
		wantNothing(t, path)
		mustClose(t, mustOpen(t, db.Config{Path: older, Erasures: records}))
		if found := subjectsLeft(t, older); len(found) > 0 {
			t.Errorf("an older copy has %v", found)
		}
	})
}

// The file of the erasures is for its owner alone, has no name in it, and is written again from the database when it is lost.
func TestErasureRecords(t *testing.T) {
	path := newPath(t)
	store := mustOpen(t, db.Config{Path: path})
	if _, err := os.Stat(path + ".erasures"); !os.IsNotExist(err) {
		t.Errorf("the file is there before the first erasure: %v", err)
	}
	erase(t, store, session.NewErasure{ID: "one", UserID: &erasedID}, "n")
	info, err := os.Stat(path + ".erasures")
	mustBe(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %s", info.Mode())
	}
	first := readFile(t, path+".erasures")
	if strings.Contains(first, mark) || strings.Count(first, "\n") != 1 {
		t.Errorf("the file is %q", first)
	}
	mustClose(t, store)
	mustBe(t, os.Remove(path+".erasures"))
	mustClose(t, mustOpen(t, db.Config{Path: path}))
	if again := readFile(t, path+".erasures"); again != first {
		t.Errorf("the file was written again as %q, and was %q", again, first)
	}
	writeFile(t, path+".erasures", first+`{"id":"cut off`)
	mustClose(t, mustOpen(t, db.Config{Path: path}))
	if again := readFile(t, path+".erasures"); again != first {
		t.Errorf("a line that was cut off stays: %q", again)
	}
	writeFile(t, path+".erasures", "nonsense\n")
	if _, err := db.Open(context.Background(), db.Config{Path: path}); err == nil || !strings.Contains(err.Error(), "is no erasure") {
		t.Errorf("a file of something else: %v", err)
	}
}

// Pages of indexes and small tables leave copies of what they move, too: nothing of those is in the file either.
func TestErasedKeysAreCleared(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	store := mustOpen(t, db.Config{Path: path})
	random := rand.New(rand.NewPCG(3, 4))
	connections := []session.NewConnection{
		{ID: "ann", SessionID: "s", UserID: &erasedID, Role: session.RolePublisher, MakeSession: true, NewEpoch: 7},
		{ID: "bob", SessionID: "s", UserID: &otherID, Role: session.RolePublisher, MakeSession: true, NewEpoch: 7},
	}
	for k := range 300 { // with data of many lengths, beside each other
		data := strings.Repeat(mark, 1+random.IntN(60))
		connections = append(connections, session.NewConnection{ID: fmt.Sprintf("%x", random.Uint64()), SessionID: "s", UserID: &erasedID, Data: &data,
			Role: session.RolePublisher, MakeSession: true, NewEpoch: 7},
			session.NewConnection{ID: fmt.Sprintf("%x-%d", random.Uint64(), k), SessionID: "s", UserID: &otherID, Data: text("Bob"), Role: session.RolePublisher})
	}
	for some := range slices.Chunk(connections, 50) {
		for _, r := range store.CreateConnections(t.Context(), some, time.Hour) {
			mustBe(t, r.Err)
		}
	}
	const entries = 2000
	for range entries / 50 {
		var some []session.NewEntry
		for range 25 {
			key := fmt.Sprintf("%x", random.Uint64())
			some = append(some, session.NewEntry{SessionID: "s", ConnectionID: "ann", UserID: &erasedID, Body: mark, IdempotencyKey: key + mark},
				session.NewEntry{SessionID: "s", ConnectionID: "bob", UserID: &otherID, Body: "kept", IdempotencyKey: key + "kept"})
		}
		for _, r := range store.AppendEntries(t.Context(), some) {
			mustBe(t, r.Err)
		}
	}
	erase(t, store, session.NewErasure{ID: "one", UserID: &erasedID}, "n")
	wantNothing(t, path)
	kept, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "s", ConnectionID: "bob", Limit: entries})
	mustBe(t, err)
	for _, e := range kept {
		if e.Body != "kept" || !strings.HasSuffix(e.IdempotencyKey, "kept") {
			t.Fatalf("an entry of somebody else is %+v", e)
		}
	}
	if len(kept) != entries/2 {
		t.Errorf("%d entries of somebody else are left", len(kept))
	}
	mustClose(t, store)
	var intact string
	raw, err := sql.Open("sqlite", path)
	mustBe(t, err)
	defer raw.Close()
	if err := raw.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&intact); err != nil || intact != "ok" {
		t.Errorf("the database is damaged: %s, %v", intact, err)
	}
}
