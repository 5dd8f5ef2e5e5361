package history

import (
	"slices"
	"time"
)

// Check judges h. It takes time and memory in proportion to what was recorded.
func Check(h *History) *Verdict {
	c := &checker{History: h, Verdict: &Verdict{}, asked: make(map[string]*Add, len(h.Adds)),
		place: make(map[string]Entry, len(h.Log)), known: make(map[string]time.Duration, len(h.Log))}
	c.count()
	c.log()
	c.answers()
	for _, s := range h.Subscribers {
		c.subscriber(s)
	}
	c.latest()
	c.order()
	c.signals()
	c.presence()
	return c.Verdict
}

// checker is a check under way.
type checker struct {
	*History
	*Verdict
	asked map[string]*Add          // by body
	place map[string]Entry         // of each body: its first place in the log
	known map[string]time.Duration // of each body: when it was first known to be stored
}

func (c *checker) count() {
	n := &c.Counts
	n.Adds, n.Entries, n.Subscribers, n.Latest, n.Signals = len(c.History.Adds), len(c.Log), len(c.History.Subscribers), len(c.History.Latest), len(c.History.Signals)
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
	for _, l := range c.Listeners {
		n.Heard += len(l.Heard)
	}
	for _, w := range c.Watchers {
		n.Changes += len(w.Changes)
	}
}

// log checks the log by itself and against what was asked.
func (c *checker) log() {
	for _, a := range c.History.Adds {
		if c.asked[a.Body] != nil {
			panic("history: two adds have the body " + a.Body)
		}
		c.asked[a.Body] = a
	}
	for i, e := range c.Log {
		if want := int64(i + 1); e.Seq != want {
			c.breaks(Hole, "place %d of the log has number %d (%q)", want, e.Seq, e.Body)
		}
		if first, ok := c.place[e.Body]; ok {
			c.breaks(Doubled, "%q is in the log at %d and again at %d", e.Body, first.Seq, e.Seq)
			continue
		}
		c.place[e.Body] = e
		a := c.asked[e.Body]
		switch {
		case a == nil:
			c.breaks(Invented, "the log has %q at %d, which nobody added", e.Body, e.Seq)
		case !slices.Contains(a.Senders, e.Sender):
			c.breaks(Altered, "the log has %q at %d of %s, but it was added by %v", e.Body, e.Seq, e.Sender, a.Senders)
		case !a.Answered():
			c.Stored++
		}
	}
}

// answers checks each add's answer against the log.
func (c *checker) answers() {
	for _, a := range c.History.Adds {
		if !a.Answered() {
			continue
		}
		c.learn(a.Body, a.Ended)
		e, stored := c.place[a.Body]
		switch {
		case a.Answer.Body != a.Body || !slices.Contains(a.Senders, a.Answer.Sender):
			c.breaks(Altered, "%q of %v was answered with %q of %s", a.Body, a.Senders, a.Answer.Body, a.Answer.Sender)
		case !stored:
			c.breaks(Lost, "%q was answered with %d at %s and is not in the log", a.Body, a.Answer.Seq, seconds(a.Ended))
		case e.Seq != a.Answer.Seq:
			c.breaks(Renumbered, "%q was answered with %d and is at %d", a.Body, a.Answer.Seq, e.Seq)
		}
	}
}

// learn notes that an entry was known to be stored at a time.
func (c *checker) learn(body string, at time.Duration) {
	if before, ok := c.known[body]; !ok || at < before {
		c.known[body] = at
	}
}

// shown checks an entry that who was shown at a time against the log.
func (c *checker) shown(who string, e Entry, at time.Duration) {
	stored, ok := c.place[e.Body]
	switch {
	case !ok && c.asked[e.Body] == nil:
		c.breaks(Invented, "%s got %q with number %d at %s, which nobody added", who, e.Body, e.Seq, seconds(at))
		return
	case !ok:
		c.breaks(Phantom, "%s got %q with number %d at %s, which is not in the log", who, e.Body, e.Seq, seconds(at))
		return
	case stored != e:
		c.breaks(Altered, "%s got %q with number %d of %s, but the log has it at %d of %s", who, e.Body, e.Seq, e.Sender, stored.Seq, stored.Sender)
	}
	if a := c.asked[e.Body]; a != nil && at < a.Began {
		c.breaks(Foreseen, "%s got %q at %s, but it was added at %s", who, e.Body, seconds(at), seconds(a.Began))
	}
	c.learn(e.Body, at)
}

// Lateness returns how long after its answer, at most, any entry was seen by a subscriber that was there before.
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
