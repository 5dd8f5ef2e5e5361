package graph_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/client"

	"chattok/internal/need"
)

// Sizes of the stress test.
const (
	writers       = 16
	addsPerWriter = 100
	readers       = 12
)

// Readers come and go and resume by cursor while many clients write. Each reader gets every entry once, in order, with
// the stored bodies, and each writer's entries in the order of writing.
func TestEveryReaderHasEverything(t *testing.T) {
	need.Time(t, "many readers of many entries")
	w := newWorld(t, options{})
	people := make([]person, writers)
	for i := range people {
		people[i] = w.join(t, "room", "PUBLISHER")
	}
	var work sync.WaitGroup
	stored := make([][]string, writers) // the answered bodies, by writer
	for i, p := range people {
		work.Go(func() {
			for n := range addsPerWriter {
				e, err := w.tryAdd(p, fmt.Sprintf("%d/%d", i, n), "")
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
				stored[i] = append(stored[i], fmt.Sprintf("%d %s", e.Seq, e.Body))
			}
		})
	}
	read := make([][]string, readers)
	for i := range read {
		work.Go(func() {
			var err error
			if read[i], err = w.readAll(people[i].token, uint64(i)); err != nil {
				t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	work.Wait()
	if t.Failed() {
		return
	}
	want := make([]string, writers*addsPerWriter)
	for i, own := range stored {
		last := 0
		for _, line := range own {
			var seq int
			if _, err := fmt.Sscan(line, &seq); err != nil {
				t.Fatal(err)
			}
			if seq <= last || want[seq-1] != "" {
				t.Fatalf("writer %d got number %d after %d, or it was given twice", i, seq, last)
			}
			last, want[seq-1] = seq, line
		}
	}
	for i, got := range read {
		for at := range want {
			if got[at] != want[at] {
				t.Fatalf("reader %d has %q at %d, want %q", i, got[at], at, want[at])
			}
		}
	}
}

// readAll reads the whole log as lines of "seq body", by subscriptions that are dropped at random and resumed.
func (w *world) readAll(raw string, seed uint64) ([]string, error) {
	random := rand.New(rand.NewPCG(seed, 1))
	var lines []string
	cursor := "0"
	for len(lines) < writers*addsPerWriter {
		s := w.WebsocketWithPayload(`subscription($a:String){entryAdded(after:$a){seq body cursor}}`,
			map[string]any{"Authorization": "Bearer " + raw}, client.Var("a", cursor))
		late := time.AfterFunc(patience, func() { _ = s.Close() })
		for range min(1+random.IntN(300), writers*addsPerWriter-len(lines)) {
			var e added
			if err := s.Next(&e); err != nil {
				return nil, errors.Join(fmt.Errorf("after %d entries: %w", len(lines), err), s.Close())
			}
			lines, cursor = append(lines, fmt.Sprintf("%d %s", e.EntryAdded.Seq, e.EntryAdded.Body)), e.EntryAdded.Cursor
		}
		late.Stop()
		_ = s.Close()
	}
	return lines, nil
}

// tryAdd posts an entry, with a key unless it is empty. It may be called on any goroutine.
func (w *world) tryAdd(p person, body, key string) (entry, error) {
	variables := map[string]any{"c": p.id, "b": body}
	if key != "" {
		variables["k"] = key
	}
	resp, err := w.RawPost(addEntry, as(p.token), func(r *client.Request) { r.Variables = variables })
	if err != nil {
		return entry{}, err
	}
	if resp.Errors != nil {
		return entry{}, fmt.Errorf("refused: %s", resp.Errors)
	}
	data, err := json.Marshal(resp.Data)
	if err != nil {
		return entry{}, err
	}
	var answer struct{ AddChatEntry entry }
	err = json.Unmarshal(data, &answer)
	return answer.AddChatEntry, err
}

// Two posts at the same time both reach every subscriber.
func TestTwoQuickPosts(t *testing.T) {
	w := newWorld(t, options{})
	subscriptions := make([]*client.Subscription, 8)
	for i := range subscriptions {
		subscriptions[i] = w.subscribe(t, "", `subscription{entryAdded(after:"0"){seq body}}`, nil)
	}
	for round := range 20 {
		var work sync.WaitGroup
		for _, body := range []string{"one", "two"} {
			work.Go(func() {
				if _, err := w.tryAdd(person{id: "alice"}, body, ""); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		for i, s := range subscriptions {
			a, b := next[added](t, s).EntryAdded, next[added](t, s).EntryAdded
			if a.Seq != 2*round+1 || b.Seq != 2*round+2 || a.Body == b.Body {
				t.Fatalf("round %d: subscriber %d got %+v and %+v", round, i, a, b)
			}
		}
	}
}

func TestIdempotency(t *testing.T) {
	w := newWorld(t, options{})
	one, two := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "PUBLISHER")
	elsewhere := w.join(t, "elsewhere", "PUBLISHER")
	live := w.subscribe(t, two.token, `subscription{entryAdded(after:"0"){seq body}}`, nil)

	const parallel = 50
	got := make([]entry, parallel)
	var work sync.WaitGroup
	for i := range got {
		work.Go(func() {
			var err error
			if got[i], err = w.tryAdd(one, "a", "k"); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	first := got[0]
	for _, e := range got {
		if e != first || e.Seq != 1 || e.Body != "a" || e.ConnectionID != one.id {
			t.Fatalf("got %+v and %+v", first, e)
		}
	}
	again := func(w *world) {
		t.Helper()
		if e, err := w.tryAdd(two, "a", "k"); err != nil || e != first {
			t.Errorf("from another connection: %+v, %v; want %+v", e, err, first)
		}
		if code := w.code(t, one.token, addEntry, map[string]any{"c": one.id, "b": "b", "k": "k"}); code != "BAD_USER_INPUT IDEMPOTENCY_CONFLICT" {
			t.Errorf("with another body: %s", code)
		}
	}
	again(w)
	if e, err := w.tryAdd(elsewhere, "b", "k"); err != nil || e.Seq != 1 || e.Body != "b" {
		t.Errorf("in another session: %+v, %v", e, err)
	}
	for name, key := range map[string]string{"empty": "", "129 bytes": strings.Repeat("k", 129), "NUL": "a\x00b"} {
		if code := w.code(t, one.token, addEntry, map[string]any{"c": one.id, "b": "x", "k": key}); code != "BAD_USER_INPUT" {
			t.Errorf("a key, %s: %s", name, code)
		}
	}
	if e, err := w.tryAdd(one, "next", strings.Repeat("k", 128)); err != nil || e.Seq != 2 {
		t.Errorf("a key of 128 bytes: %+v, %v", e, err)
	}
	for _, want := range []string{"a", "next"} { // one event for all fifty posts
		if e := next[added](t, live).EntryAdded; e.Body != want {
			t.Errorf("received %+v, want %s", e, want)
		}
	}
	_ = live.Close()
	w.stop()

	w = newWorld(t, options{path: w.path})
	again(w)
	if e, err := w.tryAdd(one, "last", ""); err != nil || e.Seq != 3 {
		t.Errorf("after the restart: %+v, %v", e, err)
	}
}
