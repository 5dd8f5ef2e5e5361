package history_test

import (
	"math/rand/v2"
	"slices"

	. "chattok/internal/history"
)

// fault is a fault that a server could have. plant puts it into a correct history, and says whether that was possible.
type fault struct {
	name  string
	rule  Rule
	plant func(h *History, r *rand.Rand) bool
}

// pick returns a random one of the values that meet a condition.
func pick[T any](r *rand.Rand, all []T, fits func(T) bool) (one T, ok bool) {
	var some []T
	for _, x := range all {
		if fits(x) {
			some = append(some, x)
		}
	}
	if len(some) == 0 {
		return one, false
	}
	return some[r.IntN(len(some))], true
}

func answered(a *Add) bool { return a.Answered() }

// mentioned says whether the log or a subscriber of it has a body.
func mentioned(h *History, body string) bool {
	has := func(e Entry) bool { return e.Body == body }
	return slices.ContainsFunc(h.Log, has) || slices.ContainsFunc(h.Subscribers[0].Seen, func(s Sighting) bool { return has(s.Entry) })
}

// unchanged says whether an entry was never changed, and nobody tried to.
func unchanged(h *History, seq int64) bool {
	return h.Log[seq-1].Version == 1 && !slices.ContainsFunc(h.EntryChanges, func(ch *EntryChange) bool { return ch.Seq == seq })
}

// plain returns a condition of adds: it was answered, and its entry is as it was added.
func plain(h *History) func(*Add) bool {
	return func(a *Add) bool { return a.Answered() && unchanged(h, a.Answer.Seq) }
}

// rewritten returns some mentions of entries as change makes them, without those that it drops.
func rewritten[T any](all []T, entry func(*T) *Entry, change func(Entry) (Entry, bool)) []T {
	keep := all[:0:0]
	for _, x := range all {
		if e, drop := change(*entry(&x)); !drop {
			*entry(&x) = e
			keep = append(keep, x)
		}
	}
	slices.SortStableFunc(keep, func(a, b T) int { return int(entry(&a).Seq - entry(&b).Seq) })
	return keep
}

// rewrite changes every mention of an entry, as if it had always been so in the server. drop leaves the entry out. Records
// of readers of the log are dropped.
func rewrite(h *History, change func(Entry) (e Entry, drop bool)) {
	itself := func(e *Entry) *Entry { return e }
	h.Log = rewritten(h.Log, itself, change)
	h.Events, h.LogReaders, h.Reads = nil, nil, nil
	for _, a := range h.Adds {
		a.Answer, _ = change(a.Answer)
	}
	for _, ch := range h.EntryChanges {
		ch.Answer, _ = change(ch.Answer)
		e, _ := change(Entry{Seq: ch.Seq})
		ch.Seq = e.Seq
	}
	for _, s := range h.Subscribers {
		s.Seen = rewritten(s.Seen, func(x *Sighting) *Entry { return &x.Entry }, change)
	}
	for _, p := range h.Pages {
		p.Entries = rewritten(p.Entries, itself, change)
	}
	for i, l := range h.Latest {
		if l.Entry != nil {
			e, _ := change(*l.Entry)
			h.Latest[i].Entry = &e
		}
	}
}

var faults = []fault{
	{"drop one from the log", Hole, func(h *History, r *rand.Rand) bool {
		i := r.IntN(len(h.Log) - 1)
		h.Log = slices.Delete(h.Log, i, i+1)
		return true
	}},
	{"lose one that was answered", Lost, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, plain(h))
		if !ok {
			return false
		}
		gone := a.Answer
		rewrite(h, func(e Entry) (Entry, bool) { // the entries behind it close up, and no client has seen it
			if e.Seq > gone.Seq {
				e.Seq--
			}
			return e, e.Body == gone.Body
		})
		return ok
	}},
	{"double one", Doubled, func(h *History, r *rand.Rand) bool {
		e, ok := pick(r, h.Log, func(e Entry) bool { return e.DeletedBy == "" })
		e.Seq = int64(len(h.Log) + 1)
		h.Log = append(h.Log, e)
		return ok
	}},
	{"swap two in the log", Renumbered, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, func(a *Add) bool { return plain(h)(a) && a.Answer.Seq < int64(len(h.Log)) })
		if ok {
			x, y := &h.Log[a.Answer.Seq-1], &h.Log[a.Answer.Seq]
			x.Sender, x.Body, y.Sender, y.Body = y.Sender, y.Body, x.Sender, x.Body
		}
		return ok
	}},
	{"renumber one", Renumbered, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, plain(h))
		if ok {
			a.Answer.Seq++
		}
		return ok
	}},
	{"let one overtake another that was answered", Overtaken, func(h *History, r *rand.Rand) bool {
		first, ok := pick(r, h.Adds, func(a *Add) bool { return plain(h)(a) && a.Answer.Seq < int64(len(h.Log))-20 })
		if !ok {
			return false
		}
		second, ok := pick(r, h.Adds, func(b *Add) bool { return plain(h)(b) && b.Began > first.Ended })
		if !ok {
			return false
		}
		x, y := first.Answer, second.Answer
		rewrite(h, func(e Entry) (Entry, bool) { // all clients agree on it
			switch e.Seq {
			case x.Seq:
				e.Seq, e.Place = y.Seq, y.Place
			case y.Seq:
				e.Seq, e.Place = x.Seq, x.Place
			}
			return e, false
		})
		return true
	}},
	{"add one that nobody asked for", Invented, func(h *History, _ *rand.Rand) bool {
		h.Log = append(h.Log, Entry{Seq: int64(len(h.Log) + 1), Sender: "c1", Body: "surprise", Version: 1, Place: 1 << 40})
		return true
	}},
	{"show one that nobody asked for", Invented, func(h *History, _ *rand.Rand) bool {
		s := h.Subscribers[0]
		s.Seen = append(s.Seen, Sighting{Entry: Entry{Seq: int64(len(h.Log) + 1), Sender: "c1", Body: "surprise"}, At: Never - 1})
		return true
	}},
	{"store one as someone else's", Altered, func(h *History, r *rand.Rand) bool {
		e, ok := pick(r, h.Log, func(e Entry) bool { return e.Version == 1 })
		h.Log[max(e.Seq, 1)-1].Sender = "mallory"
		return ok
	}},
	{"answer with another entry", Altered, func(h *History, r *rand.Rand) bool {
		e, found := pick(r, h.Log, func(e Entry) bool { return unchanged(h, e.Seq) })
		a, ok := pick(r, h.Adds, func(a *Add) bool { return a.Answered() && a.Body != e.Body })
		if ok {
			a.Answer = e
		}
		return ok && found
	}},
	{"show one with another's number", Altered, func(h *History, r *rand.Rand) bool {
		s, ok := pick(r, h.Subscribers, func(s *Subscriber) bool { return len(s.Seen) > 0 })
		if ok {
			s.Seen[r.IntN(len(s.Seen))].Sender = "mallory"
		}
		return ok
	}},
	{"publish before commit, and roll back", Phantom, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, func(a *Add) bool {
			return !a.Answered() && !mentioned(h, a.Body)
		})
		if !ok {
			return false
		}
		s := h.Subscribers[0]
		s.Seen = append(s.Seen, Sighting{Entry: Entry{Seq: int64(len(h.Log) + 1), Sender: a.Senders[0], Body: a.Body}, At: Never - 1})
		return true
	}},
	{"publish before commit", Stale, func(h *History, r *rand.Rand) bool {
		seen, ok := pick(r, h.Subscribers[0].Seen, func(s Sighting) bool { return s.Seq > 1 && unchanged(h, s.Seq) })
		if !ok {
			return false
		}
		var older *Entry // a question right after does not find it
		for _, e := range h.Log[:seen.Seq-1] {
			if e.Sender == seen.Sender && e.DeletedBy == "" {
				older = &e
			}
		}
		h.Latest = append(h.Latest, Latest{Sender: seen.Sender, Asked: seen.At + 1, At: seen.At + 2, Entry: older})
		return true
	}},
	{"show an entry before anyone added it", Foreseen, func(h *History, r *rand.Rand) bool {
		s, ok := pick(r, h.Subscribers, func(s *Subscriber) bool { return len(s.Seen) > 0 })
		if ok {
			s.Seen[len(s.Seen)-1].At = -1
		}
		return ok
	}},
	{"skip one", Skipped, func(h *History, r *rand.Rand) bool {
		s, ok := pick(r, h.Subscribers, func(s *Subscriber) bool { return len(s.Seen) > 2 })
		if ok {
			i := 1 + r.IntN(len(s.Seen)-2)
			s.Seen = slices.Delete(s.Seen, i, i+1)
		}
		return ok
	}},
	{"skip the first after a cursor", Skipped, func(h *History, r *rand.Rand) bool {
		s, ok := pick(r, h.Subscribers, func(s *Subscriber) bool { return len(s.Seen) > 1 && s.After != FromNow })
		if ok {
			s.Seen = s.Seen[1:]
		}
		return ok
	}},
	{"show one twice, as a resume from an old cursor would", SeenTwice, func(h *History, r *rand.Rand) bool {
		s, ok := pick(r, h.Subscribers, func(s *Subscriber) bool { return len(s.Seen) > 0 })
		if ok {
			i := r.IntN(len(s.Seen))
			s.Seen = slices.Insert(s.Seen, i, s.Seen[i])
		}
		return ok
	}},
	{"show two in the wrong order", SeenTwice, func(h *History, r *rand.Rand) bool {
		s, ok := pick(r, h.Subscribers, func(s *Subscriber) bool { return len(s.Seen) > 1 })
		if ok {
			i := r.IntN(len(s.Seen) - 1)
			s.Seen[i], s.Seen[i+1] = s.Seen[i+1], s.Seen[i]
		}
		return ok
	}},
	{"show old entries to who subscribes from now on", Replayed, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, answered)
		h.Subscribers = append(h.Subscribers, &Subscriber{Name: "late", After: FromNow, Began: a.Ended + 1, Seen: []Sighting{{Entry: a.Answer, At: a.Ended + 2, Since: a.Ended + 1}}})
		return ok
	}},
	{"forget a subscriber", Unfinished, func(h *History, r *rand.Rand) bool {
		s, ok := pick(r, h.Subscribers, func(s *Subscriber) bool { return len(s.Seen) > 0 && s.After != FromNow })
		if ok {
			s.Seen = s.Seen[:r.IntN(len(s.Seen))]
		}
		return ok
	}},
	{"answer latest from a node that is behind", Stale, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, plain(h))
		if ok {
			h.Latest = append(h.Latest, Latest{Sender: a.Answer.Sender, Asked: a.Ended + 1, At: a.Ended + 1})
		}
		return ok
	}},
	{"answer latest with someone else's", Mistaken, func(h *History, r *rand.Rand) bool {
		i := slices.IndexFunc(h.Latest, func(l Latest) bool { return l.Entry != nil })
		if i >= 0 {
			h.Latest[i].Sender = "c-other"
		}
		return i >= 0
	}},
	{"make a signal up", Misheard, func(h *History, _ *rand.Rand) bool {
		h.Listeners[0].Heard = append(h.Listeners[0].Heard, Hearing{"c1@0", "c1", 1 << 40, Never - 1})
		return true
	}},
	{"say a signal is another's", Misheard, func(h *History, r *rand.Rand) bool {
		l, ok := pick(r, h.Listeners, func(l *Listener) bool { return len(l.Heard) > 0 })
		l.Heard[r.IntN(len(l.Heard))].From = "mallory"
		return ok
	}},
	{"send a signal to the wrong one", Astray, func(h *History, r *rand.Rand) bool {
		s, ok := pick(r, h.Signals, func(s *Signal) bool { return s.To != "" })
		if !ok {
			return false
		}
		l, found := pick(r, h.Listeners, func(l *Listener) bool { return l.Connection != s.To })
		l.Heard = append(l.Heard, Hearing{s.Sender, s.From, s.N, Never - 1})
		return found
	}},
	{"deliver a signal twice", HeardTwice, func(h *History, r *rand.Rand) bool {
		l, ok := pick(r, h.Listeners, func(l *Listener) bool { return len(l.Heard) > 0 })
		l.Heard = append(l.Heard, l.Heard[r.IntN(len(l.Heard))])
		return ok
	}},
	{"swap two signals of one sender", Disordered, func(h *History, _ *rand.Rand) bool {
		sent := func(g Hearing) *Signal {
			i := slices.IndexFunc(h.Signals, func(s *Signal) bool { return s.Sender == g.Sender && s.N == g.N })
			return h.Signals[i]
		}
		for _, l := range h.Listeners {
			for i, first := range l.Heard {
				for j, second := range l.Heard[i+1:] {
					if first.Sender == second.Sender && sent(first).Ended < sent(second).Asked {
						first.At = Never - 1
						l.Heard[i], l.Heard[i+1+j] = second, first
						return true
					}
				}
			}
		}
		return false
	}},
	{"lose a signal when all is well", Unheard, func(h *History, r *rand.Rand) bool {
		s, ok := pick(r, h.Signals, func(s *Signal) bool { return s.Must })
		l, found := pick(r, h.Listeners, func(l *Listener) bool { return s.To == "" || s.To == l.Connection })
		l.Heard = slices.DeleteFunc(l.Heard, func(g Hearing) bool { return g.Sender == s.Sender && g.N == s.N })
		return ok && found
	}},
	{"end a connection twice", Impossible, func(h *History, r *rand.Rand) bool {
		w := h.Watchers[0]
		end, ok := pick(r, w.Changes, func(c Change) bool { return c.Kind == Destroyed })
		w.Changes = append(w.Changes, end)
		return ok
	}},
	{"bring back a connection that ended", Impossible, func(h *History, r *rand.Rand) bool {
		w := h.Watchers[0]
		i := slices.IndexFunc(w.Changes, func(c Change) bool { return c.Kind == Destroyed })
		if i >= 0 {
			w.Changes = slices.Insert(w.Changes, i+1, Change{Kind: Created, Connection: w.Changes[i].Connection})
		}
		return i >= 0
	}},
	{"announce a connection before the snapshot", Impossible, func(h *History, _ *rand.Rand) bool {
		w := h.Watchers[0]
		w.Changes = slices.Insert(w.Changes, 0, Change{Kind: Created, Connection: "early"})
		return true
	}},
	{"tell two reasons for one end", Disagreed, func(h *History, r *rand.Rand) bool {
		for i, c := range h.Watchers[1].Changes {
			told := func(x Change) bool { return x.Kind == Destroyed && x.Connection == c.Connection }
			if c.Kind == Destroyed && slices.ContainsFunc(h.Watchers[0].Changes, told) {
				h.Watchers[1].Changes[i].Reason = "forceDisconnected"
				return true
			}
		}
		return false
	}},
	{"leave a watcher behind", Diverged, func(h *History, r *rand.Rand) bool {
		w := h.Watchers[r.IntN(len(h.Watchers))]
		i := len(w.Changes) - 1
		if w.Changes[i].Kind == Snapshot {
			return false
		}
		w.Changes = w.Changes[:i]
		return true
	}},
	{"list who has gone", Diverged, func(h *History, _ *rand.Rand) bool {
		h.Rosters["node 2"] = append(h.Rosters["node 2"], "ghost")
		return true
	}},
}
