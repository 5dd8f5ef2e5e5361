package session_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"chattok/bus/bustest"
	"chattok/internal/history"
	"chattok/session"
)

// changeWorld is people who change a log on several nodes, with what they saw.
type changeWorld struct {
	*cluster
	nodes    []*node
	recorder *history.Recorder

	// far is how many of the oldest entries are changed and read, rather than the newest; 0 for the newest.
	far int

	mu      sync.Mutex
	entries []*session.ChatEntry // as they were added, oldest first
}

// TestNodesChanges lets people do some 1,000 things; CHATTOK_CHANGES names another number. Over a bus that drops, doubles and reorders,
// people add, edit, delete and react on every node, and read single entries, pages and the log, from its beginning, from a page and from
// now on, going from node to node. The history checker finds nothing: no reader misses a change, gets one twice, or gets anything older
// than was known before it began.
func TestNodesChanges(t *testing.T) {
	each := 100
	if s := os.Getenv("CHATTOK_CHANGES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal("CHATTOK_CHANGES: ", err)
		}
		each = n / (3 * changingPeople)
	}
	t.Run("of the newest entries", func(t *testing.T) { changeOnNodes(t, each, 5, 0) })
	// Readers begin among the oldest entries, which have left the windows: they read chunks of the log while those change.
	t.Run("of the oldest entries", func(t *testing.T) { changeOnNodes(t, each, 1500, 30) })
}

// changingPeople is how many people change a log on each node.
const changingPeople = 3

// changeOnNodes lets people change and read a log that has some entries, so many times each.
func changeOnNodes(t *testing.T, each, entries, far int) {
	w := &changeWorld{cluster: newCluster(t, bustest.Faults{Drop: 0.3, Double: 0.3, Hold: 0.3}), recorder: history.NewRecorder(), far: far}
	w.late = 5 * time.Millisecond
	w.nodes = w.starts(3)
	first := w.connect(w.nodes[0])
	for i := range entries { // that everybody changes
		w.post(w.nodes[0], first, fmt.Sprint("first ", i))
	}
	working, stop := context.WithCancel(t.Context())
	defer stop()
	var workers, readers sync.WaitGroup
	for i, n := range w.nodes {
		for p := range changingPeople {
			name := fmt.Sprintf("%d.%d", i, p)
			// Everybody is the first person, whose entries everybody may edit.
			me := session.Caller{Kind: session.Member, SessionID: "s", Connection: first.Connection}
			random := rand.New(rand.NewPCG(uint64(i), uint64(p)))
			workers.Go(func() {
				for k := range each {
					w.act(n, me, random, fmt.Sprintf("%s.%d", name, k))
				}
			})
			readers.Go(func() {
				for k := 0; working.Err() == nil; k++ {
					if k > 1000 { // all that they see is kept
						time.Sleep(50 * time.Millisecond)
					}
					w.look(working, me, rand.New(rand.NewPCG(uint64(i+10*k), uint64(p))), fmt.Sprintf("%s, %d", name, k))
				}
			})
		}
	}
	var followers []*logFollower
	for i := range 6 {
		f := &logFollower{changeWorld: w, log: w.recorder.LogReader(fmt.Sprint("follower ", i), 0), moves: i%2 == 1, cursor: session.StartCursor}
		followers = append(followers, f)
	}
	following, stopFollowing := context.WithCancel(t.Context())
	defer stopFollowing()
	for i, f := range followers {
		readers.Go(func() { f.follow(following, first, rand.New(rand.NewPCG(uint64(i), 7))) })
	}
	workers.Wait()
	stop()
	log, events, end := w.read(first)
	for _, f := range followers {
		w.await("a follower has the whole log", func() bool { return f.log.Last() >= end })
		f.log.Complete()
	}
	stopFollowing()
	readers.Wait()
	v := history.Check(w.recorder.History(log, events))
	t.Log(v)
	if !v.Holds() {
		t.Error("the history is not as it should be")
	}
}

func (w *changeWorld) await(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("timeout: ", what)
		}
	}
}

func recorded(e *session.ChatEntry) history.Entry {
	var reactions []history.Reaction
	for _, r := range e.Reactions {
		reactions = append(reactions, history.Reaction{Name: r.Name, Count: int(r.Count)})
	}
	return history.Entry{Seq: e.Seq, Sender: e.ConnectionID, Body: e.Body, Version: e.Version, Place: e.Place, DeletedBy: e.DeletedBy,
		Reactions: history.ReactionText(reactions)}
}

func recordedEvent(e *session.LogEvent) history.Event {
	kinds := map[session.EntryChange]history.EntryChangeKind{session.EntryEdited: history.Edited, session.EntryDeleted: history.Deleted, session.EntryReacted: history.Reacted}
	return history.Event{Place: e.Place, Change: kinds[e.Change], Entry: recorded(e.Entry)}
}

func (w *changeWorld) post(n *node, me session.Caller, body string) {
	a := w.recorder.Add(me.Connection.ID, body)
	e, err := n.AddChatEntry(w.t.Context(), me, session.EntryArgs{ConnectionID: &me.Connection.ID, Body: body, IdempotencyKey: &body})
	if err != nil {
		w.t.Errorf("add: %v", err)
		return
	}
	a.Answered(recorded(e))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries = append(w.entries, e)
}

// pick returns one of the newest entries.
func (w *changeWorld) pick(random *rand.Rand) *session.ChatEntry {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.far > 0 {
		return w.entries[random.IntN(w.far)]
	}
	return w.entries[max(0, len(w.entries)-1-random.IntN(8))]
}

// act adds an entry or changes one.
func (w *changeWorld) act(n *node, me session.Caller, random *rand.Rand, key string) {
	e := w.pick(random)
	change := history.EntryChange{Seq: e.Seq, Actors: []string{me.Connection.ID}}
	var do func() (*session.ChatEntry, error)
	switch choice := random.IntN(20); {
	case choice < 4:
		w.post(n, me, key)
		return
	case choice < 15:
		change.Kind, change.Body = history.Edited, key
		do = func() (*session.ChatEntry, error) {
			return n.EditChatEntry(w.t.Context(), me, session.EditArgs{ID: e.ID(), Body: key, IdempotencyKey: &key})
		}
	case choice < 16 && (w.far == 0 || random.IntN(8) == 0):
		change.Kind = history.Deleted
		do = func() (*session.ChatEntry, error) { return n.DeleteChatEntry(w.t.Context(), me, e.ID()) }
	default:
		change.Kind, change.Name, change.On = history.Reacted, "+1", random.IntN(2) == 0
		do = func() (*session.ChatEntry, error) {
			return n.ReactToChatEntry(w.t.Context(), me, session.ReactArgs{ID: e.ID(), Name: change.Name, On: change.On, IdempotencyKey: &key})
		}
	}
	r := w.recorder.EntryChange(change)
	for range 1 + random.IntN(2) { // once more under the same key, as if the answer had been lost
		r.Retry("")
		after, err := do()
		if refused, ok := err.(*session.Error); ok && refused.Reason == session.ReasonEntryDeleted {
			return
		}
		if err != nil {
			w.t.Errorf("%v: %v", change.Kind, err)
			return
		}
		r.Answered(recorded(after))
	}
}

// look reads an entry, or a page and the log from there on for a moment, or the log from now on.
func (w *changeWorld) look(ctx context.Context, me session.Caller, random *rand.Rand, name string) {
	n, asked := w.nodes[random.IntN(len(w.nodes))], w.recorder.Now()
	if random.IntN(3) == 0 {
		e := w.pick(random)
		if found, err := n.ChatEntry(w.t.Context(), me, e.ID()); err != nil || found == nil {
			w.t.Errorf("read %d: %v, %v", e.Seq, found, err)
		} else {
			got := recorded(found)
			w.recorder.Read(e.Seq, asked, &got)
		}
		return
	}
	if w.far > 0 && random.IntN(2) == 0 {
		n, place := w.nodes[random.IntN(len(w.nodes))], random.Int64N(int64(w.far))
		after := session.Cursor(7, place)
		w.follow(ctx, n, me, w.recorder.LogReader("one far back, "+name, place), &after, 1+random.IntN(2*w.far))
		return
	}
	last := int64(5)
	page, err := n.ChatEntries(w.t.Context(), me, session.PageArgs{Last: &last})
	if err != nil {
		w.t.Errorf("page: %v", err)
		return
	}
	var entries []history.Entry
	for _, e := range page.Entries {
		entries = append(entries, recorded(e))
	}
	after := &page.LastCursor
	seen := w.recorder.Page(asked, entries, true, history.Place(page.LastCursor))
	n = w.nodes[random.IntN(len(w.nodes))]
	if random.IntN(3) == 0 { // from some entries before the end, of which the page tells the state
		if place := entries[0].Place - 1; place > 0 {
			c := session.Cursor(7, place)
			after = &c
		}
		w.follow(ctx, n, me, w.recorder.LogReader("one before the end, "+name, history.Place(*after)), after, 1+random.IntN(10))
		return
	}
	w.follow(ctx, n, me, w.recorder.PageReader("one from a page, "+name, seen), after, random.IntN(10))
}

// follow reads some events of the log, and returns the cursor of the last; nil for none.
func (w *changeWorld) follow(ctx context.Context, n *node, me session.Caller, log history.RecordedLogReader, after *string, events int) (last *string) {
	f, err := n.FollowLog(ctx, me, after)
	if err != nil {
		if ctx.Err() == nil {
			w.t.Errorf("follow the log after %v: %v", after, err)
		}
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	delivered := f.Deliver(ctx)
	for range events {
		select {
		case e, ok := <-delivered:
			if !ok {
				return last
			}
			log.Saw(recordedEvent(e))
			cursor := session.Cursor(7, e.Place)
			last = &cursor
		case <-ctx.Done():
			return last
		}
	}
	return last
}

// logFollower follows the log from its beginning, on one node or on many.
type logFollower struct {
	*changeWorld
	log    history.RecordedLogReader
	moves  bool
	cursor string
}

func (f *logFollower) follow(ctx context.Context, me session.Caller, random *rand.Rand) {
	for ctx.Err() == nil {
		events := 1 << 30
		if f.moves {
			events = 1 + random.IntN(20)
		}
		if last := f.changeWorld.follow(ctx, f.nodes[random.IntN(len(f.nodes))], me, f.log, &f.cursor, events); last != nil {
			f.cursor = *last
		}
		f.log.Resumes()
	}
}

// read returns the log and its events, and where it ends.
func (w *changeWorld) read(me session.Caller) (log []history.Entry, events []history.Event, end int64) {
	w.t.Helper()
	all, err := w.store.Entries(w.t.Context(), session.EntryQuery{SessionID: "s", Epoch: 7, Limit: 1 << 20})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range all {
		log = append(log, recorded(e))
	}
	run, err := w.store.LogEvents(w.t.Context(), session.LogQuery{SessionID: "s", Epoch: 7, Limit: 1 << 20})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range run.Events {
		events = append(events, recordedEvent(e))
	}
	return log, events, run.Through
}
