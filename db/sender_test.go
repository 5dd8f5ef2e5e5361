package db_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"chattok/db"
	"chattok/session"
)

// One sender's entries are those of the log, whatever of them is in sender_entries: over runs of any length, ends of
// connections, restarts, and to a process beside the server.
func TestSenderEntries(t *testing.T) {
	path := newPath(t)
	store := mustOpen(t, db.Config{Path: path})
	random := rand.New(rand.NewPCG(1, 2))
	logs := map[string][]string{"a": nil, "b": nil} // the sender of each entry
	senders := map[string][]string{}
	for id := range logs {
		for n := range 12 {
			senders[id] = append(senders[id], fmt.Sprint(id, n))
		}
		connect(t, store, id, senders[id]...)
	}
	for round := range 30 {
		for range random.IntN(4) {
			var group []session.NewEntry
			for range 1 + random.IntN(180) {
				id := []string{"a", "a", "a", "b"}[random.IntN(4)]
				sender := senders[id][min(random.IntN(12), random.IntN(12), len(senders[id])-1)]
				logs[id] = append(logs[id], sender)
				group = append(group, session.NewEntry{SessionID: id, ConnectionID: sender, Body: strconv.Itoa(len(logs[id]))})
			}
			for i, r := range store.AppendEntries(t.Context(), group) {
				if r.Err != nil {
					t.Fatalf("entry %d: %v", i, r.Err)
				}
			}
		}
		switch {
		case round%10 == 9:
			last := len(senders["a"]) - 1
			if _, err := store.DestroyConnection(t.Context(), senders["a"][last], session.ForceDisconnected); err != nil {
				t.Fatal(err)
			}
			senders["a"] = senders["a"][:last]
		case round%7 == 6:
			mustClose(t, store)
			store = mustOpen(t, db.Config{Path: path})
		}
		stores := []*db.Store{store}
		if round%10 == 4 {
			stores = append(stores, mustOpen(t, db.Config{Path: path, ReadOnly: true}))
		}
		for range 20 {
			id := []string{"a", "b"}[random.IntN(2)]
			q := session.EntryQuery{SessionID: id, Epoch: 1, ConnectionID: fmt.Sprint(id, random.IntN(12)),
				Limit: 1 + random.IntN(40), Backward: random.IntN(2) == 0}
			if random.IntN(2) == 0 {
				q.After = random.Int64N(int64(len(logs[id]) + 2))
			}
			if random.IntN(2) == 0 {
				q.Before = random.Int64N(int64(len(logs[id]) + 2))
			}
			want := senderSeqs(logs[id], q)
			for _, s := range stores {
				if got := readSeqs(t, s, q); !slices.Equal(got, want) {
					t.Fatalf("round %d, %d entries: %+v\n got %v\nwant %v", round, len(logs[id]), q, got, want)
				}
			}
		}
	}
	if len(logs["a"]) < 2000 || len(logs["b"]) < 600 { // several runs of each
		t.Errorf("only %d and %d entries", len(logs["a"]), len(logs["b"]))
	}
}

// senderSeqs is what q selects of a log.
func senderSeqs(log []string, q session.EntryQuery) (seqs []int64) {
	for i, sender := range log {
		seq := int64(i + 1)
		if sender == q.ConnectionID && seq > q.After && (q.Before == 0 || seq < q.Before) {
			seqs = append(seqs, seq)
		}
	}
	if over := len(seqs) - q.Limit; over > 0 && q.Backward {
		return seqs[over:]
	}
	return seqs[:min(len(seqs), q.Limit)]
}

func readSeqs(t *testing.T, store *db.Store, q session.EntryQuery) (seqs []int64) {
	t.Helper()
	entries, err := store.Entries(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.ConnectionID != q.ConnectionID || e.Body != strconv.FormatInt(e.Seq, 10) || e.Epoch != q.Epoch {
			t.Fatalf("%+v: got %+v", q, e)
		}
		seqs = append(seqs, e.Seq)
	}
	return seqs
}

// Who reads while others post has a sender's entries without a hole, and what was answered before is among them.
func TestSenderEntriesWhilePosting(t *testing.T) {
	const posters, each = 4, 150
	store := mustOpen(t, db.Config{Path: newPath(t)})
	var posting, reading sync.WaitGroup
	done := make(chan struct{})
	for p := range posters {
		id := fmt.Sprint("a", p)
		connect(t, store, "a", id)
		posted := make(chan int, each)
		posting.Go(func() {
			for n := 1; n <= each; n++ {
				if r := post(t, store, id, strconv.Itoa(n), ""); r.Err != nil {
					t.Errorf("post: %v", r.Err)
					return
				}
				posted <- n
			}
		})
		reading.Go(func() {
			for answered := 0; answered < each; {
				select {
				case answered = <-posted:
				case <-done:
					return
				}
				q := session.EntryQuery{SessionID: "a", ConnectionID: id, Limit: 3, Backward: true}
				entries, err := store.Entries(t.Context(), q)
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				for i, e := range entries {
					if first, _ := strconv.Atoi(entries[0].Body); e.Body != strconv.Itoa(first+i) {
						t.Errorf("%s comes %d after %d", e.Body, i, first)
					}
				}
				if newest, _ := strconv.Atoi(entries[len(entries)-1].Body); newest < answered {
					t.Errorf("the newest is %d after the answer to %d", newest, answered)
				}
			}
		})
	}
	posting.Wait()
	close(done)
	reading.Wait()
}

// A database from before sender_entries has its senders found after the migration.
func TestSenderEntriesOfOlderDatabase(t *testing.T) {
	path := newPath(t)
	store := mustOpen(t, db.Config{Path: path})
	connect(t, store, "a", "a1", "a2")
	for _, sender := range []string{"a1", "a2", "a1"} {
		mustPost(t, store, sender, "hi", "")
	}
	mustClose(t, store)
	for _, query := range []string{
		"DROP TABLE connection_holders", "DROP INDEX connections_attached", "DROP INDEX connections_detached",
		"ALTER TABLE sessions DROP COLUMN bytes", "DROP TABLE sender_entries", "ALTER TABLE sessions DROP COLUMN indexed_seq", "DELETE FROM migrations WHERE version >= 4",
		"CREATE INDEX entries_sender ON entries (session_id, connection_id, seq)",
	} {
		rawExec(t, path, query)
	}
	store = mustOpen(t, db.Config{Path: path})
	mustPost(t, store, "a1", "hi", "")
	var seqs []int64
	entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "a", ConnectionID: "a1", Limit: 9})
	for _, e := range entries {
		seqs = append(seqs, e.Seq)
	}
	if err != nil || !slices.Equal(seqs, []int64{1, 3, 4}) {
		t.Errorf("got %v, %v", seqs, err)
	}
}
