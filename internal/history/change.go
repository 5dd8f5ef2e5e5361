package history

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// requests notes the changes that were asked for with their entries.
func (c *checker) requests() {
	for _, ch := range c.History.EntryChanges {
		if f := c.entries[ch.Seq]; f != nil {
			f.changes = append(f.changes, ch)
		} else {
			c.breaks(Phantom, "%s is of an entry that is not in the log", ch)
		}
	}
	for _, e := range c.Log {
		f := c.entries[e.Seq]
		if f == nil {
			continue
		}
		if len(f.changes) < int(f.final.Version)-1 {
			c.breaks(Doubled, "%d has version %d, but only %d changes of it were asked for", e.Seq, e.Version, len(f.changes))
		}
		c.views = append(c.views, view{"the log", e, Never, Never})
		f.versions[e.Version] = &version{e, Never}
		if edit := c.edits[e.Body]; edit != nil && edit.Seq != e.Seq {
			c.breaks(Altered, "the log has %q at %d, which %d was to be changed to", e.Body, e.Seq, edit.Seq)
		}
		if e.DeletedBy != "" {
			c.deletion("the log", f, e, Never)
		}
	}
	for _, ch := range c.History.EntryChanges {
		if f := c.entries[ch.Seq]; f != nil && ch.Answered() {
			c.answer(ch, f)
		}
	}
}

// answer checks a change's answer.
func (c *checker) answer(ch *EntryChange, f *facts) {
	got := ch.Answer
	if got.Seq != ch.Seq {
		c.breaks(Altered, "%s was answered with %d", ch, got.Seq)
		return
	}
	switch {
	case ch.Kind == Deleted && got.DeletedBy == "":
		c.breaks(Undeleted, "%s was answered at %s with an entry that is not deleted: %+v", ch, seconds(ch.Ended), got)
	case ch.Kind == Edited && (got.Version == 1 || got.DeletedBy == "" && got.Body != ch.Body && c.before(got.Body, ch)):
		c.breaks(Unedited, "%s was answered at %s with a text of before: %+v", ch, seconds(ch.Ended), got)
	case ch.Kind == Reacted && got.DeletedBy == "":
		c.counted("the answer of "+ch.String(), f, view{"", got, ch.Tried, ch.Ended}, ch)
	}
	c.shown("the sender of "+ch.String(), got, ch.Tried, ch.Ended)
}

// before says whether a text of the same entry was there before a change was asked for.
func (c *checker) before(body string, ch *EntryChange) bool {
	if edit := c.edits[body]; edit != nil {
		return edit.Ended < ch.Began
	}
	return true // the author of a change has seen the entry
}

// deletion checks that an entry that is deleted lacks what a deletion takes, and that the deletion was asked for.
func (c *checker) deletion(who string, f *facts, e Entry, at time.Duration) {
	if e.Body != "" || e.Reactions != "" {
		c.breaks(Undeleted, "%s got what was deleted at %s: %+v", who, seconds(at), e)
	}
	first, asked := Never, false
	for _, ch := range f.changes {
		if ch.Kind == Deleted && (len(ch.Actors) == 0 || slices.Contains(ch.Actors, e.DeletedBy)) {
			first, asked = min(first, ch.Began), true
		}
	}
	switch {
	case !asked:
		c.breaks(Invented, "%s got a deletion of %d by %s, who did not ask for it", who, e.Seq, e.DeletedBy)
	case at < first:
		c.breaks(Foreseen, "%s got the deletion of %d at %s, before %s asked for it", who, e.Seq, seconds(at), e.DeletedBy)
	}
}

// deletable returns when an entry's deletion was first asked for; Never where it was not.
func (f *facts) deletable() time.Duration {
	first := Never
	for _, ch := range f.changes {
		if ch.Kind == Deleted {
			first = min(first, ch.Began)
		}
	}
	return first
}

// versions checks each entry's versions, and every view of an entry against the versions that were known before it was asked
// for. It comes after all views.
func (c *checker) versions() {
	known := make(map[int64]timeline, len(c.entries))
	deleted := make(map[int64]int64) // of an entry: the version in which it is deleted
	spare := c.spare()
	for seq, f := range c.entries {
		c.course(f, spare)
		var line []milestone
		for n, v := range f.versions {
			line = append(line, milestone{v.known, n})
			if v.entry.DeletedBy != "" {
				deleted[seq] = n
			}
		}
		known[seq] = sorted(line)
	}
	for _, v := range c.views {
		e := v.entry
		f := c.entries[e.Seq]
		want := known[e.Seq].before(v.since)
		switch n, gone := deleted[e.Seq]; {
		case e.Version >= want:
		case gone && want >= n && e.DeletedBy == "":
			c.breaks(Undeleted, "%s, since %s, got version %d of %d at %s, which was known to be deleted", v.who, seconds(v.since), e.Version, e.Seq, seconds(v.at))
		default:
			c.breaks(Unedited, "%s, since %s, got version %d of %d at %s, but version %d was known", v.who, seconds(v.since), e.Version, e.Seq, seconds(v.at), want)
		}
		if e.DeletedBy == "" {
			c.counted(v.who, f, v, nil)
		}
	}
}

// course checks that the versions of an entry follow from each other: the text of its add, then those of edits, each in versions next
// to each other, in an order that their times allow, and at last the deletion.
func (c *checker) course(f *facts, spare map[string]bool) {
	firsts := make(map[string]int64) // of each text: the first version that has it
	last, gone := "", false
	for _, n := range slices.Sorted(maps.Keys(f.versions)) {
		e := f.versions[n].entry
		first, had := firsts[e.Body]
		edit := c.edits[e.Body]
		switch {
		case n == 1 && (e.DeletedBy != "" || edit != nil || e.Reactions != ""):
			c.breaks(Altered, "%d was changed in its first version: %+v", e.Seq, e)
		case gone && e.DeletedBy == "":
			c.breaks(Undeleted, "%d was deleted before version %d: %+v", e.Seq, n, e)
		case gone:
			c.breaks(Doubled, "%d was changed when it had been deleted: %+v", e.Seq, e)
		case e.DeletedBy != "":
			gone = true
		case had && e.Body != last:
			c.breaks(Doubled, "%d has in version %d the text %q of version %d again", e.Seq, n, e.Body, first)
		case !had && edit == nil && len(firsts) > 0:
			c.breaks(Doubled, "%d has in version %d the text %q again, which it was added with", e.Seq, n, e.Body)
		}
		if !had {
			firsts[e.Body] = n
		}
		last = e.Body
	}
	c.overtaken(f, firsts)
	switch {
	case f.add == nil && !spare[f.final.Sender] && c.changed(f.final):
		c.breaks(Invented, "the log has %d of %s, which nobody added", f.final.Seq, f.final.Sender)
	case f.add == nil:
	case !slices.Contains(f.add.Senders, f.final.Sender):
		c.breaks(Altered, "the log has %d of %s, but %q was added by %v", f.final.Seq, f.final.Sender, f.add.Body, f.add.Senders)
	case !f.add.Answered():
		c.Stored++
	}
}

// spare returns the senders of adds whose entries nobody saw with the text that they were added with: an entry that was changed
// at once may be one of them.
func (c *checker) spare() map[string]bool {
	seen := make(map[*Add]bool, len(c.entries))
	for _, f := range c.entries {
		seen[f.add] = true
	}
	senders := make(map[string]bool)
	for _, a := range c.History.Adds {
		if seen[a] || a.Answered() {
			continue
		}
		for _, s := range a.Senders {
			senders[s] = true
		}
	}
	return senders
}

// overtaken checks that an edit that was known before another of the same entry began has the older version.
func (c *checker) overtaken(f *facts, firsts map[string]int64) {
	bodies := slices.SortedFunc(maps.Keys(firsts), func(a, b string) int { return cmp.Compare(firsts[b], firsts[a]) })
	earliest, who := Never, "" // of all later texts: the one that was known first
	for _, body := range bodies {
		edit := c.edits[body]
		if edit == nil {
			continue
		}
		if edit.Began > earliest {
			c.breaks(Overtaken, "%s, known at %s, has a later version than %s, which began at %s", who, seconds(earliest), edit, seconds(edit.Began))
		}
		if at := f.versions[firsts[body]].known; at < earliest {
			earliest, who = at, edit.String()
		}
	}
}
