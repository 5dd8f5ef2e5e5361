package history

import "slices"

// numbered identifies a signal.
type numbered struct {
	sender string
	n      int64
}

// signals checks the signals that listeners received against those that were sent.
func (c *checker) signals() {
	sent := make(map[numbered]*Signal, len(c.History.Signals))
	for _, s := range c.History.Signals {
		sent[numbered{s.Sender, s.N}] = s
	}
	for _, l := range c.Listeners {
		heard := make(map[numbered]bool, len(l.Heard))
		last := make(map[string]*Signal) // of each sender: the signal received that was sent last
		for _, g := range l.Heard {
			id := numbered{g.Sender, g.N}
			s, before := sent[id], last[g.Sender]
			switch {
			case s == nil || s.From != g.From || g.At < s.Asked:
				c.breaks(Misheard, "%s heard %s's %d from %s at %s, which was not sent so", l.Name, g.Sender, g.N, g.From, seconds(g.At))
			case s.To != "" && s.To != l.Connection:
				c.breaks(Astray, "%s, who is %s, heard %s's %d, which was for %s", l.Name, l.Connection, g.Sender, g.N, s.To)
			case heard[id]:
				c.breaks(HeardTwice, "%s heard %s's %d again at %s", l.Name, g.Sender, g.N, seconds(g.At))
			case before != nil && s.Ended < before.Asked:
				c.breaks(Disordered, "%s heard %s's %d at %s after %d, which was asked when it had been answered", l.Name, g.Sender, g.N, seconds(g.At), before.N)
			}
			heard[id] = true
			if s != nil && (before == nil || s.Asked > before.Asked) {
				last[g.Sender] = s
			}
		}
		c.unheard(l, heard)
	}
}

// unheard checks that a listener received the signals that must arrive.
func (c *checker) unheard(l *Listener, heard map[numbered]bool) {
	if !l.Complete {
		return
	}
	for _, s := range c.History.Signals {
		if s.mustReach(l) && !heard[numbered{s.Sender, s.N}] {
			c.breaks(Unheard, "%s did not hear %s's %d of %s", l.Name, s.Sender, s.N, seconds(s.Asked))
		}
	}
}

// presence checks the changes that watchers saw, and that all agree in the end.
func (c *checker) presence() {
	reasons := make(map[string]string) // of each end: the first that a watcher was told
	for _, w := range c.Watchers {
		there := c.watcher(w, reasons)
		if w.Complete && c.Present != nil {
			c.agree(w.Name, there)
		}
	}
	if c.Present == nil {
		return
	}
	for who, roster := range c.Rosters {
		there := make(map[string]bool, len(roster))
		for _, id := range roster {
			if there[id] {
				c.breaks(Impossible, "%s lists %s twice", who, id)
			}
			there[id] = true
		}
		c.agree(who, there)
	}
}

// watcher follows a watcher's changes and returns the connections that are there in the end.
func (c *checker) watcher(w *Watcher, reasons map[string]string) map[string]bool {
	there, gone := map[string]bool{}, map[string]bool{}
	for i, change := range w.Changes {
		id := change.Connection
		switch {
		case change.Kind == Snapshot:
			clear(there)
			clear(gone) // another node may be behind the last one
			for _, id := range change.State {
				there[id] = true
			}
		case i == 0:
			c.breaks(Impossible, "%s had a change of %s before a snapshot", w.Name, id)
		case change.Kind == Created && (there[id] || gone[id]):
			c.breaks(Impossible, "%s was told at %s that %s came, who was there or had gone", w.Name, seconds(change.At), id)
		case change.Kind == Created:
			there[id] = true
		case !there[id]:
			c.breaks(Impossible, "%s was told at %s that %s went, who was not there", w.Name, seconds(change.At), id)
		default:
			delete(there, id)
			gone[id] = true
			if first, ok := reasons[id]; ok && first != change.Reason {
				c.breaks(Disagreed, "%s was told %s of %s, another %s", w.Name, change.Reason, id, first)
			}
			reasons[id] = change.Reason
		}
	}
	return there
}

// agree checks that a watcher or a node has exactly the connections that are there. who names it.
func (c *checker) agree(who string, there map[string]bool) {
	for _, id := range c.Present {
		if !there[id] {
			c.breaks(Diverged, "%s lacks %s, who is there", who, id)
		}
	}
	for id := range there {
		if !slices.Contains(c.Present, id) {
			c.breaks(Diverged, "%s has %s, who is not there", who, id)
		}
	}
}
