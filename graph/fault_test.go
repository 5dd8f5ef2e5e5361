package graph_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"chattok/session"
)

// faulty is a Store that fails on demand, with a driver's error or a panic.
type faulty struct {
	session.Store
	mode atomic.Value // of string: "", "error", "panic"
}

func (f *faulty) fault() error {
	switch mode, _ := f.mode.Load().(string); mode {
	case "error":
		return errors.New("sql: SQLITE_IOERR (10): disk I/O error: /var/lib/chattok.db")
	case "panic":
		var none []int
		_ = none[len(none)] // runtime error
	}
	return nil
}

func (f *faulty) Session(ctx context.Context, id string) (*session.Session, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	return f.Store.Session(ctx, id)
}

func (f *faulty) Entries(ctx context.Context, q session.EntryQuery) ([]*session.ChatEntry, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	return f.Store.Entries(ctx, q)
}

func (f *faulty) AppendEntries(ctx context.Context, entries []session.NewEntry) []session.EntryResult {
	if err := f.fault(); err != nil {
		results := make([]session.EntryResult, len(entries))
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	return f.Store.AppendEntries(ctx, entries)
}

func (f *faulty) CreateConnections(ctx context.Context, connections []session.NewConnection, idle time.Duration) []session.ConnectionResult {
	if err := f.fault(); err != nil {
		results := make([]session.ConnectionResult, len(connections))
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	return f.Store.CreateConnections(ctx, connections, idle)
}

func (f *faulty) LastSeqs(ctx context.Context, ids []string) (map[string]session.LastSeqs, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	return f.Store.LastSeqs(ctx, ids)
}

func (f *faulty) Sweep(ctx context.Context, node string, grace, idle time.Duration, limit int) ([]session.RosterChange, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	return f.Store.Sweep(ctx, node, grace, idle, limit)
}

var (
	detail    = regexp.MustCompile(`(?i)sql|disk|/|goroutine|runtime error|panic|index out|\.go`)
	requestID = regexp.MustCompile(`\b[A-Z2-7]{26}\b`) // chance spells anything, "sql" too
)

// leaks: an answer has details of a fault that no client may see.
func leaks(answer string) bool {
	return detail.MatchString(requestID.ReplaceAllString(answer, ""))
}

// A failing or panicking store is INTERNAL with a fixed message in queries, mutations and subscriptions. The process
// lives, subscribers go on, and everything works again when the store does.
func TestFaults(t *testing.T) {
	for _, mode := range []string{"error", "panic"} {
		t.Run(mode, func(t *testing.T) {
			store := &faulty{}
			w := newWorld(t, options{store: func(s session.Store) session.Store {
				store.Store = s
				return store
			}})
			me := w.join(t, "room", "PUBLISHER")
			w.mustDo(t, testSecret, `mutation{createSession(id:"shut"){id}}`, nil) // a session whose room is not open
			raw, err := w.tokens.MintSession(session.SessionGrant{SessionID: "shut", Role: session.RolePublisher, ExpiresAt: time.Now().Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			live := w.subscribe(t, me.token, `subscription{entryAdded(after:"0"){seq body}}`, nil)
			w.add(t, me.token, me.id, "before")
			if got := next[added](t, live).EntryAdded; got.Body != "before" {
				t.Fatalf("got %+v", got)
			}

			store.mode.Store(mode)
			variables := map[string]any{"c": me.id, "t": raw}
			for _, query := range []string{
				`query($c:ID!){latestChatEntry(connectionId:$c){seq}}`,
				`{chatEntries{nodes{seq}}}`,
				`{session{lastCursor}}`,
				`mutation($c:ID!){addChatEntry(connectionId:$c,body:"lost"){seq}}`,
				`mutation($t:String){connect(token:$t){accessToken}}`,
			} {
				_, failures := w.do(t, me.token, query, variables)
				if len(failures) != 1 || failures[0].Message != "internal error" || codeOf(failures) != "INTERNAL" || leaks(fmt.Sprintf("%+v", failures)) {
					t.Errorf("%s: %+v", query, failures)
				}
			}
			// A room that is not open can't be loaded, here the lobby's for a guest. The subscription gets one error,
			// and the socket lives.
			for _, query := range []string{`subscription{entryAdded(after:"0"){seq}}`, `subscription{sessionEvents{__typename}}`} {
				if code := w.firstCode(t, "", query, nil); code != "INTERNAL" {
					t.Errorf("%s: %s", query, code)
				}
				var event map[string]any
				if err := w.subscribe(t, "", query, nil).Next(&event); err == nil || leaks(err.Error()) {
					t.Errorf("%s: %v", query, err)
				}
			}

			store.mode.Store("")
			if e := w.add(t, me.token, me.id, "after"); e.Seq != 2 {
				t.Errorf("the next entry has number %d", e.Seq)
			}
			if got := next[added](t, live).EntryAdded; got.Seq != 2 || got.Body != "after" {
				t.Errorf("a subscriber that was there got %+v", got)
			}
			again := w.subscribe(t, "", `subscription{sessionEvents{__typename}}`, nil)
			if got := next[struct{ SessionEvents event }](t, again).SessionEvents.Typename; got != "SessionState" {
				t.Errorf("a new subscriber got %s", got)
			}
		})
	}
}

// away is a store that can't read entries by their numbers for some times, as while its database is away.
type away struct {
	session.Store
	left atomic.Int32
}

func (a *away) EntriesBySeq(ctx context.Context, sessionID string, epoch session.Epoch, seqs []int64) (map[int64]*session.ChatEntry, error) {
	if a.left.Add(-1) >= 0 {
		return nil, session.Errorf(session.CodeUnavailable, "the server can't do this right now; try again")
	}
	return a.Store.EntriesBySeq(ctx, sessionID, epoch, seqs)
}

// logWithReply makes the log of a session whose last entry answers one that is not read with it. It returns the log's database, an access
// token of the session, and the cursor before the reply.
func logWithReply(t *testing.T) (path, token, cursor string) {
	t.Helper()
	w := newWorld(t, options{})
	me := w.join(t, "room", session.RolePublisher)
	add := func(body string, replyTo *string) (e struct{ ID, Cursor string }) {
		t.Helper()
		return read[struct{ AddChatEntry struct{ ID, Cursor string } }](t, w.mustDo(t, me.token,
			`mutation($b:String!,$r:ID){addChatEntry(body:$b,replyTo:$r){id cursor}}`, map[string]any{"b": body, "r": replyTo})).AddChatEntry
	}
	old := add("old", nil)
	last := old
	for range 300 {
		last = add("another", nil)
	}
	add("reply", &old.ID)
	w.stop()
	return w.path, me.token, last.Cursor
}

// newAwayWorld is newWorld with a store that is away as the test says; the server has nothing in memory.
func newAwayWorld(t *testing.T, o options) (*world, *away) {
	t.Helper()
	store := &away{}
	o.store = func(s session.Store) session.Store {
		store.Store = s
		return store
	}
	return newWorld(t, o), store
}

// An event of which a part can't be read now comes when it can, whole, over every framing: without that part it would say that an entry
// answers none.
func TestEventWaitsForTheStore(t *testing.T) {
	path, token, cursor := logWithReply(t)
	for _, f := range framings {
		w, store := newAwayWorld(t, options{path: path})
		store.left.Store(2)
		const query = `subscription($a:String){logEvents(after:$a){...on EntryAdded{entry{body replyTo{body}}}}}`
		s := mustFollow(t, serve(t, w.handler, 0), f, token, query, map[string]any{"a": cursor})
		const want = `{"data":{"logEvents":{"entry":{"body":"reply","replyTo":{"body":"old"}}}}}`
		if got := mustRespond(t, s); got != want {
			t.Errorf("%s: %s, want %s", f, got, want)
		}
		s.stop()
		if left := store.left.Load(); left >= 0 {
			t.Errorf("%s: the store was not asked often enough: %d", f, left)
		}
		w.stop()
	}
}
