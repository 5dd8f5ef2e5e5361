package history

import (
	"fmt"
	"slices"
	"time"
)

// Kept is what is known of a session whose entries are removed from the front of its log when they are older than they are kept. Its
// clients add and read; they change nothing.
type Kept struct {
	Keep time.Duration // how long entries are kept
	Adds []*Add        // Answer has Seq and Place of those that were answered
	// The log as it was read in the end: its entries, and where it began before they were read.
	Log     []Entry
	Front   int64 // the place of firstCursor
	ReadAt  time.Duration
	Readers []*KeptReader
}

// KeptReader is one reader of logEvents, which resumes after each break with the last cursor it saw.
type KeptReader struct {
	Name     string
	After    int64 // the place it began after; 0 for the beginning of the log, wherever that was
	Seen     []KeptSighting
	Complete bool // it had the time to read all of the log
}

// KeptSighting is an event that a reader got: an entry that was added, or with an empty Body and Seq 0 the removal of all up to a place.
type KeptSighting struct {
	Place int64
	Seq   int64
	Body  string
	At    time.Duration
}

// removal says whether s tells that all up to its place was removed.
func (s KeptSighting) removal() bool { return s.Seq == 0 }

// CheckKept checks such a session: an entry has one number and one place, whoever was shown it; none is removed before its time; what is
// not removed is in the log; and no reader misses an entry without being told that it was removed.
func CheckKept(k *Kept) *Verdict {
	c := &keptChecker{Kept: k, Verdict: &Verdict{}, asked: map[string]*Add{}, bodies: map[string]keptEntry{}, seqs: map[int64]keptEntry{}}
	c.adds()
	c.log()
	for _, r := range k.Readers {
		for _, s := range r.Seen {
			if !s.removal() {
				c.shown(r.Name, keptEntry{s.Place, s.Seq, s.Body}, s.At)
			}
		}
	}
	for _, e := range c.seqs {
		c.known = append(c.known, e)
	}
	slices.SortFunc(c.known, func(a, b keptEntry) int { return int(a.place - b.place) })
	c.order()
	for _, r := range k.Readers {
		c.reader(r)
	}
	return c.Verdict
}

// keptEntry is an entry as it was answered, read or seen.
type keptEntry struct {
	place, seq int64
	body       string
}

// keptChecker is a check in progress.
type keptChecker struct {
	*Kept
	*Verdict
	asked  map[string]*Add
	bodies map[string]keptEntry
	seqs   map[int64]keptEntry
	known  []keptEntry // by place
}

// shown notes an entry that somebody was shown, and checks it against what others were.
func (c *keptChecker) shown(who string, e keptEntry, at time.Duration) {
	add := c.asked[e.body]
	switch {
	case add == nil:
		c.breaks(Invented, "%s got %q with number %d at %s, which nobody added", who, e.body, e.seq, seconds(at))
		return
	case at < add.Began:
		c.breaks(Foreseen, "%s got %q at %s, before it was asked for", who, e.body, seconds(at))
	}
	if other, ok := c.bodies[e.body]; ok && other.seq != e.seq {
		c.breaks(Doubled, "%s got %q with number %d, which has %d", who, e.body, e.seq, other.seq)
	}
	if other, ok := c.seqs[e.seq]; ok && other != e {
		c.breaks(Altered, "%s got %+v, but another client %+v", who, e, other)
		return
	}
	c.bodies[e.body], c.seqs[e.seq] = e, e
}

func (c *keptChecker) adds() {
	c.Counts.Adds = len(c.Kept.Adds)
	for _, a := range c.Kept.Adds {
		if c.asked[a.Body] != nil {
			panic("history: two adds have the body " + a.Body)
		}
		c.asked[a.Body] = a
	}
	for _, a := range c.Kept.Adds {
		if a.Answered() {
			c.Counts.Answered++
			c.shown("the sender of "+a.Body, keptEntry{a.Answer.Place, a.Answer.Seq, a.Body}, a.Ended)
		}
	}
	c.Counts.Unanswered = c.Counts.Adds - c.Counts.Answered
}

// log checks what is left in the end.
func (c *keptChecker) log() {
	c.Entries = len(c.Kept.Log)
	last := int64(0)
	in := map[string]bool{}
	for i, e := range c.Kept.Log {
		c.shown("the log", keptEntry{e.Place, e.Seq, e.Body}, Never)
		if i > 0 && e.Seq != last+1 {
			c.breaks(Hole, "the log has %d after %d", e.Seq, last)
		}
		if e.Place <= c.Front {
			c.breaks(Unordered, "the log has %d at %d, which begins after %d", e.Seq, e.Place, c.Front)
		}
		last, in[e.Body] = e.Seq, true
	}
	for _, a := range c.Kept.Adds {
		switch {
		case !a.Answered() || in[a.Body]:
		case a.Answer.Place > c.Front:
			c.breaks(Lost, "%q was answered with %d at place %d and is not in the log, which begins after %d", a.Body, a.Answer.Seq, a.Answer.Place, c.Front)
		case c.ReadAt-a.Began < c.Keep:
			c.breaks(Early, "%q was asked for at %s and is gone at %s, but is kept for %s", a.Body, seconds(a.Began), seconds(c.ReadAt), c.Keep)
		}
	}
}

// order checks that an add that was answered before another began has the smaller number, and that places ascend with the numbers.
func (c *keptChecker) order() {
	earliest, who := Never, ""
	for i, e := range slices.Backward(c.known) {
		if i > 0 && c.known[i-1].seq >= e.seq {
			c.breaks(Unordered, "%d is at %d, and %d at %d", c.known[i-1].seq, c.known[i-1].place, e.seq, e.place)
		}
		a := c.asked[e.body]
		if a.Began > earliest {
			c.breaks(Overtaken, "%s was known at %s, before %q began at %s", who, seconds(earliest), a.Body, seconds(a.Began))
		}
		if a.Ended < earliest {
			earliest, who = a.Ended, fmt.Sprintf("%q", a.Body)
		}
	}
}

// reader checks that a reader misses nothing but what it is told was removed.
func (c *keptChecker) reader(r *KeptReader) {
	c.LogReaders++
	c.Events += len(r.Seen)
	last := r.After
	begun := last > 0 // a reader from the beginning gets what there was then
	for _, s := range r.Seen {
		if s.Place <= last {
			c.breaks(Backwards, "%s got place %d at %s after %d", r.Name, s.Place, seconds(s.At), last)
		}
		if s.removal() {
			if s.Place > c.Front {
				c.breaks(Untrue, "%s was told at %s that all up to %d is removed, but the log begins after %d", r.Name, seconds(s.At), s.Place, c.Front)
			}
		} else if lost, ok := c.between(last, s.Place); ok && (begun || lost.place > c.Front) {
			c.breaks(Skipped, "%s got place %d at %s after %d, without %d at %d", r.Name, s.Place, seconds(s.At), last, lost.seq, lost.place)
		}
		last, begun = max(last, s.Place), true
	}
	if !r.Complete {
		return
	}
	if n := len(c.known); n > 0 && last < c.known[n-1].place && c.known[n-1].place > c.Front {
		c.breaks(Unfinished, "%s got no more than place %d of %d", r.Name, last, c.known[n-1].place)
	}
}

// between returns the first entry that was added between two places, whether it is removed by now or not.
func (c *keptChecker) between(after, before int64) (keptEntry, bool) {
	i, _ := slices.BinarySearchFunc(c.known, after+1, func(e keptEntry, place int64) int { return int(e.place - place) })
	if i < len(c.known) && c.known[i].place < before {
		return c.known[i], true
	}
	return keptEntry{}, false
}
