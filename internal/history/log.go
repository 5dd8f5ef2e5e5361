package history

import (
	"slices"
	"time"
)

// events checks the log's events against its entries.
func (c *checker) events() {
	if c.History.Events == nil { // they were not read: of the log's places only those of additions are known
		for _, e := range c.Log {
			c.kept = append(c.kept, Event{Place: e.Place, Entry: e})
		}
		return
	}
	last, added := int64(0), 0
	for _, ev := range c.History.Events {
		if ev.Place <= last {
			c.breaks(Unordered, "the log has an event at %d after %d", ev.Place, last)
		}
		last = max(last, ev.Place)
		f := c.entries[ev.Entry.Seq]
		switch {
		case f == nil || ev.Entry != f.final:
			c.breaks(Unequal, "the log's events end with %+v at %d, which is not as the log has it", ev.Entry, ev.Place)
		case ev.Change != 0 && f.place != f.final.Place:
			c.breaks(Doubled, "the log has a change of %d at %d and another at %d", ev.Entry.Seq, f.place, ev.Place)
		case ev.Change != 0:
			f.place = ev.Place
		case added < len(c.Log) && c.Log[added] != ev.Entry:
			c.breaks(Hole, "the log's addition %d is %+v", added+1, ev.Entry)
		}
		if ev.Change == 0 {
			added++
		}
		c.happened(ev)
	}
	if added != len(c.Log) {
		c.breaks(Hole, "the log has %d additions of %d entries", added, len(c.Log))
	}
	for _, e := range c.Log {
		if f := c.entries[e.Seq]; e.Version > 1 && f != nil && f.place == e.Place {
			c.breaks(Hole, "the log has no change of %d, which has version %d", e.Seq, e.Version)
		}
	}
	c.kept = c.History.Events
}

// happened notes an event, and checks it against what others saw at its place.
func (c *checker) happened(ev Event) {
	e := ev.Entry
	first, ok := c.places[ev.Place]
	if !ok {
		c.places[ev.Place] = ev
	}
	f := c.entries[e.Seq]
	switch {
	case ok && (first.Entry.Seq != e.Seq || (first.Change == 0) != (ev.Change == 0)):
		c.breaks(Unordered, "a reader got the %s of %d at %d, another the %s of %d", ev.Change, e.Seq, ev.Place, first.Change, first.Entry.Seq)
	case (ev.Change == 0) != (ev.Place == e.Place):
		c.breaks(Unordered, "the %s of %d came at %d, which was added at %d", ev.Change, e.Seq, ev.Place, e.Place)
	case ev.Change != 0 && f != nil:
		if least, ok := f.places[ev.Place]; !ok || e.Version < least {
			f.places[ev.Place] = e.Version
		}
	}
}

// logReader checks that the events a reader saw are a run of the log, from which only superseded ones are left out.
func (c *checker) logReader(r *LogReader) {
	has := make(map[int64]Entry) // of each entry: what the reader has of it
	take := func(e Entry, at time.Duration) {
		had := has[e.Seq]
		if had.Version > e.Version && r.Lags {
			return
		}
		if had.Version > e.Version {
			c.breaks(Backwards, "%s got version %d of %d at %s after version %d", r.Name, e.Version, e.Seq, seconds(at), had.Version)
		} else {
			has[e.Seq] = e
		}
	}
	last := r.After
	if r.Page != nil {
		for _, e := range r.Page.Entries {
			take(e, r.Page.At)
		}
		last = r.Page.Last
	}
	if last == FromNow {
		last = c.end()
		if len(r.Seen) > 0 {
			last = r.Seen[0].Place - 1
		}
	}
	for _, ev := range r.Seen {
		if ev.Place <= last {
			c.breaks(Backwards, "%s got the %s of %d at place %d, %s, after it had %d", r.Name, ev.Change, ev.Entry.Seq, ev.Place, seconds(ev.At), last)
		}
		if lost, ok := c.between(last, ev.Place); ok {
			c.breaks(Skipped, "%s got place %d at %s after %d, without the %s of %d at %d", r.Name, ev.Place, seconds(ev.At), last, lost.Change, lost.Entry.Seq, lost.Place)
		}
		last = max(last, ev.Place)
		take(ev.Entry, ev.At)
		c.happened(ev.Event)
		c.shown(r.Name, ev.Entry, ev.Since, ev.At)
	}
	if !r.Complete {
		return
	}
	if end := c.end(); last < end {
		c.breaks(Unfinished, "%s got no more than place %d of %d", r.Name, last, end)
		return
	}
	for seq, e := range has {
		if f := c.entries[seq]; f != nil && f.final != e {
			c.breaks(Unequal, "%s has %+v in the end, but the log %+v", r.Name, e, f.final)
		}
	}
}

// end returns the last place of the log.
func (c *checker) end() int64 {
	if len(c.kept) == 0 {
		return 0
	}
	return c.kept[len(c.kept)-1].Place
}

// between returns the log's first event between two places that is not superseded.
func (c *checker) between(after, before int64) (Event, bool) {
	i, _ := slices.BinarySearchFunc(c.kept, after+1, func(ev Event, place int64) int { return int(ev.Place - place) })
	if i < len(c.kept) && c.kept[i].Place < before {
		return c.kept[i], true
	}
	return Event{}, false
}

// reads checks the answers of chatEntries and chatEntry by themselves.
func (c *checker) reads() {
	for _, l := range c.History.Latest {
		if l.Entry != nil {
			c.shown("latestChatEntry("+l.Sender+")", *l.Entry, l.Asked, l.At)
		}
	}
	for _, p := range c.Pages {
		for i, e := range p.Entries {
			if i > 0 && e.Seq != p.Entries[i-1].Seq+1 {
				c.breaks(Skipped, "a page of %s has %d after %d", seconds(p.At), e.Seq, p.Entries[i-1].Seq)
			}
			c.shown("a page", e, p.Asked, p.At)
		}
	}
	for _, r := range c.History.Reads {
		if r.Entry == nil {
			continue
		}
		if r.Entry.Seq != r.Seq {
			c.breaks(Mistaken, "chatEntry of %d at %s was %d", r.Seq, seconds(r.At), r.Entry.Seq)
		}
		c.shown("chatEntry", *r.Entry, r.Asked, r.At)
	}
}
