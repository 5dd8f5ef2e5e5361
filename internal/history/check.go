package history

import (
	"slices"
	"time"
)

// Check checks a history. It takes time and memory in proportion to the size of the history.
func Check(h *History) *Verdict {
	c := &checker{History: h, Verdict: &Verdict{}, asked: make(map[string]*Add, len(h.Adds)), edits: make(map[string]*EntryChange),
		place: make(map[string]Entry, len(h.Log)), entries: make(map[int64]*facts, len(h.Log)), places: make(map[int64]Event)}
	c.count()
	c.log()
	c.events()
	c.requests()
	for _, s := range h.Subscribers {
		c.subscriber(s)
	}
	for _, r := range h.LogReaders {
		c.logReader(r)
	}
	c.reads()
	c.answers()
	c.versions()
	c.placing()
	c.beginnings()
	c.latest()
	c.order()
	c.signals()
	c.presence()
	c.feed()
	return c.Verdict
}

// checker is a check in progress.
type checker struct {
	*History
	*Verdict
	asked   map[string]*Add         // by body
	edits   map[string]*EntryChange // by body
	place   map[string]Entry        // of each body: its first place in the log
	entries map[int64]*facts        // by number
	places  map[int64]Event         // of each place of the log that a reader saw: the first event that was seen there
	kept    []Event                 // the log's events that are not superseded
	views   []view
}

// facts are what is known of an entry.
type facts struct {
	final    Entry
	place    int64         // of its newest change in the end, or its addition
	add      *Add          // nil where that is not known
	known    time.Duration // the earliest time at which the entry was known to be stored
	versions map[int64]*version
	changes  []*EntryChange  // that were asked for
	places   map[int64]int64 // of each place at which a reader saw that it was changed: the least version that was shown there
}

// version is what is known of one version of an entry.
type version struct {
	entry Entry
	known time.Duration // the earliest time at which it was known to be stored
}

// view is an entry that a client was shown.
type view struct {
	who       string // names the client
	entry     Entry
	since, at time.Duration // when it was asked for, or the reader began; and when it came
}

func (c *checker) count() {
	n := &c.Counts
	n.Adds, n.Entries, n.Subscribers, n.Latest, n.Signals = len(c.History.Adds), len(c.Log), len(c.History.Subscribers), len(c.History.Latest), len(c.History.Signals)
	n.EntryChanges, n.LogReaders, n.Reads = len(c.History.EntryChanges), len(c.History.LogReaders), len(c.Pages)+len(c.History.Reads)
	for _, a := range c.History.Adds {
		if a.Answered() {
			n.Answered++
		}
	}
	n.Unanswered = n.Adds - n.Answered
	for _, s := range c.History.Subscribers {
		n.Seen += len(s.Seen)
		n.Resumes += s.Resumes
	}
	for _, e := range c.History.EntryChanges {
		if e.Answered() {
			n.Changed++
		}
	}
	for _, r := range c.History.LogReaders {
		n.Events += len(r.Seen)
		n.Resumes += r.Resumes
	}
	n.FeedReaders = len(c.History.Feed)
	for _, r := range c.History.Feed {
		n.Fed += len(r.Seen)
		n.Resumes += r.Resumes
	}
	for _, l := range c.Listeners {
		n.Heard += len(l.Heard)
	}
	for _, w := range c.Watchers {
		n.Changes += len(w.Changes)
	}
}

// log checks the log by itself, and against the adds.
func (c *checker) log() {
	for _, a := range c.History.Adds {
		if c.asked[a.Body] != nil {
			panic("history: two adds have the body " + a.Body)
		}
		c.asked[a.Body] = a
	}
	for _, e := range c.History.EntryChanges {
		if e.Kind == Edited {
			if c.edits[e.Body] != nil || c.asked[e.Body] != nil {
				panic("history: an edit has the body of another, " + e.Body)
			}
			c.edits[e.Body] = e
		}
	}
	last := int64(0) // place
	for i, e := range c.Log {
		if want := int64(i + 1); e.Seq != want {
			c.breaks(Hole, "place %d of the log has number %d (%q)", want, e.Seq, e.Body)
		}
		if e.Place <= last {
			c.breaks(Unordered, "%d of the log was added at %d, and the one before it at %d", e.Seq, e.Place, last)
		}
		last = e.Place
		if first, ok := c.place[e.Body]; ok && e.Body != "" {
			c.breaks(Doubled, "%q is in the log at %d and again at %d", e.Body, first.Seq, e.Seq)
			continue
		}
		c.place[e.Body] = e
		if c.entries[e.Seq] == nil {
			c.entries[e.Seq] = &facts{final: e, place: e.Place, known: Never, versions: map[int64]*version{}, places: map[int64]int64{}}
		}
		a := c.asked[e.Body]
		switch {
		case a == nil && e.Body != "" && c.edits[e.Body] == nil:
			c.breaks(Invented, "the log has %q at %d, which nobody added", e.Body, e.Seq)
		case a != nil:
			c.entries[e.Seq].add = a
		}
	}
}

// answers checks each add's answer against the log. It comes after the readers, which know the adds of changed entries.
func (c *checker) answers() {
	for _, a := range c.History.Adds {
		if !a.Answered() {
			continue
		}
		got := a.Answer
		e, stored := c.place[a.Body]
		f := c.entries[got.Seq]
		switch {
		case got.Body != a.Body && !c.changed(got), !slices.Contains(a.Senders, got.Sender):
			c.breaks(Altered, "%q of %v was answered with %q of %s", a.Body, a.Senders, got.Body, got.Sender)
		case stored && e.Seq != got.Seq:
			c.breaks(Renumbered, "%q was answered with %d and is at %d", a.Body, got.Seq, e.Seq)
		case !stored && (f == nil || f.final.Version == 1 || f.final.Sender != got.Sender || f.final.Place != got.Place):
			c.breaks(Lost, "%q was answered with %d at %s and is not in the log", a.Body, got.Seq, seconds(a.Ended))
		case f.add != nil && f.add != a:
			c.breaks(Lost, "%q was answered with %d, which %q has", a.Body, got.Seq, f.add.Body)
		default:
			f.add = a
			c.shown("the sender of "+a.Body, got, a.Tried, a.Ended)
		}
	}
}

// changed says whether an entry's text is one that a change gave it.
func (c *checker) changed(e Entry) bool {
	edit := c.edits[e.Body]
	return e.DeletedBy != "" || edit != nil && edit.Seq == e.Seq
}

// shown checks an entry that a client was shown at a time, and had asked for since a time, against the log. who names the
// client.
func (c *checker) shown(who string, e Entry, since, at time.Duration) {
	add, edit, f := c.asked[e.Body], c.edits[e.Body], c.entries[e.Seq]
	stored, ok := c.place[e.Body]
	switch {
	case e.Body != "" && add == nil && edit == nil:
		c.breaks(Invented, "%s got %q with number %d at %s, which nobody added", who, e.Body, e.Seq, seconds(at))
		return
	case f == nil && !ok, f != nil && e.Version > f.final.Version, f != nil && add != nil && !ok && f.final.Version == 1:
		c.breaks(Phantom, "%s got %q with number %d and version %d at %s, which is not in the log", who, e.Body, e.Seq, e.Version, seconds(at))
		return
	case f == nil, add != nil && ok && stored.Seq != e.Seq, edit != nil && edit.Seq != e.Seq, e.Sender != f.final.Sender, e.Place != f.final.Place,
		e.Version == f.final.Version && e != f.final, add != nil && f.add != nil && f.add != add:
		c.breaks(Altered, "%s got %q with number %d of %s at %s (%+v), but the log has it at %d of %s (%+v)", who, e.Body, e.Seq, e.Sender, seconds(at), e, stored.Seq, stored.Sender, stored)
		return
	case add != nil && at < add.Began, edit != nil && at < edit.Began:
		c.breaks(Foreseen, "%s got %q at %s, before it was asked for", who, e.Body, seconds(at))
	case e.DeletedBy != "":
		c.deletion(who, f, e, at)
	}
	if add != nil {
		f.add = add
	}
	c.views = append(c.views, view{who, e, since, at})
	f.known = min(f.known, at)
	v := f.versions[e.Version]
	if v == nil {
		f.versions[e.Version] = &version{e, at}
		return
	}
	v.known = min(v.known, at)
	if v.entry != e {
		c.breaks(Altered, "%s got %+v at %s, but another client %+v", who, e, seconds(at), v.entry)
	}
}

// Lateness returns the longest time from an entry's answer until a subscriber saw it that was there before.
func Lateness(h *History) (most time.Duration) {
	answered := make(map[string]time.Duration, len(h.Adds))
	for _, a := range h.Adds {
		answered[a.Body] = a.Ended
	}
	for _, s := range h.Subscribers {
		for _, e := range s.Seen {
			if at, ok := answered[e.Body]; ok && at != Never && s.Began <= at {
				most = max(most, e.At-at)
			}
		}
	}
	return most
}
