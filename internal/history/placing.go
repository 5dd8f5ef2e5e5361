package history

import (
	"maps"
	"slices"
)

// placing checks the places of the log against the times at which they were known. It comes when all that is known is noted.
func (c *checker) placing() {
	var line []milestone
	for _, f := range c.entries {
		line = append(line, milestone{f.known, f.final.Place})
		if v := f.versions[f.final.Version]; v.known != Never {
			line = append(line, milestone{v.known, f.place})
		}
		c.versionsByPlace(f)
	}
	for _, r := range c.History.LogReaders {
		for _, ev := range r.Seen {
			line = append(line, milestone{ev.At, ev.Place})
		}
	}
	for _, p := range c.Pages {
		line = append(line, milestone{p.At, p.Last})
	}
	known := sorted(line)
	for _, f := range c.entries {
		c.placed(f, known)
	}
	for _, p := range c.Pages {
		c.page(p, known)
	}
	for _, r := range c.History.Reads {
		if f := c.entries[r.Seq]; r.Entry == nil && f != nil && f.known < r.Asked {
			c.breaks(Stale, "chatEntry, asked at %s, has no %d, which was known", seconds(r.Asked), r.Seq)
		}
	}
	for _, r := range c.History.LogReaders {
		if r.After != FromNow || len(r.Seen) == 0 {
			continue
		}
		if first := r.Seen[0]; first.Place <= known.before(r.Began) {
			c.breaks(Replayed, "%s subscribed at %s and got place %d, which was known", r.Name, seconds(r.Began), first.Place)
		}
	}
}

// placed checks that an entry's add and changes have later places than all that was known before they were asked for.
func (c *checker) placed(f *facts, known timeline) {
	if f.add != nil {
		if n := known.before(f.add.Began); f.final.Place <= n {
			c.breaks(Overtaken, "%q is at place %d, but %d was known before it began at %s", f.add.Body, f.final.Place, n, seconds(f.add.Began))
		}
	}
	if c.History.Events == nil {
		return // the places of changes are not known
	}
	for _, v := range f.versions {
		edit := c.edits[v.entry.Body]
		if edit == nil {
			continue
		}
		if n := known.before(edit.Began); f.place <= n {
			c.breaks(Overtaken, "%s is at place %d at most, but %d was known before it began at %s", edit, f.place, n, seconds(edit.Began))
		}
	}
	if first := f.deletable(); f.final.DeletedBy != "" && f.place <= known.before(first) {
		c.breaks(Overtaken, "the deletion of %d is at place %d, but %d was known before it began at %s", f.final.Seq, f.place, known.before(first), seconds(first))
	}
}

// versionsByPlace checks that the events of an entry's changes show at least the versions that their order says.
func (c *checker) versionsByPlace(f *facts) {
	least := int64(2)
	for _, place := range slices.Sorted(maps.Keys(f.places)) {
		if got := f.places[place]; got < least {
			c.breaks(Unordered, "the change of %d at %d came with version %d, but it made %d at least", f.final.Seq, place, got, least)
		}
		least++
	}
}

// page checks that a page has what was known before it was asked for, and what its lastCursor says.
func (c *checker) page(p *Page, known timeline) {
	if n := known.before(p.Asked); p.Last < n {
		c.breaks(Stale, "a page, asked for at %s, ends at place %d, but %d was known", seconds(p.Asked), p.Last, n)
	}
	if p.Last > c.end() {
		c.breaks(Phantom, "a page of %s ends at place %d, which is not in the log", seconds(p.At), p.Last)
	}
	newest := int64(0)
	for _, e := range p.Entries {
		newest = e.Place
		if f := c.entries[e.Seq]; f != nil && c.History.Events != nil && f.place <= p.Last && e.Version < f.final.Version {
			c.breaks(Unedited, "a page that ends at place %d has version %d of %d, which was changed to %d at %d", p.Last, e.Version, e.Seq, f.final.Version, f.place)
		}
	}
	if lost, ok := c.lastAdded(p.Last); p.Newest && ok && newest < lost.Place {
		c.breaks(Stale, "a page of the end that ends at place %d lacks the entry %d at %d", p.Last, lost.Seq, lost.Place)
	}
}

// lastAdded returns the last entry that was added up to a place.
func (c *checker) lastAdded(place int64) (last Entry, ok bool) {
	i, found := slices.BinarySearchFunc(c.Log, place, func(e Entry, place int64) int { return int(e.Place - place) })
	if found {
		i++
	}
	if i == 0 {
		return Entry{}, false
	}
	return c.Log[i-1], true
}
