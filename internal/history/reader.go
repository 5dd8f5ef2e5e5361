package history

import (
	"cmp"
	"slices"
	"time"
)

// subscriber checks that what a subscriber saw is a run of the log.
func (c *checker) subscriber(s *Subscriber) {
	last := s.After
	if last == FromNow {
		last = c.beginning(s)
	}
	for _, e := range s.Seen {
		switch {
		case e.Seq <= last:
			c.breaks(SeenTwice, "%s got %d (%q) at %s after it had %d", s.Name, e.Seq, e.Body, seconds(e.At), last)
		case e.Seq > last+1:
			c.breaks(Skipped, "%s got %d (%q) at %s after %d", s.Name, e.Seq, e.Body, seconds(e.At), last)
		}
		last = max(last, e.Seq)
		c.shown(s.Name, e.Entry, e.At)
	}
	if end := int64(len(c.Log)); s.Complete && last < end {
		c.breaks(Unfinished, "%s got no more than %d of %d", s.Name, last, end)
	}
}

// beginning returns the number before the first that a subscriber from now on saw. What was known before it subscribed
// must not be among what it saw.
func (c *checker) beginning(s *Subscriber) int64 {
	if len(s.Seen) == 0 {
		return int64(len(c.Log)) // whatever came, came before
	}
	first := s.Seen[0]
	if a := c.asked[first.Body]; a != nil && a.Ended < s.Began {
		c.breaks(Replayed, "%s subscribed at %s and got %d (%q), which was answered at %s", s.Name, seconds(s.Began), first.Seq, first.Body, seconds(a.Ended))
	}
	return first.Seq - 1
}

// latest checks every latestChatEntry against what was known of its sender before it was asked. It comes after the
// subscribers, from whom much is known.
func (c *checker) latest() {
	for _, l := range c.History.Latest { // first, what each shows: any later question must have as much
		if l.Entry != nil {
			c.shown("latestChatEntry("+l.Sender+")", *l.Entry, l.At)
		}
	}
	timeline := c.timeline()
	for _, l := range c.History.Latest {
		var got int64
		if l.Entry != nil {
			got = l.Entry.Seq
			if l.Entry.Sender != l.Sender {
				c.breaks(Mistaken, "latestChatEntry(%s) at %s was %d of %s", l.Sender, seconds(l.At), got, l.Entry.Sender)
			}
		}
		if want := timeline[l.Sender].before(l.Asked); got < want {
			c.breaks(Stale, "latestChatEntry(%s), asked at %s, was %d, but %d was known", l.Sender, seconds(l.Asked), got, want)
		}
	}
}

// timeline is the largest number of a sender that was known at each time.
type timeline []milestone

type milestone struct {
	at  time.Duration
	seq int64
}

// timeline returns each sender's.
func (c *checker) timeline() map[string]timeline {
	lines := make(map[string]timeline)
	for body, at := range c.known {
		if e, ok := c.place[body]; ok {
			lines[e.Sender] = append(lines[e.Sender], milestone{at, e.Seq})
		}
	}
	for _, line := range lines {
		slices.SortFunc(line, func(a, b milestone) int { return cmp.Compare(a.at, b.at) })
		for i := 1; i < len(line); i++ {
			line[i].seq = max(line[i].seq, line[i-1].seq)
		}
	}
	return lines
}

// before returns the largest number that was known before a time; 0 for none.
func (l timeline) before(t time.Duration) int64 {
	i, _ := slices.BinarySearchFunc(l, t, func(m milestone, t time.Duration) int { return cmp.Compare(m.at, t) })
	if i == 0 {
		return 0
	}
	return l[i-1].seq
}

// order checks that an add which was known before another began has the smaller number. It comes last of what is about
// entries, when all that is known is known.
func (c *checker) order() {
	earliest, who := Never, Entry{} // of all with a larger number: when the first was known
	for _, e := range slices.Backward(c.Log) {
		a := c.asked[e.Body]
		if a == nil {
			continue
		}
		if a.Began > earliest {
			c.breaks(Overtaken, "%q (%d) was known at %s, before %q (%d) began at %s", who.Body, who.Seq, seconds(earliest), e.Body, e.Seq, seconds(a.Began))
		}
		if at, ok := c.known[e.Body]; ok && at < earliest {
			earliest, who = at, e
		}
	}
}
