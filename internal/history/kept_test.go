package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// randomKept makes a history of a correct server at random: entries are added, removed from the front when they are old, and read by
// readers of every speed, some of which the front passes.
func randomKept(seed uint64) *Kept {
	r := rand.New(rand.NewPCG(seed, 1))
	k := &Kept{Keep: time.Second}
	type stored struct {
		Entry
		at time.Duration
	}
	var log []stored // all that was ever added
	var now time.Duration
	place, front, removed := int64(0), int64(0), 0
	readers := make([]*KeptReader, 8)
	at := make([]int64, len(readers)) // the place that each has
	for i := range readers {
		readers[i] = &KeptReader{Name: fmt.Sprint("reader ", i), Complete: true}
	}
	read := func(i, most int) {
		if at[i] < front {
			at[i] = front
			readers[i].Seen = append(readers[i].Seen, KeptSighting{Place: front, At: now})
		}
		for _, e := range log[removed:] {
			if e.Place > at[i] && most > 0 {
				at[i], most = e.Place, most-1
				readers[i].Seen = append(readers[i].Seen, KeptSighting{e.Place, e.Seq, e.Body, now})
			}
		}
	}
	for n := range 400 {
		now += time.Duration(r.IntN(20)) * time.Millisecond
		switch r.IntN(4) {
		case 0, 1:
			place += 1 + int64(r.IntN(3)/2) // a place that no event has any more
			e := Entry{Seq: int64(len(log) + 1), Body: fmt.Sprint("body ", n), Version: 1, Place: place}
			a := &Add{Body: e.Body, Began: now, Ended: Never}
			now += time.Millisecond
			log = append(log, stored{e, now})
			if r.IntN(5) > 0 {
				a.Ended, a.Answer = now, e
			}
			k.Adds = append(k.Adds, a)
		case 2:
			for removed < len(log) && log[removed].at < now-k.Keep {
				removed++
			}
			if removed > 0 {
				front = place
				if removed < len(log) {
					front = log[removed].Place - 1
				}
			}
		default:
			i := r.IntN(len(readers))
			read(i, 1+r.IntN(1+10*i))
		}
	}
	now += time.Millisecond
	for i := range readers {
		read(i, len(log))
	}
	for _, e := range log[removed:] {
		k.Log = append(k.Log, e.Entry)
	}
	k.Readers, k.Front, k.ReadAt = readers, front, now
	return k
}

func TestKeptHolds(t *testing.T) {
	removals := 0
	for seed := range uint64(300) {
		k := randomKept(seed)
		if v := CheckKept(k); !v.Holds() {
			t.Fatalf("seed %d: %s", seed, v)
		}
		for _, r := range k.Readers {
			for _, s := range r.Seen {
				if s.removal() {
					removals++
				}
			}
		}
	}
	if removals < 1000 {
		t.Errorf("readers were told of %d removals", removals)
	}
}

// TestKeptFaults plants a fault of each kind into correct histories: it is found, under its name.
func TestKeptFaults(t *testing.T) {
	// answered says whether an add between two places was answered: of others nobody knows.
	answered := func(k *Kept, after, through int64) bool {
		return slices.ContainsFunc(k.Adds, func(a *Add) bool { return a.Answered() && a.Answer.Place > after && a.Answer.Place <= through })
	}
	// pick returns a reader, and the index of something that it saw between other things.
	pick := func(k *Kept, removal bool) (*KeptReader, int) {
		for _, r := range k.Readers {
			for i := 1; i < len(r.Seen)-1; i++ {
				if r.Seen[i].removal() == removal && !r.Seen[i+1].removal() && !r.Seen[i-1].removal() &&
					(!removal || answered(k, r.Seen[i-1].Place, r.Seen[i].Place)) {
					return r, i
				}
			}
		}
		return nil, 0
	}
	for name, fault := range map[string]struct {
		rule  Rule
		plant func(k *Kept) (planted bool)
	}{
		"an entry is left out": {Skipped, func(k *Kept) bool {
			r, i := pick(k, false)
			if r == nil {
				return false
			}
			r.Seen = append(r.Seen[:i:i], r.Seen[i+1:]...)
			return true
		}},
		"nobody tells of a removal": {Skipped, func(k *Kept) bool {
			r, i := pick(k, true)
			if r == nil {
				return false
			}
			r.Seen = append(r.Seen[:i:i], r.Seen[i+1:]...)
			return true
		}},
		"a removal is told of too late": {Skipped, func(k *Kept) bool {
			r, i := pick(k, true)
			if r == nil {
				return false
			}
			r.Seen[i], r.Seen[i+1] = r.Seen[i+1], r.Seen[i]
			return true
		}},
		"a removal goes back": {Backwards, func(k *Kept) bool {
			r, i := pick(k, true)
			if r == nil {
				return false
			}
			r.Seen[i].Place = r.Seen[i-1].Place
			return true
		}},
		"a removal that was none": {Untrue, func(k *Kept) bool {
			if len(k.Log) < 2 {
				return false
			}
			r := k.Readers[0]
			r.Seen = append(r.Seen, KeptSighting{Place: k.Log[len(k.Log)-1].Place + 1, At: k.ReadAt})
			return true
		}},
		"an entry comes twice": {Backwards, func(k *Kept) bool {
			r, i := pick(k, false)
			if r == nil {
				return false
			}
			r.Seen[i+1] = r.Seen[i]
			return true
		}},
		"the end is missing": {Unfinished, func(k *Kept) bool {
			r := k.Readers[7]
			if n := len(r.Seen); n > 0 && len(k.Log) > 0 && r.Seen[n-1].Seq == k.Log[len(k.Log)-1].Seq {
				r.Seen = r.Seen[:n-1]
				return true
			}
			return false
		}},
		"an entry is removed too early": {Early, func(k *Kept) bool {
			if len(k.Log) < 3 {
				return false
			}
			for _, a := range k.Adds {
				if a.Answered() && a.Body == k.Log[0].Body {
					k.Front, k.Log = k.Log[0].Place, k.Log[1:]
					a.Began = k.ReadAt - k.Keep/2
					a.Ended = k.ReadAt
					return true
				}
			}
			return false
		}},
		"an entry is lost": {Lost, func(k *Kept) bool {
			n := len(k.Log)
			if n < 3 {
				return false
			}
			for _, a := range k.Adds {
				if a.Answered() && a.Body == k.Log[n-1].Body {
					k.Log = k.Log[:n-1]
					return true
				}
			}
			return false
		}},
		"a hole": {Hole, func(k *Kept) bool {
			if len(k.Log) < 3 {
				return false
			}
			k.Log = append(k.Log[:1:1], k.Log[2:]...)
			return true
		}},
		"another text": {Altered, func(k *Kept) bool {
			r, i := pick(k, false)
			if r == nil {
				return false
			}
			r.Seen[i].Body = r.Seen[i+1].Body
			return true
		}},
		"a text that nobody added": {Invented, func(k *Kept) bool {
			r, i := pick(k, false)
			if r == nil {
				return false
			}
			r.Seen[i].Body = "nobody's"
			return true
		}},
		"an entry from before its add": {Foreseen, func(k *Kept) bool {
			r, i := pick(k, false)
			if r == nil {
				return false
			}
			r.Seen[i].At = 0
			for _, a := range k.Adds {
				if a.Body == r.Seen[i].Body {
					return a.Began > 0
				}
			}
			return false
		}},
		"an entry before one that was answered": {Overtaken, func(k *Kept) bool {
			for i, a := range k.Adds {
				if i > 0 && a.Answered() && k.Adds[i-1].Answered() {
					k.Adds[i-1].Began = k.Adds[len(k.Adds)-1].Began + time.Millisecond
					k.Adds[i-1].Ended = k.Adds[i-1].Began
					return true
				}
			}
			return false
		}},
		"a removed front in the log": {Unordered, func(k *Kept) bool {
			if len(k.Log) == 0 {
				return false
			}
			k.Front = k.Log[0].Place
			return true
		}},
	} {
		t.Run(name, func(t *testing.T) {
			planted := 0
			for seed := range uint64(40) {
				k := randomKept(seed)
				if !fault.plant(k) {
					continue
				}
				planted++
				if v := CheckKept(k); v.Broken[fault.rule] == 0 {
					t.Fatalf("seed %d: not found: %s", seed, v)
				}
			}
			if planted < 5 {
				t.Errorf("planted %d times", planted)
			}
		})
	}
}
