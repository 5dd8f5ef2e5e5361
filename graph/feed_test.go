package graph_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"chattok/session"
)

// feedEvent is an answer of feedQuery.
type feedEvent struct {
	ID, Cursor, SessionID string
	Event                 struct {
		Typename   string `json:"__typename"`
		Entry      struct{ Body, IdempotencyKey string }
		Connection struct{ ID string }
		Session    struct{ ID string }
	}
}

const feedQuery = `subscription($a:String,$p:String){feed(after:$a,sessionPrefix:$p){id cursor sessionId at event{__typename ` +
	`...on EntryAdded{entry{body}} ...on ConnectionCreated{connection{id}} ...on SessionCreated{session{id connectionCount}}}}}`

func readFeed(t *testing.T, f follower) feedEvent {
	t.Helper()
	got := mustRespond(t, f)
	if !strings.HasPrefix(got, `{"data":`) {
		t.Fatal(got)
	}
	return read[struct{ Data struct{ Feed feedEvent } }](t, []byte(got)).Data.Feed
}

// TestFeed: the holder of the API secret follows all sessions, or those with a prefix, in every framing; the cursor of an event is its id
// over SSE, also where events of other sessions are left out, and resumes by argument and by Last-Event-ID.
func TestFeed(t *testing.T) {
	w := newWorld(t, options{})
	address := serve(t, w.handler, 0)
	w.join(t, "aaa", session.RolePublisher)
	me := w.join(t, "room", session.RolePublisher)
	other := w.join(t, "zzz", session.RolePublisher)
	w.post(t, other, 3, "other")
	w.post(t, me, 1, "mine")
	w.post(t, other, 3, "other")
	w.post(t, me, 1, "mine too")
	var ids string
	for _, f := range framings {
		stream := mustFollow(t, address, f, testSecret, feedQuery, map[string]any{"a": "0", "p": "room"})
		var seen, got []string
		for _, want := range []string{"SessionCreated room", "ConnectionCreated " + me.id, "EntryAdded mine", "EntryAdded mine too"} {
			e := readFeed(t, stream)
			what := strings.TrimSpace(e.Event.Typename + " " + e.Event.Session.ID + e.Event.Connection.ID + e.Event.Entry.Body)
			if what != want || e.SessionID != "room" {
				t.Errorf("%s: %s of %q, want %s", f, what, e.SessionID, want)
			}
			if s, ok := stream.(httpFollower); ok && f == sse && s.ID != e.Cursor {
				t.Errorf("the event with cursor %s has id %q", e.Cursor, s.ID)
			}
			seen, got = append(seen, e.ID), append(got, e.Cursor)
		}
		if now := fmt.Sprint(seen); ids == "" {
			ids = now
		} else if now != ids {
			t.Errorf("%s: ids %s, want %s", f, now, ids)
		}
		again := mustFollow(t, address, f, testSecret, feedQuery, map[string]any{"a": got[1], "p": "room"})
		if e := readFeed(t, again); e.ID != seen[2] {
			t.Errorf("%s: after the second event comes %+v", f, e)
		}
		byHeader := httpFollower{mustOpen(t, address, sse, testSecret, feedQuery, map[string]any{"p": "room"}, [2]string{"Last-Event-ID", got[2]})}
		if e := readFeed(t, byHeader); e.ID != seen[3] {
			t.Errorf("%s: by Last-Event-ID comes %+v", f, e)
		}
	}

	// After the feed's cursor comes what happens next, and nothing of the session that has been read.
	end := read[struct{ FeedCursor string }](t, w.mustDo(t, testSecret, `{feedCursor}`, nil)).FeedCursor
	w.post(t, me, 1, "later")
	rest := mustFollow(t, address, framings[0], testSecret, feedQuery, map[string]any{"a": end, "p": "room"})
	if e := readFeed(t, rest); e.Event.Entry.Body != "later" {
		t.Errorf("after the feed's cursor comes %+v", e)
	}
}

// TestFeedOfTheSecret: fields about the caller are empty, and a refusal has its code.
func TestFeedOfTheSecret(t *testing.T) {
	w := newWorld(t, options{})
	address := serve(t, w.handler, 0)
	me := w.join(t, "room", session.RolePublisher)
	w.mustDo(t, me.token, `mutation($me:ID!){addChatEntry(connectionId:$me,body:"x",idempotencyKey:"key"){id}}`, map[string]any{"me": me.id})
	const query = `subscription{feed(after:"0",sessionPrefix:"room"){event{...on EntryAdded{entry{idempotencyKey myReactions replyTo{id}}}}}}`
	for _, f := range framings {
		stream := mustFollow(t, address, f, testSecret, query, nil)
		for _, want := range []string{`{}`, `{}`, `{"entry":{"idempotencyKey":null,"myReactions":[],"replyTo":null}}`} {
			if got := mustRespond(t, stream); got != `{"data":{"feed":{"event":`+want+`}}}` {
				t.Errorf("%s: %s, want %s", f, got, want)
			}
		}
	}
	for query, want := range map[string]string{
		`subscription{feed(after:"wrong"){id}}`:                                                       "BAD_USER_INPUT CURSOR_MISMATCH",
		`subscription{feed(sessionPrefix:"a b"){id}}`:                                                 "BAD_USER_INPUT",
		`subscription{feed(sessionPrefix:"` + strings.Repeat("a", session.MaxNameBytes+1) + `"){id}}`: "BAD_USER_INPUT",
	} {
		if got := w.firstCode(t, testSecret, query, nil); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// TestFeedOfOlderDatabase: once an older copy of the database was put back, a reader of the feed is refused with the cursors that it
// has, whether the copy has that place or not. From the beginning it gets what the copy has under new ids, and what comes since.
func TestFeedOfOlderDatabase(t *testing.T) {
	w := newWorld(t, options{})
	path := w.path
	read := func(w *world, after any, last string) (bodies []string, ids map[string]string, cursor string) {
		ids = make(map[string]string)
		stream := mustFollow(t, serve(t, w.handler, 0), sse, testSecret, feedQuery, map[string]any{"a": after, "p": "room"})
		for cursor == "" {
			e := readFeed(t, stream)
			if e.Event.Typename != "EntryAdded" {
				continue
			}
			bodies, ids[e.Event.Entry.Body] = append(bodies, e.Event.Entry.Body), e.ID
			if e.Event.Entry.Body == last {
				cursor = e.Cursor
			}
		}
		return bodies, ids, cursor
	}
	w.post(t, w.join(t, "room", session.RolePublisher), 1, "a")
	w.post(t, w.join(t, "room", session.RolePublisher), 1, "b")
	_, before, early := read(w, "0", "b")
	w.stop()
	older, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w = newWorld(t, options{path: path})
	w.post(t, w.join(t, "room", session.RolePublisher), 1, "c")
	if bodies, _, cursor := read(w, early, "c"); fmt.Sprint(bodies) != "[c]" || cursor == early {
		t.Errorf("after the second entry come %v", bodies)
	}
	w.post(t, w.join(t, "room", session.RolePublisher), 1, "d")
	_, _, late := read(w, early, "d")
	w.stop()

	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	w = newWorld(t, options{path: path})
	address := serve(t, w.handler, 0)
	refused := func(what string, f follower) {
		t.Helper()
		got, err := f.response()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, `"reason":"CURSOR_MISMATCH"`) {
			t.Errorf("%s: %s", what, got)
		}
	}
	for name, cursor := range map[string]string{"a place that the copy has": early, "one that it lacks": late} {
		for _, f := range framings {
			refused(fmt.Sprint(f, " after ", name), mustFollow(t, address, f, testSecret, feedQuery, map[string]any{"a": cursor}))
		}
		refused("by Last-Event-ID after "+name, httpFollower{mustOpen(t, address, sse, testSecret, feedQuery, nil, [2]string{"Last-Event-ID", cursor})})
	}
	w.post(t, w.join(t, "room", session.RolePublisher), 1, "e")
	bodies, ids, cursor := read(w, "0", "e")
	if fmt.Sprint(bodies) != "[a b e]" {
		t.Errorf("from the beginning come %v", bodies)
	}
	for body, id := range before {
		if ids[body] == id {
			t.Errorf("%s has the id that it had", body)
		}
	}
	w.post(t, w.join(t, "room", session.RolePublisher), 1, "f")
	if bodies, _, _ := read(w, cursor, "f"); fmt.Sprint(bodies) != "[f]" {
		t.Errorf("after a cursor of the copy's own come %v", bodies)
	}
}
