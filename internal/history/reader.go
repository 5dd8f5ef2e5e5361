package history

import (
	"cmp"
	"slices"
	"time"
)

// subscriber checks that the entries a subscriber saw are a run of the log.
func (c *checker) subscriber(s *Subscriber) {
	last := s.After
	if last == FromNow {
		last = int64(len(c.Log)) // every entry that came, came before
		if len(s.Seen) > 0 {
			last = s.Seen[0].Seq - 1
		}
	}
	for _, e := range s.Seen {
		switch {
		case e.Seq <= last:
			c.breaks(SeenTwice, "%s got %d (%q) at %s after it had %d", s.Name, e.Seq, e.Body, seconds(e.At), last)
		case e.Seq > last+1:
			c.breaks(Skipped, "%s got %d (%q) at %s after %d", s.Name, e.Seq, e.Body, seconds(e.At), last)
		}
		last = max(last, e.Seq)
		c.shown(s.Name, e.Entry, e.Since, e.At)
	}
	if end := int64(len(c.Log)); s.Complete && last < end {
		c.breaks(Unfinished, "%s got no more than %d of %d", s.Name, last, end)
	}
}

// beginnings checks that subscribers from now on got nothing that was answered before. It comes when the adds of all entries
// that a client saw are known.
func (c *checker) beginnings() {
	for _, s := range c.History.Subscribers {
		if s.After != FromNow || len(s.Seen) == 0 {
			continue
		}
		first := s.Seen[0]
		f := c.entries[first.Seq]
		if f != nil && f.add != nil && f.add.Ended < s.Began {
			c.breaks(Replayed, "%s subscribed at %s and got %d (%q), which was answered at %s", s.Name, seconds(s.Began), first.Seq, first.Body, seconds(f.add.Ended))
		}
	}
}

// latest checks every latestChatEntry against the entries of its sender that were known before it was asked. It comes
// after the subscribers, whose entries are known by them.
func (c *checker) latest() {
	lines := c.senders()
	for _, l := range c.History.Latest {
		var got int64
		if l.Entry != nil {
			got = l.Entry.Seq
			if l.Entry.Sender != l.Sender || l.Entry.DeletedBy != "" {
				c.breaks(Mistaken, "latestChatEntry(%s) at %s was %d of %s, deleted by %q", l.Sender, seconds(l.At), got, l.Entry.Sender, l.Entry.DeletedBy)
			}
		}
		for _, f := range slices.Backward(lines[l.Sender]) {
			if f.final.Seq <= got {
				break
			}
			if f.known < l.Asked && f.deletable() > l.At {
				c.breaks(Stale, "latestChatEntry(%s), asked at %s, was %d, but %d was known", l.Sender, seconds(l.Asked), got, f.final.Seq)
				break
			}
		}
	}
}

// senders returns each sender's entries, oldest first.
func (c *checker) senders() map[string][]*facts {
	lines := make(map[string][]*facts)
	for _, e := range c.Log {
		if f := c.entries[e.Seq]; f != nil && f.final == e {
			lines[e.Sender] = append(lines[e.Sender], f)
		}
	}
	return lines
}

// timeline is the largest number that was known at each time.
type timeline []milestone

type milestone struct {
	at time.Duration
	n  int64
}

// sorted returns the timeline of milestones in any order.
func sorted(line []milestone) timeline {
	slices.SortFunc(line, func(a, b milestone) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(line); i++ {
		line[i].n = max(line[i].n, line[i-1].n)
	}
	return line
}

// before returns the largest number that was known before a time; 0 for none.
func (l timeline) before(t time.Duration) int64 {
	i, _ := slices.BinarySearchFunc(l, t, func(m milestone, t time.Duration) int { return cmp.Compare(m.at, t) })
	if i == 0 {
		return 0
	}
	return l[i-1].n
}

// order checks that an add that was known before another began has the smaller number. It is the last check of entries,
// since all that is known must be noted before.
func (c *checker) order() {
	earliest, who := Never, Entry{} // of all entries with a larger number, the one that was known first
	for _, e := range slices.Backward(c.Log) {
		f := c.entries[e.Seq]
		if f == nil || f.final != e {
			continue
		}
		if f.add != nil && f.add.Began > earliest {
			c.breaks(Overtaken, "%q (%d) was known at %s, before %q (%d) began at %s", who.Body, who.Seq, seconds(earliest), f.add.Body, e.Seq, seconds(f.add.Began))
		}
		if f.known < earliest {
			earliest, who = f.known, e
		}
	}
}
