package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/client"

	"chattok/session"
)

// heldCommits is a Store that answers a commit only when the test releases it; readers see the commit before that.
type heldCommits struct {
	session.Store
	hold      atomic.Bool
	committed chan struct{} // gets a value for each commit that is held back
	release   chan struct{} // lets one commit be answered
}

func newHeldCommits() *heldCommits {
	return &heldCommits{committed: make(chan struct{}, 16), release: make(chan struct{})}
}

func (h *heldCommits) AppendEntries(ctx context.Context, entries []session.NewEntry) []session.EntryResult {
	results := h.Store.AppendEntries(ctx, entries)
	if h.hold.Load() {
		h.committed <- struct{}{}
		<-h.release
	}
	return results
}

// answeredCursors are the queries by which the API answers the cursor of the newest entry.
var answeredCursors = map[string]string{
	"session.lastCursor":            `query($c:ID!){session{cursor:lastCursor} x:latestChatEntry(connectionId:$c){id}}`,
	"latestChatEntry":               `query($c:ID!){latestChatEntry(connectionId:$c){cursor}}`,
	"chatEntries":                   `query($c:ID!){chatEntries(last:1){pageInfo{cursor:endCursor}} x:latestChatEntry(connectionId:$c){id}}`,
	"chatEntries of one connection": `query($c:ID!){chatEntries(last:1,connectionId:$c){pageInfo{cursor:endCursor}}}`,
}

// answeredCursor returns the value of the only field named cursor in an answer.
func answeredCursor(data []byte) string {
	_, rest, _ := strings.Cut(string(data), `"cursor":"`)
	cursor, _, _ := strings.Cut(rest, `"`)
	return cursor
}

// A cursor that readers got before its commit was answered is valid in every argument and framing. The next number is
// refused.
func TestCursorOfCommitUnderWay(t *testing.T) {
	store := newHeldCommits()
	w := newWorld(t, options{store: func(s session.Store) session.Store { store.Store = s; return store }})
	cursorOfCommitUnderWay(t, w, store)
}

func cursorOfCommitUnderWay(t *testing.T, w *world, store *heldCommits) {
	t.Helper()
	me := w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 0)
	w.add(t, me.token, me.id, "first")
	// The room stays open: opening one reads the store anyway.
	open := mustFollow(t, address, sse, me.token, follow, map[string]any{"a": "0"})
	if err := expectSeqs(open, 1, 1); err != nil {
		t.Fatal(err)
	}
	at := 1
	for name, query := range answeredCursors {
		for _, how := range []string{"WebSocket", "SSE", "multipart", "Last-Event-ID", "chatEntries(after:)", "chatEntries(before:)"} {
			t.Run(name+" to "+how, func(t *testing.T) {
				store.hold.Store(true)
				added := make(chan error, 1)
				go func() {
					_, err := w.tryAdd(me, "held", "")
					added <- err
				}()
				<-store.committed
				at++
				release := sync.OnceFunc(func() {
					store.hold.Store(false)
					store.release <- struct{}{}
					if err := <-added; err != nil {
						t.Error(err)
					}
				})
				defer release()
				cursor := answeredCursor(w.mustDo(t, me.token, query, map[string]any{"c": me.id}))
				if cursor == "" {
					t.Fatal("no cursor was answered")
				}
				beyond := session.Cursor(epochOf(t, w), int64(at+1))
				switch how {
				case "chatEntries(after:)":
					w.mustDo(t, me.token, `query($a:String){chatEntries(after:$a){nodes{seq}}}`, map[string]any{"a": cursor})
					if code := w.code(t, me.token, `query($a:String){chatEntries(after:$a){nodes{seq}}}`, map[string]any{"a": beyond}); code != "BAD_USER_INPUT CURSOR_MISMATCH" {
						t.Errorf("beyond the log: %s", code)
					}
					return
				case "chatEntries(before:)":
					w.mustDo(t, me.token, `query($a:String){chatEntries(before:$a,last:1){nodes{seq}}}`, map[string]any{"a": cursor})
					return
				}
				going, refused := resumeAt(t, address, how, me.token, cursor), resumeAt(t, address, how, me.token, beyond)
				if got, err := refused.response(); err == nil && !strings.Contains(got, "CURSOR_MISMATCH") || err != nil && !strings.Contains(err.Error(), "CURSOR_MISMATCH") {
					t.Errorf("beyond the log: %s %v", got, err)
				}
				release()
				at++
				w.add(t, me.token, me.id, "next")
				if err := expectSeqs(going, at, at); err != nil {
					t.Errorf("after the cursor: %v", err)
				}
			})
		}
	}
}

func epochOf(t *testing.T, w *world) session.Epoch {
	t.Helper()
	s, err := w.service.Session(t.Context(), session.Caller{Kind: session.Member, SessionID: "room"})
	if err != nil {
		t.Fatal(err)
	}
	return s.Epoch
}

// resumeAt subscribes to entryAdded after a cursor, given as argument or as Last-Event-ID.
func resumeAt(t *testing.T, address, how, raw, cursor string) follower {
	t.Helper()
	if how == "Last-Event-ID" {
		s, err := openHTTP(address, sse, raw, `subscription{entryAdded{seq}}`, nil, 0, [2]string{"Last-Event-ID", cursor})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return httpFollower{s}
	}
	return mustFollow(t, address, framing(how), raw, follow, map[string]any{"a": cursor})
}

// Entries that readers got before a subscription without a cursor began are not sent to it, though their commit was not
// answered yet.
func TestNothingTwiceWithoutCursor(t *testing.T) {
	store := newHeldCommits()
	w := newWorld(t, options{store: func(s session.Store) session.Store { store.Store = s; return store }})
	me := w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 0)
	w.add(t, me.token, me.id, "first")
	open := mustFollow(t, address, sse, me.token, follow, map[string]any{"a": "0"})
	if err := expectSeqs(open, 1, 1); err != nil {
		t.Fatal(err)
	}
	store.hold.Store(true)
	var work sync.WaitGroup
	work.Go(func() {
		if _, err := w.tryAdd(me, "held", ""); err != nil {
			t.Error(err)
		}
	})
	<-store.committed
	w.mustDo(t, me.token, `{chatEntries{nodes{seq}}}`, nil)
	var live []follower
	for _, f := range []framing{sse, multipartHTTP} {
		live = append(live, mustFollow(t, address, f, me.token, `subscription{entryAdded{seq}}`, nil))
	}
	store.hold.Store(false)
	store.release <- struct{}{}
	work.Wait()
	w.add(t, me.token, me.id, "next")
	for i, f := range live {
		if err := expectSeqs(f, 3, 3); err != nil {
			t.Errorf("%s: %v", framings[1+i], err)
		}
	}
}

// While one writes, and while sixteen do, every cursor is valid as soon as it was answered, and the next entry follows
// it.
func TestAnsweredCursorsUnderWriters(t *testing.T) {
	for _, n := range []int{1, 16} {
		t.Run(fmt.Sprint(n, " writers"), func(t *testing.T) {
			w := newWorld(t, options{})
			answeredCursorsUnderWriters(t, w, w, n)
		})
	}
}

// answeredCursorsUnderWriters writes with several clients on one node, reads cursors there and follows on another node.
func answeredCursorsUnderWriters(t *testing.T, w, other *world, writers int) {
	t.Helper()
	const rounds = 40
	people := make([]person, writers)
	for i := range people {
		people[i] = w.join(t, "room", "PUBLISHER")
	}
	me := people[0]
	address := serve(t, other.handler, 0)
	w.add(t, me.token, me.id, "first")
	stop := make(chan struct{})
	var work sync.WaitGroup
	for _, p := range people {
		work.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := w.tryAdd(p, "x", ""); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	defer work.Wait()
	defer close(stop)
	var readers sync.WaitGroup
	for name, query := range answeredCursors {
		readers.Go(func() {
			s, err := dialStream(address, me.token)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			_ = s.SetDeadline(time.Now().Add(5 * time.Minute))
			for round := range rounds {
				resp, err := w.RawPost(query, as(me.token), func(r *client.Request) { r.Variables = map[string]any{"c": me.id} })
				if err != nil || resp.Errors != nil {
					t.Errorf("%s: %v %s", name, err, resp.Errors)
					return
				}
				data, _ := json.Marshal(resp.Data)
				id := fmt.Sprint(round)
				if err := s.subscribe(id, `subscription($a:String){entryAdded(after:$a){seq}}`, map[string]any{"a": answeredCursor(data)}); err != nil {
					t.Error(err)
					return
				}
				m, err := s.read()
				for ; err == nil && m.ID != id; m, err = s.read() { // a message of the subscription before, on its way
				}
				if err != nil || m.Type != "next" {
					t.Errorf("%s, round %d: %s %v", name, round, s.payload, err)
					return
				}
				_ = s.send(map[string]any{"id": id, "type": "complete"})
			}
		})
	}
	readers.Wait()
}
