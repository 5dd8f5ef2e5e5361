package history_test

import (
	"math/rand/v2"

	. "chattok/internal/history"
)

// answeredChange returns a random change of a kind that was answered and has another version before it that the log no longer has.
func answeredChange(h *History, r *rand.Rand, kind EntryChangeKind) (*EntryChange, bool) {
	return pick(r, h.EntryChanges, func(ch *EntryChange) bool {
		return ch.Kind == kind && ch.Answered() && ch.Answer.Version > 1 && (kind == Deleted || h.Log[ch.Seq-1].DeletedBy == "")
	})
}

// older returns an entry as some client saw it before a version.
func older(h *History, seq, version int64) (old Entry, ok bool) {
	for _, l := range h.LogReaders {
		for _, ev := range l.Seen {
			if ev.Entry.Seq == seq && ev.Entry.Version < version && ev.Entry.DeletedBy == "" {
				return ev.Entry, true
			}
		}
	}
	for _, a := range h.Adds {
		if a.Answered() && a.Answer.Seq == seq && a.Answer.Version < version {
			return a.Answer, true
		}
	}
	return old, false
}

// lateRead plants a reading of an entry as it was before a change of a kind, by read, after the change was answered.
func lateRead(kind EntryChangeKind, read func(h *History, old Entry, ch *EntryChange)) func(*History, *rand.Rand) bool {
	return func(h *History, r *rand.Rand) bool {
		for range 20 {
			ch, ok := answeredChange(h, r, kind)
			if !ok {
				return false
			}
			if old, ok := older(h, ch.Seq, ch.Answer.Version); ok {
				read(h, old, ch)
				return true
			}
		}
		return false
	}
}

func byChatEntry(h *History, old Entry, ch *EntryChange) {
	h.Reads = append(h.Reads, Read{Seq: old.Seq, Asked: ch.Ended + 1, At: ch.Ended + 2, Entry: &old})
}

func byPage(h *History, old Entry, ch *EntryChange) {
	h.Pages = append(h.Pages, &Page{Entries: []Entry{old}, Asked: ch.Ended + 1, At: ch.Ended + 2, Last: h.Events[len(h.Events)-1].Place})
}

func bySubscriber(h *History, old Entry, ch *EntryChange) {
	h.Subscribers = append(h.Subscribers, &Subscriber{Name: "late", After: old.Seq - 1, Began: ch.Ended + 1,
		Seen: []Sighting{{Entry: old, At: ch.Ended + 2, Since: ch.Ended + 1}}})
}

func byLogReader(h *History, old Entry, ch *EntryChange) {
	h.LogReaders = append(h.LogReaders, &LogReader{Name: "late", After: old.Place - 1, Began: ch.Ended + 1,
		Seen: []EventSighting{{Event: Event{Place: old.Place, Entry: old}, At: ch.Ended + 2, Since: ch.Ended + 1}}})
}

// seenChange returns a random reader of the log and the index of an event of a change that it saw and that fits.
func seenChange(h *History, r *rand.Rand, fits func(l *LogReader, i int) bool) (*LogReader, int, bool) {
	for range 50 {
		l := h.LogReaders[r.IntN(len(h.LogReaders))]
		if len(l.Seen) == 0 {
			continue
		}
		if i := r.IntN(len(l.Seen)); l.Seen[i].Change != 0 && fits(l, i) {
			return l, i, true
		}
	}
	return nil, 0, false
}

// sawText returns a version in which a reader of the log saw the text of an edit; 0 for none.
func sawText(h *History, edit *EntryChange) int64 {
	for _, l := range h.LogReaders {
		for _, ev := range l.Seen {
			if ev.Entry.Body == edit.Body {
				return ev.Entry.Version
			}
		}
	}
	return 0
}

func anyChange(*LogReader, int) bool { return true }
