package history_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	. "chattok/internal/history"
)

// TestCorrectHistoriesHold: no fault is found in the history of a correct server, whatever its clients do.
func TestCorrectHistoriesHold(t *testing.T) {
	for seed := range uint64(150) {
		if v := Check(randomHistory(seed, 400)); !v.Holds() {
			t.Fatalf("seed %d: %s", seed, v)
		}
	}
}

func FuzzCorrectHistory(f *testing.F) {
	f.Add(uint64(1), uint16(100))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		if v := Check(randomHistory(seed, int(steps%2000))); !v.Holds() {
			t.Fatal(v)
		}
	})
}

// TestPlantedFaults: each fault, planted at a random place of many correct histories, is found under its name.
func TestPlantedFaults(t *testing.T) {
	named := map[Rule]bool{}
	for _, f := range slices.Concat(faults, logFaults, feedFaults) {
		named[f.rule] = true
		t.Run(f.name, func(t *testing.T) {
			planted := 0
			for seed := range uint64(60) {
				h := randomHistory(seed, 300)
				if !f.plant(h, rand.New(rand.NewPCG(seed, 2))) {
					continue
				}
				planted++
				if v := Check(h); v.Broken[f.rule] == 0 {
					t.Fatalf("seed %d: want %q, got: %s", seed, f.rule, v)
				}
			}
			if planted < 10 {
				t.Errorf("the fault was planted %d times only", planted)
			}
		})
	}
	for _, rule := range []Rule{Hole, Invented, Altered, Lost, Doubled, Renumbered, Overtaken, Phantom, Foreseen, Skipped,
		SeenTwice, Replayed, Unfinished, Stale, Mistaken, Misheard, Astray, HeardTwice, Disordered, Unheard, Impossible,
		Disagreed, Diverged, Unedited, Undeleted, Backwards, Unordered, Unequal, Miscounted} {
		if !named[rule] {
			t.Errorf("no fault is planted for %q", rule)
		}
	}
}

// TestVerdict: the counts are those of the history, and the text lists violations up to a limit.
func TestVerdict(t *testing.T) {
	a, b := Entry{Seq: 1, Sender: "c", Body: "a", Version: 1, Place: 1}, Entry{Seq: 2, Sender: "c", Body: "b", Version: 1, Place: 2}
	h := &History{
		Adds: []*Add{
			{Body: "a", Senders: []string{"c"}, Began: 1, Ended: 2, Answer: a},
			{Body: "b", Senders: []string{"c"}, Began: 3, Ended: Never},
			{Body: "x", Senders: []string{"c"}, Began: 4, Ended: Never},
		},
		Log: []Entry{a, b},
		Subscribers: []*Subscriber{{Name: "s", Resumes: 2, Complete: true, Seen: []Sighting{
			{Entry: a, At: 2}, {Entry: b, At: 5}}}},
		Latest: []Latest{{Sender: "c", Asked: 3, At: 4, Entry: &a}},
	}
	want := "holds; 3 adds (1 answered, 2 not, of which 1 stored), 2 entries, 1 subscribers (2 resumes) saw 2, 1 latest, 0 signals heard 0 times, 0 changes of presence, 0 changes of entries (0 answered), 0 readers of the log had 0 events, 0 reads, 0 readers of the feed had 0 events"
	if got := Check(h).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for range 100 {
		h.Latest = append(h.Latest, Latest{Sender: "c", Asked: 9, At: 10})
	}
	v := Check(h)
	if v.Holds() || v.Broken[Stale] != 100 || len(v.Violations) != 10 ||
		!strings.Contains(v.String(), "\n  stale: latestChatEntry(c), asked at 0.000s, was 0, but 2 was known") {
		t.Error(v)
	}
}

// TestRecorder: the history has everything that was recorded, with times in order.
func TestRecorder(t *testing.T) {
	r := NewRecorder()
	s := r.Subscriber("s", 0)
	a := r.Add("c1", "text")
	a.Retry("c1")
	a.Retry("c2")
	e := Entry{Seq: 1, Sender: "c1", Body: "text", Version: 1, Place: 1}
	s.Saw(e)
	s.Resumes()
	a.Answered(e)
	asked := r.Now()
	r.Latest("c1", asked, &e)
	r.Latest("c9", asked, nil)
	r.Signal(Signal{Sender: "c1@1", From: "c1", N: 1, Must: true})
	l := r.Listener("c2")
	if l.Missing() != 1 {
		t.Error("nothing is missing")
	}
	l.Heard(Hearing{Sender: "c1@1", From: "c1", N: 1})
	w := r.Watcher("w")
	w.Saw(Change{Kind: Snapshot, State: []string{"c1"}})
	w.Saw(Change{Kind: Created, Connection: "c2"})
	w.Saw(Change{Kind: Destroyed, Connection: "c1", Reason: "clientDisconnected"})
	if there := w.There(); len(there) != 1 || !there["c2"] || l.Missing() != 0 || s.Last() != 1 {
		t.Error("what was recorded can't be asked for")
	}
	s.Complete()
	l.Complete()
	w.Complete()
	r.Presence([]string{"c2"}, map[string][]string{"n": {"c2"}})
	h := r.History([]Entry{e}, nil)
	v := Check(h)
	if !v.Holds() {
		t.Error(v)
	}
	if late := Lateness(h); late != 0 { // it was seen before it was answered
		t.Errorf("%v late", late)
	}
	h.Subscribers[0].Seen[0].At = h.Adds[0].Ended + 5
	if late := Lateness(h); late != 5 {
		t.Errorf("%v late, want 5ns", late)
	}
	want := Counts{Adds: 1, Answered: 1, Entries: 1, Subscribers: 1, Resumes: 1, Seen: 1, Latest: 2, Signals: 1, Heard: 1, Changes: 3}
	if v.Counts != want || v.Counts.Plus(want).Seen != 2 {
		t.Errorf("got %+v, want %+v", v.Counts, want)
	}
	added, seen := h.Adds[0], h.Subscribers[0]
	if !(seen.Began <= added.Began && added.Began <= seen.Seen[0].At && added.Ended < time.Minute) {
		t.Errorf("times out of order: %+v %+v", added, seen)
	}
}
