package graph_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"chattok/graph/transport"
	"chattok/graph/transport/streamtest"
	"chattok/internal/need"
)

const followCursors = `subscription($a:String){entryAdded(after:$a){seq cursor}}`

// cursorOf returns the cursor of an entry's response.
func cursorOf(t testing.TB, response string) string {
	t.Helper()
	return read[struct{ Data added }](t, json.RawMessage(response)).Data.EntryAdded.Cursor
}

// SSE and multipart readers follow with frequent keep-alives while many clients write. No two events run together, and
// each reader gets all in order.
func TestFloodedStream(t *testing.T) {
	need.Time(t, "a flood of events")
	const length = 5000
	w := newWorld(t, options{grace: time.Minute, streams: transport.StreamConfig{KeepAlive: 5 * time.Millisecond}})
	me := w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 0)
	var reading sync.WaitGroup
	for i := range 4 {
		s := mustOpen(t, address, framings[1+i%2], me.token, followCursors, map[string]any{"a": "0"})
		reading.Go(func() {
			if err := expectSeqs(httpFollower{s}, 1, length); err != nil {
				t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	w.postBy(t, me, 16, length, "x")
	reading.Wait()
}

// An event's id is its cursor. Last-Event-ID resumes strictly after it, whatever the arguments say, and a value that is
// not a cursor of this log is refused by name.
func TestResumeByLastEventID(t *testing.T) {
	w := newWorld(t, options{})
	me, other := w.join(t, "room", "PUBLISHER"), w.join(t, "elsewhere", "PUBLISHER")
	address := serve(t, w.handler, 0)
	w.post(t, me, 10, "x")
	w.post(t, other, 1, "x")
	s := mustOpen(t, address, sse, me.token, followCursors, map[string]any{"a": "0"})
	for n := range 10 {
		if got := mustRespond(t, httpFollower{s}); s.ID != cursorOf(t, got) {
			t.Errorf("event %d has id %q, and its entry %s", n+1, s.ID, got)
		}
	}
	s.Reset()
	w.post(t, me, 5, "x")
	for _, variables := range []map[string]any{nil, {"a": "0"}, {"a": "wrong"}} {
		again := mustOpen(t, address, sse, me.token, followCursors, variables, [2]string{"Last-Event-ID", s.ID})
		if err := expectSeqs(httpFollower{again}, 11, 15); err != nil {
			t.Errorf("%v: %v", variables, err)
		}
		again.Close()
	}
	foreign := w.lastCursor(t, other.token)
	for _, id := range []string{"-1", "1.5", "abc", "9223372036854775808", foreign, strings.Repeat("x", 1000)} {
		bad := mustOpen(t, address, sse, me.token, followCursors, nil, [2]string{"Last-Event-ID", id})
		got := mustRespond(t, httpFollower{bad})
		if !strings.Contains(got, `"message":"Last-Event-ID is not a cursor`) || !strings.Contains(got, `"reason":"CURSOR_MISMATCH"`) {
			t.Errorf("%.40s: %s", id, got)
		}
		expectEnd(t, httpFollower{bad}, streamtest.ErrComplete)
	}
	// Events without cursors have no ids, and the header has no meaning for them.
	presence := mustOpen(t, address, sse, me.token, events, nil, [2]string{"Last-Event-ID", "abc"})
	if got := mustRespond(t, httpFollower{presence}); !strings.Contains(got, `"SessionState"`) || presence.ID != "" {
		t.Errorf("got %s with id %q", got, presence.ID)
	}
	spread := mustOpen(t, address, sse, me.token, `subscription{...F} fragment F on Subscription{entryAdded(after:"0"){seq cursor}}`, nil)
	if err := expectSeqs(httpFollower{spread}, 1, 15); err != nil || spread.ID != w.lastCursor(t, me.token) {
		t.Errorf("a fragment at the top: %v, id %q", err, spread.ID)
	}
}

// A refused subscription has the same code in every framing.
func TestRefusedSubscriptions(t *testing.T) {
	w := newWorld(t, options{closed: true})
	me := w.join(t, "room", "PUBLISHER")
	w.post(t, me, 1, "x")
	address := serve(t, w.handler, 0)
	for _, c := range []struct{ token, query, code string }{
		{me.token, `subscription{entryAdded(after:"abc"){seq}}`, `"code":"BAD_USER_INPUT","reason":"CURSOR_MISMATCH"`},
		{me.token, `subscription{entryAdded(after:""){seq}}`, `"code":"BAD_USER_INPUT","reason":"CURSOR_MISMATCH"`},
		{me.token, `subscription{signalReceived(type:"a b"){type}}`, `"code":"BAD_USER_INPUT"`},
		{testSecret, `subscription{entryAdded{seq}}`, `"code":"BAD_USER_INPUT"`},
		{testSecret, `subscription{userEvents{__typename}}`, `"code":"FORBIDDEN"`},
		{"", `subscription{entryAdded{seq}}`, `"code":"UNAUTHENTICATED"`},
	} {
		for _, f := range framings[1:] {
			s := httpFollower{mustOpen(t, address, f, c.token, c.query, nil)}
			if got := mustRespond(t, s); !strings.HasPrefix(got, `{"errors":[{"message":`) || !strings.Contains(got, c.code) {
				t.Errorf("%s as %s: %s", c.query, f, got)
			}
			expectEnd(t, s, streamtest.ErrComplete)
		}
	}
	for f, want := range map[framing]string{sse: "text/event-stream; charset=utf-8", multipartHTTP: "application/graphql-response+json; charset=utf-8"} {
		s := mustOpen(t, address, f, "garbage", `subscription{entryAdded{seq}}`, nil)
		raw, err := io.ReadAll(s.Body)
		if err != nil || s.Header.Get("Content-Type") != want || !strings.Contains(string(raw), `"code":"UNAUTHENTICATED"`) {
			t.Errorf("a bad token as %s: %v %s %v", f, s.Header, raw, err)
		}
	}
	w.leftNothing(t)
}

// A stream keeps its connection alive, as a socket does: the grace time begins when the stream closes.
func TestStreamKeepsItsConnectionAlive(t *testing.T) {
	need.Time(t, "it waits for a grace time")
	const grace = 300 * time.Millisecond
	for _, f := range framings[1:] {
		w := newWorld(t, options{grace: grace})
		watcher, me := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "PUBLISHER")
		address := serve(t, w.handler, 0)
		s := mustOpen(t, address, f, me.token, follow, nil)
		presence := w.subscribe(t, watcher.token, events, nil)
		wantEvents(t, presence, "state "+watcher.id+" "+me.id)
		w.attached(t, 2)
		for range 4 { // connections without a socket end meanwhile
			ended := w.join(t, "room", "PUBLISHER")
			brief := mustOpen(t, address, f, ended.token, follow, nil)
			brief.Reset()
			wantEvents(t, presence, "created "+ended.id, "networkDisconnected "+ended.id)
		}
		s.Close()
		wantEvents(t, presence, "networkDisconnected "+me.id)
	}
}

// A forced disconnect ends every stream of the connection in every framing, with its reason, and no other stream.
func TestForcedDisconnectEndsEveryStream(t *testing.T) {
	w := newWorld(t, options{})
	moderator, me := w.join(t, "room", "MODERATOR"), w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 0)
	open := map[framing]follower{}
	for _, f := range framings {
		open[f] = mustFollow(t, address, f, me.token, follow, map[string]any{"a": "0"})
	}
	stays := mustFollow(t, address, sse, moderator.token, follow, map[string]any{"a": "0"})
	w.add(t, moderator.token, moderator.id, "before")
	for f, s := range open {
		if err := expectSeqs(s, 1, 1); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	w.mustDo(t, moderator.token, `mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`, map[string]any{"c": me.id})
	const reason = `"extensions":{"code":"UNAUTHENTICATED","reason":"CONNECTION_DESTROYED"}`
	if _, err := open[webSocket].response(); err == nil || !strings.HasPrefix(err.Error(), "closed with 4401 CONNECTION_DESTROYED") {
		t.Errorf("the socket: %v", err)
	}
	got, err := open[sse].(httpFollower).Next()
	if err != nil || !strings.HasPrefix(got, `{"errors":[{"message":`) || !strings.Contains(got, reason) {
		t.Errorf("SSE: %s %v", got, err)
	}
	got, err = open[multipartHTTP].(httpFollower).Next()
	if err != nil || !strings.HasPrefix(got, `{"payload":null,"errors":[{"message":`) || !strings.Contains(got, reason) {
		t.Errorf("multipart: %s %v", got, err)
	}
	w.add(t, moderator.token, moderator.id, "after")
	expectEnd(t, open[sse], streamtest.ErrComplete)
	expectEnd(t, open[multipartHTTP], streamtest.ErrComplete)
	if err := expectSeqs(stays, 1, 2); err != nil {
		t.Errorf("the moderator's own: %v", err)
	}
	dead := httpFollower{mustOpen(t, address, sse, me.token, follow, nil)}
	if got := mustRespond(t, dead); !strings.Contains(got, reason) {
		t.Errorf("with the dead token: %s", got)
	}
}

// Streams that are opened and ended in every way, also in the middle of a replay, leave nothing behind.
func TestStreamsLeaveNothing(t *testing.T) {
	need.Time(t, "many streams come and go")
	const rounds, length = 240, 1500 // more than a feed keeps
	w := newWorld(t, options{grace: time.Minute, streams: transport.StreamConfig{KeepAlive: 2 * time.Millisecond}})
	me := w.join(t, "room", "PUBLISHER")
	w.post(t, me, length, "x")
	address := serve(t, w.handler, 0)
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for n := range rounds / 8 {
				query := followCursors
				if n%3 == 0 {
					query = fmt.Sprintf(`subscription($a:String){entryAdded(after:$a){seq x%d_%d:body}}`, i, n) // a different selection, so a group of its own
				}
				f, err := openFollower(address, framings[1+i%2], me.token, query, map[string]any{"a": "0"}, 0)
				if err != nil {
					t.Error(err)
					return
				}
				if err := expectSeqs(f, 1, []int{1, 700, length}[n%3]); err != nil {
					t.Error(err)
				}
				if n%2 == 0 {
					f.stop()
				} else {
					f.reset()
				}
			}
		})
	}
	work.Wait()
	w.leftNothing(t)
}

// At a shutdown no stream ends as if it were over, and after a restart each resumes where it was.
func TestShutdownLetsStreamsResume(t *testing.T) {
	w := newWorld(t, options{grace: time.Minute})
	me := w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 0)
	w.post(t, me, 3, "x")
	var open []follower
	for i := range 30 {
		s := mustFollow(t, address, framings[i%3], me.token, followCursors, map[string]any{"a": "0"})
		if err := expectSeqs(s, 1, 3); err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	last := w.lastCursor(t, me.token)
	stopped := make(chan struct{})
	go func() { defer close(stopped); w.stop() }()
	for _, s := range open {
		_, err := s.response()
		if _, isSocket := s.(socketFollower); isSocket {
			if err == nil || !strings.HasPrefix(err.Error(), "closed with 1012") {
				t.Errorf("a socket: %v", err)
			}
		} else if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a stream: %v", err)
		}
		s.stop()
	}
	<-stopped

	again := newWorld(t, options{grace: time.Minute, path: w.path})
	address = serve(t, again.handler, 0)
	again.post(t, me, 2, "x")
	for _, f := range framings {
		if err := expectSeqs(mustFollow(t, address, f, me.token, followCursors, map[string]any{"a": last}), 4, 5); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}
