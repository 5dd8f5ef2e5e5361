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

// faulty is a Store that fails on demand, with what a driver says and with panics.
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

func (f *faulty) Heads(ctx context.Context, ids []string) (map[string]session.Head, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	return f.Store.Heads(ctx, ids)
}

func (f *faulty) Sweep(ctx context.Context, node string, grace, idle time.Duration, limit int) ([]session.RosterChange, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	return f.Store.Sweep(ctx, node, grace, idle, limit)
}

// leak is what no client may see of a fault.
var leak = regexp.MustCompile(`(?i)sql|disk|/|goroutine|runtime error|panic|index out|\.go`)

// TestFaults: a store that fails or panics is INTERNAL with a fixed message, in queries, mutations and subscriptions;
// the process lives, subscribers that were there go on, and everything works again when the store does.
func TestFaults(t *testing.T) {
	for _, mode := range []string{"error", "panic"} {
		t.Run(mode, func(t *testing.T) {
			store := &faulty{}
			w := newWorld(t, options{store: func(s session.Store) session.Store {
				store.Store = s
				return store
			}})
			me := w.join(t, "room", "PUBLISHER")
			w.mustDo(t, testSecret, `mutation{createSession(id:"shut"){id}}`, nil) // a session with no room open
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
				if len(failures) != 1 || failures[0].Message != "internal error" || codeOf(failures) != "INTERNAL" || leak.MatchString(fmt.Sprintf("%+v", failures)) {
					t.Errorf("%s: %+v", query, failures)
				}
			}
			// A room that is not open can't be loaded: the lobby's, for a guest. One error, and the socket lives.
			for _, query := range []string{`subscription{entryAdded(after:"0"){seq}}`, `subscription{sessionEvents{__typename}}`} {
				if code := w.firstCode(t, "", query, nil); code != "INTERNAL" {
					t.Errorf("%s: %s", query, code)
				}
				var event map[string]any
				if err := w.subscribe(t, "", query, nil).Next(&event); err == nil || leak.MatchString(err.Error()) {
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
