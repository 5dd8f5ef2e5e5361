package history_test

import (
	"math/rand/v2"
	"slices"

	. "chattok/internal/history"
)

// fault is something that a server could do wrong. plant makes a correct history one in which it happened, and says
// whether that could be done.
type fault struct {
	name  string
	rule  Rule
	plant func(h *History, r *rand.Rand) bool
}

// pick returns a random one of those that fit.
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

// rewrite changes every mention of an entry, as if the server had always had it so; drop leaves it out.
func rewrite(h *History, change func(Entry) (e Entry, drop bool)) {
	keep := h.Log[:0:0]
	for _, e := range h.Log {
		if e, drop := change(e); !drop {
			keep = append(keep, e)
		}
	}
	slices.SortFunc(keep, func(a, b Entry) int { return int(a.Seq - b.Seq) })
	h.Log = keep
	for _, a := range h.Adds {
		a.Answer, _ = change(a.Answer)
	}
	for _, s := range h.Subscribers {
		seen := s.Seen[:0:0]
		for _, x := range s.Seen {
			if e, drop := change(x.Entry); !drop {
				x.Entry = e
				seen = append(seen, x)
			}
		}
		slices.SortStableFunc(seen, func(a, b Sighting) int { return int(a.Seq - b.Seq) })
		s.Seen = seen
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
		a, ok := pick(r, h.Adds, answered)
		gone := a.Answer
		rewrite(h, func(e Entry) (Entry, bool) { // the others close up, and nobody has seen it
			if e.Seq > gone.Seq {
				e.Seq--
			}
			return e, e.Body == gone.Body
		})
		return ok
	}},
	{"double one", Doubled, func(h *History, r *rand.Rand) bool {
		e := h.Log[r.IntN(len(h.Log))]
		e.Seq = int64(len(h.Log) + 1)
		h.Log = append(h.Log, e)
		return true
	}},
	{"swap two in the log", Renumbered, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, func(a *Add) bool { return a.Answered() && a.Answer.Seq < int64(len(h.Log)) })
		if ok {
			x, y := &h.Log[a.Answer.Seq-1], &h.Log[a.Answer.Seq]
			*x, *y = Entry{x.Seq, y.Sender, y.Body}, Entry{y.Seq, x.Sender, x.Body}
		}
		return ok
	}},
	{"renumber one", Renumbered, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, answered)
		a.Answer.Seq++
		return ok
	}},
	{"let one overtake another that was answered", Overtaken, func(h *History, r *rand.Rand) bool {
		first, ok := pick(r, h.Adds, func(a *Add) bool { return a.Answered() && a.Answer.Seq < int64(len(h.Log))-20 })
		if !ok {
			return false
		}
		second, ok := pick(r, h.Adds, func(b *Add) bool { return b.Answered() && b.Began > first.Ended })
		if !ok {
			return false
		}
		x, y := first.Answer, second.Answer
		rewrite(h, func(e Entry) (Entry, bool) { // everyone agrees on it
			switch e.Body {
			case x.Body:
				e.Seq = y.Seq
			case y.Body:
				e.Seq = x.Seq
			}
			return e, false
		})
		return true
	}},
	{"add one that nobody asked for", Invented, func(h *History, _ *rand.Rand) bool {
		h.Log = append(h.Log, Entry{int64(len(h.Log) + 1), "c1", "surprise"})
		return true
	}},
	{"show one that nobody asked for", Invented, func(h *History, _ *rand.Rand) bool {
		s := h.Subscribers[0]
		s.Seen = append(s.Seen, Sighting{Entry{int64(len(h.Log) + 1), "c1", "surprise"}, Never - 1})
		return true
	}},
	{"store one as someone else's", Altered, func(h *History, r *rand.Rand) bool {
		h.Log[r.IntN(len(h.Log))].Sender = "mallory"
		return true
	}},
	{"answer with another entry", Altered, func(h *History, r *rand.Rand) bool {
		a, ok := pick(r, h.Adds, func(a *Add) bool { return a.Answered() && a.Answer.Body != h.Log[0].Body })
		a.Answer = h.Log[0]
		return ok
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
			return !a.Answered() && !slices.ContainsFunc(h.Log, func(e Entry) bool { return e.Body == a.Body })
		})
		if !ok {
			return false
		}
		s := h.Subscribers[0]
		s.Seen = append(s.Seen, Sighting{Entry{int64(len(h.Log) + 1), a.Senders[0], a.Body}, Never - 1})
		return true
	}},
	{"publish before commit", Stale, func(h *History, r *rand.Rand) bool {
		seen, ok := pick(r, h.Subscribers[0].Seen, func(s Sighting) bool { return s.Seq > 1 })
		if !ok {
			return false
		}
		var older *Entry // who asks right after does not find it
		for _, e := range h.Log[:seen.Seq-1] {
			if e.Sender == seen.Sender {
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
		h.Subscribers = append(h.Subscribers, &Subscriber{Name: "late", After: FromNow, Began: a.Ended + 1, Seen: []Sighting{{a.Answer, a.Ended + 2}}})
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
		a, ok := pick(r, h.Adds, answered)
		h.Latest = append(h.Latest, Latest{Sender: a.Answer.Sender, Asked: a.Ended + 1, At: a.Ended + 1})
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
		l, found := pick(r, h.Listeners, func(l *Listener) bool { return l.Connection != s.To })
		l.Heard = append(l.Heard, Hearing{s.Sender, s.From, s.N, Never - 1})
		return ok && found
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
