package session_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/session"
)

// TestChangeRules: who may change an entry, and which one.
func TestChangeRules(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, b := c.start(quick), c.start(quick)
	author := c.user(a, "author")
	device := c.user(b, "author")
	other := c.user(a, "other")
	moderator := c.moderate(b)
	userID := "author"
	reader := c.connectAs(a, &session.SessionGrant{SessionID: "s", Role: session.RoleSubscriber, UserID: &userID})
	guest := session.Caller{Kind: session.Guest, SessionID: session.Lobby}

	edit := func(n *node, caller session.Caller, id, body string) error {
		_, err := n.EditChatEntry(t.Context(), caller, session.EditArgs{ID: id, Body: body})
		return err
	}
	react := func(n *node, caller session.Caller, id string) error {
		_, err := n.ReactToChatEntry(t.Context(), caller, session.ReactArgs{ID: id, Name: "x", On: true})
		return err
	}
	remove := func(n *node, caller session.Caller, id string) error {
		_, err := n.DeleteChatEntry(t.Context(), caller, id)
		return err
	}
	entry := c.add(a, author, "text")
	id := entry.ID()
	mine := c.add(a, author, "mine").ID()
	for name, err := range map[string]error{
		"edit by another":                      edit(a, other, id, "x"),
		"edit by a moderator":                  edit(b, moderator, id, "x"),
		"edit by a subscriber":                 edit(a, reader, id, "x"),
		"edit with the secret in no session":   edit(a, operator, id, "x"),
		"reaction of a subscriber":             react(a, reader, id),
		"reaction of the secret in no session": react(a, operator, id),
		"deletion by another":                  remove(a, other, id),
		"deletion by the secret in no session": remove(a, operator, id),
	} {
		wants(t, name, err, session.CodeForbidden, "")
	}
	for name, err := range map[string]error{
		"edit by a guest":     edit(a, guest, id, "x"),
		"reaction of a guest": react(a, guest, id),
		"deletion by a guest": remove(a, guest, id),
	} {
		wants(t, name, err, session.CodeUnauthenticated, "")
	}
	for name, err := range map[string]error{
		"edit of no id":                      edit(a, author, "nonsense", "x"),
		"edit of no entry":                   edit(a, author, session.EntryID(entry.Epoch, 99), "x"),
		"edit of another log's entry":        edit(a, author, session.EntryID(entry.Epoch+1, 1), "x"),
		"deletion of a cursor":               remove(a, author, entry.Cursor()),
		"deletion in an unknown session":     remove(a, operatorIn("nowhere"), id),
		"deletion in another session":        remove(a, operatorIn(session.Lobby), id),
		"reaction to no entry":               react(a, author, session.EntryID(entry.Epoch, 99)),
		"a reply to no entry":                addReply(t, a, author, session.EntryID(entry.Epoch, 99)),
		"a reply to an entry of another log": addReply(t, a, author, session.EntryID(entry.Epoch+1, 1)),
	} {
		wants(t, name, err, session.CodeNotFound, "")
	}
	empty := ""
	_, err := a.EditChatEntry(t.Context(), author, session.EditArgs{ID: id, Body: "x", IdempotencyKey: &empty})
	wants(t, "an empty key", err, session.CodeBadUserInput, "")
	wants(t, "an empty body", edit(a, author, id, " "), session.CodeBadUserInput, "")

	if err := edit(b, device, id, "by the other device"); err != nil {
		t.Errorf("edit by another connection of the author: %v", err)
	}
	if err := remove(a, reader, mine); err != nil {
		t.Errorf("deletion by a subscriber's own user: %v", err)
	}
	if err := react(a, other, id); err != nil {
		t.Error(err)
	}
	if err := remove(b, moderator, id); err != nil {
		t.Error(err)
	}
	third := c.add(a, author, "third").ID()
	if err := remove(a, operatorIn("s"), third); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{"edit": edit(a, author, id, "x"), "reaction": react(a, author, id)} {
		wants(t, name+" of what is deleted", err, session.CodeForbidden, session.ReasonEntryDeleted)
	}
	if err := remove(a, author, id); err != nil {
		t.Errorf("another deletion: %v", err)
	}
	e, err := b.ChatEntry(t.Context(), author, id)
	if err != nil || e == nil || e.Body != "" || e.DeletedBy != moderator.Connection.ID || len(e.Reactions) != 0 || e.Version != 4 {
		t.Errorf("what is deleted is %+v, %v", e, err)
	}
	if e, err := b.ChatEntry(t.Context(), author, session.EntryID(entry.Epoch, 99)); e != nil || err != nil {
		t.Errorf("no entry is %+v, %v", e, err)
	}
}

func addReply(t *testing.T, n *node, caller session.Caller, to string) error {
	t.Helper()
	_, err := n.AddChatEntry(t.Context(), caller, session.EntryArgs{ConnectionID: &caller.Connection.ID, Body: "x", ReplyTo: &to})
	return err
}

// TestPagesOfAChangedLog: the cursors of entries and of changes, and the old ones of places alone, select the entries after and
// before them; the newest entry is the newest that is not deleted.
func TestPagesOfAChangedLog(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	n := c.start(quick)
	caller := c.user(n, "u")
	added := []int64{0} // places of the additions, by seq
	var entries []*session.ChatEntry
	add := func() {
		e := c.add(n, caller, fmt.Sprint("entry ", len(added)))
		entries = append(entries, e)
		added = append(added, e.Place)
	}
	for i := range 30 {
		add()
		for k := range i % 4 {
			if _, err := n.EditChatEntry(t.Context(), caller, session.EditArgs{ID: entries[i/2].ID(), Body: fmt.Sprint(i, k)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	sess, err := n.Session(t.Context(), caller)
	if err != nil {
		t.Fatal(err)
	}
	last, err := n.LastCursor(t.Context(), sess)
	if want := session.Cursor(7, 30+43); err != nil || last != want { // 43 edits
		t.Errorf("the last cursor is %s, want %s, %v", last, want, err)
	}
	for place := range int64(30 + 43 + 1) {
		at := session.Cursor(7, place)
		up := int64(0) // entries that were added up to the place
		for up < 30 && added[up+1] <= place {
			up++
		}
		one := int64(1)
		after, err := n.ChatEntries(t.Context(), caller, session.PageArgs{First: &one, After: &at})
		if err != nil || up < 30 && (len(after.Entries) != 1 || after.Entries[0].Seq != up+1) || up == 30 && len(after.Entries) != 0 ||
			after.HasPreviousPage != (up > 0) || after.HasNextPage != (up < 29) || after.LastCursor != last {
			t.Errorf("after place %d: %+v, %v", place, after, err)
		}
		if added[up] == place && place > 0 {
			up-- // the entry at the cursor is not before it
		}
		before, err := n.ChatEntries(t.Context(), caller, session.PageArgs{Last: &one, Before: &at})
		if err != nil || up > 0 && (len(before.Entries) != 1 || before.Entries[0].Seq != up) || up == 0 && len(before.Entries) != 0 ||
			before.HasPreviousPage != (up > 1) || before.HasNextPage != (up < 30) {
			t.Errorf("before place %d: %+v, %v", place, before, err)
		}
	}
	beyond := session.Cursor(7, 30+43+1)
	_, err = n.ChatEntries(t.Context(), caller, session.PageArgs{After: &beyond})
	wants(t, "a cursor beyond the log", err, session.CodeBadUserInput, session.ReasonCursorMismatch)
	_, err = n.FollowLog(t.Context(), caller, &beyond)
	wants(t, "the same for a follower", err, session.CodeBadUserInput, session.ReasonCursorMismatch)

	for _, e := range entries[27:] {
		if _, err := n.DeleteChatEntry(t.Context(), caller, e.ID()); err != nil {
			t.Fatal(err)
		}
	}
	latest, err := n.LatestChatEntry(t.Context(), caller, caller.Connection.ID)
	if err != nil || latest == nil || latest.Seq != 27 {
		t.Errorf("the latest entry is %+v, %v", latest, err)
	}
	if e, err := n.LastEntry(t.Context(), sess); err != nil || e == nil || e.Seq != 27 {
		t.Errorf("the last entry is %+v, %v", e, err)
	}
}

// TestNodesReactions: 100 callers on two nodes that react to one entry are all counted; followers get few changes, the user's other
// device what its reactions are, and those who ask who reacted and how.
func TestNodesReactions(t *testing.T) {
	const callers = 100
	c := newCluster(t, bustest.Faults{Drop: 0.2, Double: 0.2, Hold: 0.2})
	nodes := c.starts(2)
	author := c.user(nodes[0], "author")
	entry := c.add(nodes[0], author, "like me")
	events, _ := c.log(nodes[1], author, nil)
	first := c.user(nodes[1], "user 0")
	begun := time.Now()
	var reacting sync.WaitGroup
	for i := range callers {
		n := nodes[i%2]
		caller := c.user(n, fmt.Sprint("user ", i))
		reacting.Go(func() {
			e, err := n.ReactToChatEntry(t.Context(), caller, session.ReactArgs{ID: entry.ID(), Name: fmt.Sprint(i % 2), On: true})
			if err != nil || !slices.ContainsFunc(e.Reactions, func(r session.ReactionCount) bool { return r.Name == fmt.Sprint(i%2) }) {
				t.Errorf("caller %d: %+v, %v", i, e, err)
			}
		})
	}
	reacting.Wait()
	changes := 0
	var now *session.ChatEntry
	for now == nil || reacted(now) < callers {
		e := await.Value(t, "a change", events)
		if e.Added() || e.Change != session.EntryReacted || e.Entry.Seq != entry.Seq {
			t.Fatalf("got %+v", e)
		}
		now = e.Entry
		changes++
	}
	if most := 1 + int(time.Since(begun)/session.ReactionPause); changes > most {
		t.Errorf("%d changes in %v", changes, time.Since(begun))
	}
	if now.Reactions[0].Count != callers/2 || now.Reactions[1].Count != callers/2 {
		t.Errorf("%+v", now.Reactions)
	}
	mine, err := nodes[0].MyReactions(t.Context(), first, "s", []int64{entry.Seq})
	if err != nil || len(mine) != 1 || !slices.Equal(mine[entry.Seq], []string{"0"}) {
		t.Errorf("the first one's reactions are %v, %v", mine, err)
	}
	key := session.ReactionKey{Seq: entry.Seq, Name: "1"}
	who, err := nodes[0].Reactors(t.Context(), "s", []session.ReactionKey{key}, session.MaxReactors)
	if err != nil || len(who[key]) != callers/2 {
		t.Errorf("%d reacted so, %v", len(who[key]), err)
	}
}

// reacted returns how many reactions an entry has.
func reacted(e *session.ChatEntry) (n int64) {
	for _, r := range e.Reactions {
		n += r.Count
	}
	return n
}

// TestNodesUserEvents: a user's other device is told of its reactions, and nobody else is.
func TestNodesUserEvents(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, b := c.start(quick), c.start(quick)
	one, device, other := c.user(a, "one"), c.user(b, "one"), c.user(b, "other")
	entry := c.add(a, other, "text")
	events := make(map[string]<-chan *session.UserEvent)
	for name, caller := range map[string]session.Caller{"device": device, "other": other} {
		f, err := b.FollowUserEvents(t.Context(), caller)
		if err != nil {
			t.Fatal(err)
		}
		events[name] = f.Deliver(c.following)
		await.Value(t, "what is read", events[name])
	}
	for i, on := range []bool{true, false} {
		if _, err := a.ReactToChatEntry(t.Context(), one, session.ReactArgs{ID: entry.ID(), Name: "x", On: on}); err != nil {
			t.Fatal(err)
		}
		got := await.Value(t, "the reactions", events["device"])
		if got.UserID != "one" || got.Epoch != 7 || got.Seq != entry.Seq || got.Version != int64(i+2) || (len(got.Reactions) == 1) != on {
			t.Errorf("the device is told %+v", got)
		}
	}
	select {
	case got := <-events["other"]:
		t.Errorf("another user is told %+v", got)
	default:
	}
}

// TestNodesDeleteAll: where somebody's entries are deleted with a ban, by more than one transaction, who follows the log on another
// node is told of each, the newest first in each transaction, and of nobody else's.
func TestNodesDeleteAll(t *testing.T) {
	const spam = 450
	c := newCluster(t, bustest.Faults{Drop: 0.5})
	a, b := c.start(quick), c.start(quick)
	spammer, reader := c.user(a, "spammer"), c.user(b, "reader")
	kept := c.add(b, reader, "kept")
	var posting sync.WaitGroup
	for range spam {
		posting.Go(func() {
			if _, err := a.AddChatEntry(t.Context(), spammer, session.EntryArgs{ConnectionID: &spammer.Connection.ID, Body: "spam"}); err != nil {
				t.Error(err)
			}
		})
	}
	posting.Wait()
	events, _ := c.log(b, reader, nil)
	ban := session.BanArgs{ConnectionID: spammer.Connection.ID, Seconds: 60, DeleteEntries: true}
	if _, err := a.BanConnection(t.Context(), c.moderate(a), ban); err != nil {
		t.Fatal(err)
	}
	deleted := make(map[int64]bool)
	for range spam {
		e := await.Value(t, "a deletion", events)
		if e.Change != session.EntryDeleted || e.Entry.Body != "" || e.Entry.Seq == kept.Seq || deleted[e.Entry.Seq] {
			t.Fatalf("after %d deletions: %+v of %+v", len(deleted), e, e.Entry)
		}
		deleted[e.Entry.Seq] = true
	}
	if e, err := b.ChatEntry(t.Context(), reader, kept.ID()); err != nil || e.Version != 1 {
		t.Errorf("another's entry is %+v, %v", e, err)
	}
}
