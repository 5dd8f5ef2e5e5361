package graph_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/session"
)

const sessionsQuery = `query($first:Int,$after:String,$o:SessionOrder!,$p:String,$u:ID){sessions(first:$first,after:$after,orderBy:$o,prefix:$p,userId:$u){
	edges{cursor node{id}} nodes{id entryCount bytes connectionCount streamCount lastEntry{body}} pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}}`

// sessionList is an answer of sessionsQuery.
type sessionList struct {
	Edges []struct {
		Cursor string
		Node   struct{ ID string }
	}
	Nodes []struct {
		ID                                       string
		EntryCount, ConnectionCount, StreamCount int
		Bytes                                    float64
		LastEntry                                *struct{ Body string }
	}
	PageInfo struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
}

func (w *world) sessions(t *testing.T, variables map[string]any) sessionList {
	t.Helper()
	if variables["o"] == nil {
		variables["o"] = "LAST_ENTRY"
	}
	page := read[struct{ Sessions sessionList }](t, w.mustDo(t, testSecret, sessionsQuery, variables)).Sessions
	for i, e := range page.Edges {
		if e.Node.ID != page.Nodes[i].ID {
			t.Errorf("edge %d is of %s, and node of %s", i, e.Node.ID, page.Nodes[i].ID)
		}
	}
	if n := len(page.Edges); n > 0 && *page.PageInfo.StartCursor != page.Edges[0].Cursor {
		t.Errorf("the page begins at %s, and its first edge is at %s", *page.PageInfo.StartCursor, page.Edges[0].Cursor)
	}
	return page
}

func (l sessionList) String() string {
	ids := make([]string, len(l.Nodes))
	for i, n := range l.Nodes {
		ids[i] = n.ID
	}
	return strings.Join(ids, " ")
}

// The holder of the API secret lists all sessions with what they have, in pages, by either order, and of one prefix or user.
func TestSessions(t *testing.T) {
	w := newWorld(t, options{})
	tick := func() { // sessions and entries of one millisecond are in the order of ids
		at := time.Now().UnixMilli()
		await.True(t, "the clock goes on", func() bool { return time.Now().UnixMilli() > at })
	}
	ann := w.asUser(t, "support-1", "ann", session.RolePublisher)
	tick()
	w.join(t, "support-2", session.RolePublisher)
	tick()
	bob := w.asUser(t, "party", "bob", session.RolePublisher)
	w.mustDo(t, ann.token, `mutation{publishStream{id}}`, nil)
	w.mustDo(t, ann.token, `mutation{addChatEntry(body:"hello"){id}}`, nil)
	tick()
	w.mustDo(t, bob.token, `mutation{addChatEntry(body:"one"){id}}`, nil)
	w.mustDo(t, testSecret, `mutation{addChatEntry(sessionId:"party",as:{userId:"ann"},body:"gone"){id}}`, nil)
	gone := read[struct {
		Session struct{ LastEntry struct{ ID string } }
	}](t, w.mustDo(t, testSecret, `{session(sessionId:"party"){lastEntry{id}}}`, nil))
	w.mustDo(t, testSecret, `mutation($id:ID!){deleteChatEntry(sessionId:"party",id:$id){id}}`, map[string]any{"id": gone.Session.LastEntry.ID})
	list := func(variables map[string]any) string { return w.sessions(t, variables).String() }
	await.True(t, "the feed has all", func() bool { return list(map[string]any{}) == "party support-1 support-2 lobby" })

	page := w.sessions(t, map[string]any{"first": 2})
	var got []string
	for _, n := range page.Nodes {
		got = append(got, fmt.Sprint(n.ID, n.EntryCount, n.ConnectionCount, n.StreamCount, n.Bytes, n.LastEntry.Body))
	}
	size := func(id string) float64 {
		return read[struct{ Session struct{ Bytes float64 } }](t, w.mustDo(t, testSecret, `query($s:ID){session(sessionId:$s){bytes}}`, map[string]any{"s": id})).Session.Bytes
	}
	want := []string{fmt.Sprint("party", 2, 1, 0, size("party"), "one"), fmt.Sprint("support-1", 1, 1, 1, size("support-1"), "hello")}
	if fmt.Sprint(got) != fmt.Sprint(want) || !page.PageInfo.HasNextPage || page.PageInfo.HasPreviousPage {
		t.Errorf("got %v, %+v\nwant %v", got, page.PageInfo, want)
	}
	next := w.sessions(t, map[string]any{"first": 2, "after": *page.PageInfo.EndCursor})
	if next.String() != "support-2 lobby" || next.PageInfo.HasNextPage || !next.PageInfo.HasPreviousPage || next.Nodes[0].LastEntry != nil ||
		next.Nodes[0].ConnectionCount != 1 || next.Nodes[0].EntryCount != 0 {
		t.Errorf("the next page is %+v", next)
	}
	end := w.sessions(t, map[string]any{"after": *next.PageInfo.EndCursor})
	if len(end.Nodes) > 0 || end.PageInfo.HasNextPage || end.PageInfo.EndCursor != nil {
		t.Errorf("after the end is %+v", end)
	}
	none := w.sessions(t, map[string]any{"first": 0})
	if len(none.Nodes) > 0 || !none.PageInfo.HasNextPage || none.PageInfo.EndCursor != nil {
		t.Errorf("the first 0 are %+v", none)
	}
	for _, c := range []struct {
		variables map[string]any
		want      string
	}{
		{map[string]any{"o": "CREATED"}, "party support-2 support-1 lobby"},
		{map[string]any{"o": "CREATED", "after": "0", "first": 200, "p": ""}, "party support-2 support-1 lobby"},
		{map[string]any{"p": "support-"}, "support-1 support-2"},
		{map[string]any{"p": "support-", "o": "CREATED"}, "support-2 support-1"},
		{map[string]any{"p": strings.Repeat("x", 128)}, ""},
		{map[string]any{"u": "ann"}, "party support-1"},
		{map[string]any{"u": "ann", "p": "s"}, "support-1"},
		{map[string]any{"u": "bob"}, "party"},
		{map[string]any{"u": strings.Repeat("u", 128)}, ""},
	} {
		if got := list(c.variables); got != c.want {
			t.Errorf("%v: got %q, want %q", c.variables, got, c.want)
		}
	}
	w.mustDo(t, testSecret, `mutation{deleteSession(id:"party")}`, nil)
	if got := list(map[string]any{}); got != "support-1 support-2 lobby" {
		t.Errorf("without the deleted one: %s", got)
	}
	if got := list(map[string]any{"u": "bob"}); got != "" {
		t.Errorf("bob's without the deleted one: %s", got)
	}
}

// Arguments outside their limits are refused with the argument's name and its limit, and cursors are those of one order alone.
func TestSessionsRefused(t *testing.T) {
	w := newWorld(t, options{})
	w.join(t, "a", session.RolePublisher)
	w.join(t, "b", session.RolePublisher)
	await.True(t, "the feed has all", func() bool { return len(w.sessions(t, map[string]any{}).Nodes) == 3 })
	active := *w.sessions(t, map[string]any{"first": 1}).PageInfo.EndCursor
	created := *w.sessions(t, map[string]any{"first": 1, "o": "CREATED"}).PageInfo.EndCursor
	raw, err := base64.RawURLEncoding.DecodeString(active)
	if err != nil {
		t.Fatal(err)
	}
	epoch := append([]byte(nil), raw...)
	epoch[5] ^= 1
	connections := read[struct {
		Connections struct{ PageInfo struct{ EndCursor string } }
	}](t,
		w.mustDo(t, testSecret, `{connections(sessionId:"a"){pageInfo{endCursor}}}`, nil)).Connections.PageInfo.EndCursor
	for _, c := range []struct {
		variables  map[string]any
		code, says string
	}{
		{map[string]any{"first": -1}, "BAD_USER_INPUT", "first must be 0 to 200"},
		{map[string]any{"first": 201}, "BAD_USER_INPUT", "first must be 0 to 200"},
		{map[string]any{"p": strings.Repeat("x", 129)}, "BAD_USER_INPUT", "prefix must be 1 to 128 bytes, but is 129"},
		{map[string]any{"p": "a%"}, "BAD_USER_INPUT", "prefix may have only the characters"},
		{map[string]any{"u": ""}, "BAD_USER_INPUT", "userId must be 1 to 128 bytes, but is empty"},
		{map[string]any{"u": strings.Repeat("u", 129)}, "BAD_USER_INPUT", "userId must be at most 128 bytes, but is 129"},
		{map[string]any{"u": "nul\x00"}, "BAD_USER_INPUT", "userId must not contain U+0000"},
		{map[string]any{"after": active, "o": "CREATED"}, "BAD_USER_INPUT CURSOR_MISMATCH", "in the order CREATED"},
		{map[string]any{"after": created}, "BAD_USER_INPUT CURSOR_MISMATCH", "in the order LAST_ENTRY"},
		{map[string]any{"after": connections}, "BAD_USER_INPUT CURSOR_MISMATCH", "after is not a cursor"},
		{map[string]any{"after": ""}, "BAD_USER_INPUT CURSOR_MISMATCH", "after is not a cursor"},
		{map[string]any{"after": active + "A"}, "BAD_USER_INPUT CURSOR_MISMATCH", "after is not a cursor"},
		{map[string]any{"after": active + "=="}, "BAD_USER_INPUT CURSOR_MISMATCH", "after is not a cursor"},
		{map[string]any{"after": strings.Repeat("A", 10_000)}, "BAD_USER_INPUT CURSOR_MISMATCH", "after is not a cursor"},
		{map[string]any{"after": base64.RawURLEncoding.EncodeToString(epoch)}, "BAD_USER_INPUT CURSOR_MISMATCH", "after is not a cursor"},
		{map[string]any{"after": base64.RawURLEncoding.EncodeToString(append(raw, ' '))}, "BAD_USER_INPUT CURSOR_MISMATCH", "after is not a cursor"},
	} {
		if c.variables["o"] == nil {
			c.variables["o"] = "LAST_ENTRY"
		}
		_, failures := w.do(t, testSecret, sessionsQuery, c.variables)
		if got := codeOf(failures); got != c.code || !strings.Contains(failures[0].Message, c.says) {
			t.Errorf("%v: got %s %+v, want %s %q", c.variables, got, failures, c.code, c.says)
		}
	}
}

// listingStore is a Store that counts the reads behind a list of sessions.
type listingStore struct {
	session.Store
	*listing
}

type listing struct{ newest, sizes, rosters, rooms, entries atomic.Int64 }

func (s listingStore) NewestEntries(ctx context.Context, ids []string) (map[string]*session.ChatEntry, error) {
	s.newest.Add(1)
	return s.Store.NewestEntries(ctx, ids)
}

func (s listingStore) SessionSizes(ctx context.Context, ids []string) (map[string]session.SessionSize, error) {
	s.sizes.Add(1)
	return s.Store.SessionSizes(ctx, ids)
}

func (s listingStore) RosterSizes(ctx context.Context, ids []string) (map[string]session.RosterSize, error) {
	s.rosters.Add(1)
	return s.Store.RosterSizes(ctx, ids)
}

func (s listingStore) Roster(ctx context.Context, id string) (session.Roster, error) {
	s.rooms.Add(1)
	return s.Store.Roster(ctx, id)
}

func (s listingStore) Entries(ctx context.Context, q session.EntryQuery) ([]*session.ChatEntry, error) {
	s.entries.Add(1)
	return s.Store.Entries(ctx, q)
}

// A page's sessions share their reads, and open no rooms.
func TestSessionsReadTogether(t *testing.T) {
	reads := &listing{}
	w := newWorld(t, options{store: func(s session.Store) session.Store { return listingStore{s, reads} }})
	const n = 30
	for i := range n {
		id := fmt.Sprintf("s%02d", i)
		w.mustDo(t, testSecret, `mutation($s:ID!){createSession(id:$s){id}}`, map[string]any{"s": id})
		w.mustDo(t, testSecret, `mutation($s:ID!){addChatEntry(sessionId:$s,body:"x"){id}}`, map[string]any{"s": id})
	}
	w.stop()
	w = newWorld(t, options{path: w.path, store: func(s session.Store) session.Store { return listingStore{s, reads} }}) // no room is open
	for _, count := range []*atomic.Int64{&reads.newest, &reads.sizes, &reads.rosters, &reads.rooms, &reads.entries} {
		count.Store(0)
	}
	if page := w.sessions(t, map[string]any{"p": "s"}); len(page.Nodes) != n || page.Nodes[n-1].LastEntry.Body != "x" {
		t.Errorf("got %+v", page)
	}
	got := [5]int64{reads.newest.Load(), reads.sizes.Load(), reads.rosters.Load(), reads.rooms.Load(), reads.entries.Load()}
	// The loaders wait for a millisecond, so that a slow machine may need a read more of each.
	for i, most := range [5]int64{n / 5, n / 5, n / 5, 0, 0} {
		if got[i] > most {
			t.Errorf("%d sessions took %v reads", n, got)
		}
	}
}
