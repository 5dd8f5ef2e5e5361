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

// One sender's entries are those of the log, however many of them sender_entries has: for runs of any length, after
// ends of connections and restarts, and in a process beside the server.
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
			if _, err := store.DestroyConnection(t.Context(), senders["a"][last], "", session.ForceDisconnected); err != nil {
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
	if len(logs["a"]) < 2000 || len(logs["b"]) < 600 { // several runs in each log
		t.Errorf("only %d and %d entries", len(logs["a"]), len(logs["b"]))
	}
}

// senderSeqs selects the numbers of q from a log, in plain Go.
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

// A reader finds a sender's entries without a hole while others post, and every entry that was answered before is among
// them.
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
