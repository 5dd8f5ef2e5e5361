package history

import "slices"

// counted checks the counts of an entry's reactions as a client was shown them: of each name those who surely react so, and at
// most those who may. own is the reaction that this is the answer of; nil for none.
func (c *checker) counted(who string, f *facts, v view, own *EntryChange) {
	if v.entry.Reactions == "" && len(f.changes) == 0 {
		return
	}
	counts := reactionCounts(v.entry.Reactions)
	byName := make(map[string][]*EntryChange)
	for _, ch := range f.changes {
		if ch.Kind == Reacted {
			byName[ch.Name] = append(byName[ch.Name], ch)
		}
	}
	for name, n := range counts {
		if byName[name] == nil {
			c.breaks(Invented, "%s got %d of the reaction %s to %d, which nobody asked for", who, n, name, v.entry.Seq)
		}
	}
	for name, asked := range byName {
		if least, most := reacting(asked, v, own); counts[name] < least || counts[name] > most {
			c.breaks(Miscounted, "%s, since %s, got %d of the reaction %s in version %d of %d at %s, but it is %d to %d", who, seconds(v.since),
				counts[name], name, v.entry.Version, v.entry.Seq, seconds(v.at), least, most)
		}
	}
}

// reacting returns how many surely reacted with a name during all the time of a view, and how many may have at some time of it.
// asked are all requests for the name.
func reacting(asked []*EntryChange, v view, own *EntryChange) (least, most int) {
	ended := func(ch *EntryChange) bool { return ch == own || ch.Ended < v.since } // before the view began
	of := make(map[string][]*EntryChange)
	for _, ch := range asked {
		for _, actor := range ch.Actors {
			of[actor] = append(of[actor], ch)
		}
	}
	for _, all := range of {
		surely, maybe := false, false
		for _, on := range all {
			if !on.On || on.Began > v.at {
				continue
			}
			surely = surely || ended(on) && len(on.Actors) == 1 && !slices.ContainsFunc(all, func(off *EntryChange) bool {
				return !off.On && off.Began <= v.at && off.Ended >= on.Began
			})
			maybe = maybe || !slices.ContainsFunc(all, func(off *EntryChange) bool {
				return !off.On && len(off.Actors) == 1 && ended(off) && off.Began > on.Ended
			})
		}
		if surely {
			least++
		}
		if maybe {
			most++
		}
	}
	return least, most
}
