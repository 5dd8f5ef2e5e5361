package history_test

import (
	"math/rand/v2"
	"slices"

	. "chattok/internal/history"
)

var logFaults = []fault{
	{"read an entry from a cache that an edit left", Unedited, lateRead(Edited, byChatEntry)},
	{"read a page from a cache that an edit left", Unedited, lateRead(Edited, byPage)},
	{"follow entries from a chunk that an edit left", Unedited, lateRead(Edited, bySubscriber)},
	{"follow the log from a chunk that an edit left", Unedited, lateRead(Edited, byLogReader)},
	{"read an entry without a reaction that was answered", Unedited, lateRead(Reacted, byChatEntry)},
	{"read an entry that was deleted", Undeleted, lateRead(Deleted, byChatEntry)},
	{"read a page with an entry that was deleted", Undeleted, lateRead(Deleted, byPage)},
	{"follow entries from a chunk that a deletion left", Undeleted, lateRead(Deleted, bySubscriber)},
	{"follow the log from a chunk that a deletion left", Undeleted, lateRead(Deleted, byLogReader)},
	{"answer an edit with the entry as it was", Unedited, func(h *History, r *rand.Rand) bool {
		ch, ok := answeredChange(h, r, Edited)
		if !ok {
			return false
		}
		old, ok := older(h, ch.Seq, 2)
		if ok {
			ch.Answer = old
		}
		return ok
	}},
	{"answer a deletion with the entry as it was", Undeleted, func(h *History, r *rand.Rand) bool {
		ch, ok := answeredChange(h, r, Deleted)
		if !ok {
			return false
		}
		old, ok := older(h, ch.Seq, ch.Answer.Version)
		if ok {
			ch.Answer = old
		}
		return ok
	}},
	{"delete and keep the text", Undeleted, func(h *History, r *rand.Rand) bool {
		e, ok := pick(r, h.Log, func(e Entry) bool { return e.DeletedBy != "" })
		if ok {
			h.Log[e.Seq-1].Body = "left"
			h.EntryChanges = append(h.EntryChanges, &EntryChange{Kind: Edited, Seq: e.Seq, Body: "left", Actors: []string{"c1"}, Ended: Never})
		}
		return ok
	}},
	{"bring back what was deleted", Undeleted, func(h *History, r *rand.Rand) bool {
		ch, ok := answeredChange(h, r, Deleted)
		if !ok {
			return false
		}
		old, ok := older(h, ch.Seq, ch.Answer.Version)
		if !ok {
			return false
		}
		e := &h.Log[ch.Seq-1]
		old.Version = e.Version + 1
		*e = old
		h.Events = nil
		h.EntryChanges = append(h.EntryChanges, &EntryChange{Kind: Reacted, Name: "+1", Seq: ch.Seq, Actors: []string{"c1"}, Ended: Never})
		return true
	}},
	{"show a version again that is older", Backwards, func(h *History, r *rand.Rand) bool {
		l, i, ok := seenChange(h, r, func(l *LogReader, i int) bool { _, ok := older(h, l.Seen[i].Entry.Seq, 2); return ok })
		if ok {
			again := l.Seen[i]
			again.Entry, _ = older(h, again.Entry.Seq, 2)
			again.Place++
			l.Seen = slices.Insert(l.Seen, i+1, again)
		}
		return ok
	}},
	{"show an older version than the page had", Backwards, func(h *History, r *rand.Rand) bool {
		e, ok := pick(r, h.Log, func(e Entry) bool { _, ok := older(h, e.Seq, e.Version); return ok })
		if ok {
			old, _ := older(h, e.Seq, e.Version)
			p := &Page{Entries: []Entry{e}, Asked: Never - 3, At: Never - 2, Last: e.Place - 1}
			h.LogReaders = append(h.LogReaders, &LogReader{Name: "late", After: p.Last, Page: p,
				Seen: []EventSighting{{Event: Event{Place: e.Place, Entry: old}, At: Never - 1}}})
		}
		return ok
	}},
	{"show events again after a resume", Backwards, func(h *History, r *rand.Rand) bool {
		l, i, ok := seenChange(h, r, anyChange)
		if ok {
			l.Seen = slices.Insert(l.Seen, i, l.Seen[i])
		}
		return ok
	}},
	{"swap two events for one reader", Unordered, func(h *History, r *rand.Rand) bool {
		l, i, ok := seenChange(h, r, func(l *LogReader, i int) bool {
			other := func(o *LogReader) bool {
				return o != l && slices.ContainsFunc(o.Seen, func(ev EventSighting) bool { return ev.Place == l.Seen[i].Place })
			}
			return i > 0 && l.Seen[i-1].Entry.Seq != l.Seen[i].Entry.Seq && slices.ContainsFunc(h.LogReaders, other)
		})
		if ok {
			a, b := &l.Seen[i-1].Event, &l.Seen[i].Event
			a.Entry, b.Entry, a.Change, b.Change = b.Entry, a.Entry, b.Change, a.Change
		}
		return ok
	}},
	{"show a change with the version before it", Unordered, func(h *History, r *rand.Rand) bool {
		l, i, ok := seenChange(h, r, func(l *LogReader, i int) bool { _, ok := older(h, l.Seen[i].Entry.Seq, 2); return ok })
		if ok {
			l.Seen[i].Entry, _ = older(h, l.Seen[i].Entry.Seq, 2)
		}
		return ok
	}},
	{"swap two additions in the log", Unordered, func(h *History, r *rand.Rand) bool {
		i := 1 + r.IntN(len(h.Log)-1)
		h.Log[i].Place, h.Log[i-1].Place = h.Log[i-1].Place, h.Log[i].Place
		return true
	}},
	{"skip a change that was not superseded", Skipped, func(h *History, r *rand.Rand) bool {
		kept := func(place int64) bool {
			return slices.ContainsFunc(h.Events, func(ev Event) bool { return ev.Place == place })
		}
		l, i, ok := seenChange(h, r, func(l *LogReader, i int) bool { return i > 0 && i < len(l.Seen)-1 && kept(l.Seen[i].Place) })
		if ok {
			l.Seen = slices.Delete(l.Seen, i, i+1)
		}
		return ok
	}},
	{"forget a reader of the log", Unfinished, func(h *History, r *rand.Rand) bool {
		l, i, ok := seenChange(h, r, anyChange)
		if ok {
			l.Seen = l.Seen[:i]
		}
		return ok && (i > 0 || l.After != FromNow)
	}},
	{"begin from now on with a change of before", Replayed, func(h *History, r *rand.Rand) bool {
		l, i, ok := seenChange(h, r, anyChange)
		if ok {
			at := l.Seen[i].At
			h.LogReaders = append(h.LogReaders, &LogReader{Name: "late", After: FromNow, Began: at + 1, Seen: []EventSighting{l.Seen[i]}})
		}
		return ok
	}},
	{"keep an old version for one reader", Unequal, func(h *History, r *rand.Rand) bool {
		e, ok := pick(r, h.Log, func(e Entry) bool { _, ok := older(h, e.Seq, e.Version); return ok })
		if ok {
			old, _ := older(h, e.Seq, e.Version)
			p := &Page{Entries: []Entry{old}, Last: h.Events[len(h.Events)-1].Place} // a lastCursor that was read after the entries
			h.LogReaders = append(h.LogReaders, &LogReader{Name: "late", Page: p, Complete: true})
		}
		return ok
	}},
	{"end the log's events with an old version", Unequal, func(h *History, r *rand.Rand) bool {
		i := slices.IndexFunc(h.Events, func(ev Event) bool { _, ok := older(h, ev.Entry.Seq, ev.Entry.Version); return ok })
		if i >= 0 {
			h.Events[i].Entry, _ = older(h, h.Events[i].Entry.Seq, h.Events[i].Entry.Version)
		}
		return i >= 0
	}},
	{"lose the event of a change", Hole, func(h *History, r *rand.Rand) bool {
		i := slices.IndexFunc(h.Events, func(ev Event) bool { return ev.Change != 0 })
		if i >= 0 {
			h.Events = slices.Delete(h.Events, i, i+1)
		}
		return i >= 0
	}},
	{"keep an event that was superseded", Doubled, func(h *History, r *rand.Rand) bool {
		i := slices.IndexFunc(h.Events, func(ev Event) bool { return ev.Change != 0 })
		if i >= 0 {
			again := h.Events[i]
			again.Place = h.Events[len(h.Events)-1].Place + 1
			h.Events = append(h.Events, again)
		}
		return i >= 0
	}},
	{"carry out an edit again, by a late retry", Doubled, func(h *History, r *rand.Rand) bool {
		ch, ok := pick(r, h.EntryChanges, func(ch *EntryChange) bool { return ch.Kind == Edited && h.Log[ch.Seq-1].Body == ch.Body })
		if !ok {
			return false
		}
		e := &h.Log[ch.Seq-1]
		between := *e
		between.Version++
		between.Body = "between"
		e.Version += 2
		h.Events, h.LogReaders = nil, nil
		h.Reads = []Read{{Seq: ch.Seq, Asked: Never - 2, At: Never - 1, Entry: &between}}
		for range 2 {
			h.EntryChanges = append(h.EntryChanges, &EntryChange{Kind: Edited, Seq: ch.Seq, Body: between.Body, Actors: []string{"c1"}, Ended: Never})
			between.Body = "never"
		}
		h.Subscribers = append(h.Subscribers, &Subscriber{Seen: []Sighting{{Entry: ch.Answer, At: Never - 1}}})
		return ch.Answered() && ch.Answer.Body == ch.Body
	}},
	{"count a retry as a change", Doubled, func(h *History, r *rand.Rand) bool {
		h.Log[r.IntN(len(h.Log))].Version += 100
		return true
	}},
	{"let an edit overtake another that was answered", Overtaken, func(h *History, r *rand.Rand) bool {
		for _, first := range h.EntryChanges {
			later := func(ch *EntryChange) bool {
				return ch != first && ch.Kind == Edited && ch.Seq == first.Seq && sawText(h, ch) > sawText(h, first)
			}
			if first.Kind == Edited && sawText(h, first) > 0 && slices.ContainsFunc(h.EntryChanges, later) {
				first.Began = Never - 1
				return true
			}
		}
		return false
	}},
	{"place a change before what was known when it began", Overtaken, func(h *History, r *rand.Rand) bool {
		e, ok := pick(r, h.Log, func(e Entry) bool { return e.DeletedBy != "" })
		if ok {
			for _, ch := range h.EntryChanges {
				if ch.Kind == Deleted && ch.Seq == e.Seq {
					ch.Began = Never - 1
				}
			}
		}
		return ok && h.Events[len(h.Events)-1].Entry.Seq != e.Seq
	}},
	{"show an edit before anyone asked for it", Foreseen, func(h *History, r *rand.Rand) bool {
		l, i, ok := seenChange(h, r, func(l *LogReader, i int) bool {
			return slices.ContainsFunc(h.EntryChanges, func(ch *EntryChange) bool { return ch.Body != "" && ch.Body == l.Seen[i].Entry.Body })
		})
		if ok {
			l.Seen[i].At = -1
		}
		return ok
	}},
	{"show a deletion before anyone asked for it", Foreseen, func(h *History, r *rand.Rand) bool {
		l, i, ok := seenChange(h, r, func(l *LogReader, i int) bool { return l.Seen[i].Entry.DeletedBy != "" })
		if ok {
			l.Seen[i].At = -1
		}
		return ok
	}},
	{"delete without being asked", Invented, func(h *History, r *rand.Rand) bool {
		e, ok := pick(r, h.Log, func(e Entry) bool { return e.DeletedBy != "" })
		if ok {
			h.EntryChanges = slices.DeleteFunc(h.EntryChanges, func(ch *EntryChange) bool { return ch.Kind == Deleted && ch.Seq == e.Seq })
		}
		return ok
	}},
	{"make up a reaction", Invented, func(h *History, r *rand.Rand) bool {
		e, ok := pick(r, h.Log, func(e Entry) bool { return e.DeletedBy == "" })
		h.Log[max(e.Seq, 1)-1].Reactions += ReactionText([]Reaction{{Name: "made up", Count: 1}})
		return ok
	}},
	{"add an entry and delete it, unasked", Invented, func(h *History, r *rand.Rand) bool {
		n := int64(len(h.Log) + 1)
		h.Log = append(h.Log, Entry{Seq: n, Sender: "nobody", Version: 2, Place: 1 << 40, DeletedBy: "c1"})
		h.EntryChanges = append(h.EntryChanges, &EntryChange{Kind: Deleted, Seq: n, Actors: []string{"c1"}, Ended: Never})
		return true
	}},
	{"show a change that was rolled back", Phantom, func(h *History, r *rand.Rand) bool {
		l, i, ok := seenChange(h, r, anyChange)
		if ok {
			l.Seen[i].Entry.Version = h.Log[l.Seen[i].Entry.Seq-1].Version + 1
		}
		return ok
	}},
	{"show two the same version with different texts", Altered, func(h *History, r *rand.Rand) bool {
		ch, ok := answeredChange(h, r, Edited)
		if ok {
			other := ch.Answer
			other.Reactions += ReactionText([]Reaction{{Name: "+1", Count: 7}})
			h.Reads = append(h.Reads, Read{Seq: ch.Seq, Asked: ch.Ended, At: Never - 1, Entry: &other})
		}
		return ok
	}},
	{"answer latest with a deleted entry", Mistaken, func(h *History, r *rand.Rand) bool {
		e, ok := pick(r, h.Log, func(e Entry) bool { return e.DeletedBy != "" })
		h.Latest = append(h.Latest, Latest{Sender: e.Sender, Asked: Never - 2, At: Never - 1, Entry: &e})
		return ok
	}},
	{"read another entry", Mistaken, func(h *History, r *rand.Rand) bool {
		e := h.Log[r.IntN(len(h.Log))]
		h.Reads = append(h.Reads, Read{Seq: e.Seq + 1, Asked: Never - 2, At: Never - 1, Entry: &e})
		return true
	}},
	{"read nothing of an entry that was answered", Stale, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, answered)
		if ok {
			h.Reads = append(h.Reads, Read{Seq: a.Answer.Seq, Asked: a.Ended + 1, At: a.Ended + 2})
		}
		return ok
	}},
	{"end a page before what was answered", Stale, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, answered)
		if ok {
			h.Pages = append(h.Pages, &Page{Asked: a.Ended + 1, At: a.Ended + 2, Last: a.Answer.Place - 1})
		}
		return ok
	}},
	{"leave the end out of a page", Stale, func(h *History, r *rand.Rand) bool {
		i := slices.IndexFunc(h.Pages, func(p *Page) bool {
			return p.Newest && len(p.Entries) > 2 && p.Entries[len(p.Entries)-1].Place <= p.Last
		})
		if i >= 0 {
			p := h.Pages[i]
			p.Entries = p.Entries[:len(p.Entries)-1]
		}
		return i >= 0
	}},
	{"count a reaction twice", Miscounted, func(h *History, r *rand.Rand) bool {
		return recount(h, r, 10)
	}},
	{"forget a reaction that was answered", Miscounted, func(h *History, r *rand.Rand) bool {
		ch, ok := pick(r, h.EntryChanges, func(ch *EntryChange) bool {
			again := func(o *EntryChange) bool { return o.Kind == Reacted && o.Seq == ch.Seq && o.Name == ch.Name && !o.On }
			return ch.Kind == Reacted && ch.On && ch.Answered() && len(ch.Actors) == 1 && h.Log[ch.Seq-1].DeletedBy == "" &&
				!slices.ContainsFunc(h.EntryChanges, again)
		})
		if ok {
			h.Log[ch.Seq-1].Reactions = ""
		}
		return ok
	}},
	{"answer a reaction without it", Miscounted, func(h *History, r *rand.Rand) bool {
		ch, ok := pick(r, h.EntryChanges, func(ch *EntryChange) bool {
			again := func(o *EntryChange) bool { return o.Kind == Reacted && o.Seq == ch.Seq && o.Name == ch.Name && !o.On }
			return ch.Kind == Reacted && ch.On && ch.Answered() && len(ch.Actors) == 1 && ch.Answer.DeletedBy == "" &&
				!slices.ContainsFunc(h.EntryChanges, again)
		})
		if ok {
			ch.Answer.Reactions = ""
		}
		return ok
	}},
}

// recount adds to the count of a reaction that the log has.
func recount(h *History, r *rand.Rand, more int) bool {
	ch, ok := pick(r, h.EntryChanges, func(ch *EntryChange) bool { return ch.Kind == Reacted && h.Log[ch.Seq-1].DeletedBy == "" })
	if ok {
		h.Log[ch.Seq-1].Reactions = ReactionText([]Reaction{{Name: ch.Name, Count: more}})
	}
	return ok
}
