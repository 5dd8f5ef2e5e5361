package history_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	. "chattok/internal/history"
)

// feed makes readers of the feed of a correct server: each has all events, or those of a run, and leaves out places that were superseded
// when it read them.
func (m *model) feed() {
	type progress struct{ log, revision, made int64 }
	sessions := make([]progress, 3)
	var events []FeedSighting
	put := func(i int, kind FeedKind, number int64) {
		id := fmt.Sprint(i, " ", sessions[i].made, " ", kind, " ", number)
		events = append(events, FeedSighting{Place: int64(len(events) + 1), ID: id, Session: fmt.Sprint("s", i), Kind: kind, Number: number})
	}
	for range 200 {
		i := m.random.IntN(len(sessions))
		s := &sessions[i]
		switch n := m.random.IntN(20); {
		case s.made%2 == 0:
			s.made++
			put(i, FeedSessionCreated, 1)
		case n < 12:
			s.log++
			put(i, FeedLog, s.log)
		case n < 19:
			s.revision++
			put(i, FeedRoster, s.revision)
		default:
			put(i, FeedSessionDeleted, 1)
			*s = progress{made: s.made + 1}
		}
	}
	superseded := func(s FeedSighting) bool { return s.Kind == FeedLog && m.random.IntN(8) == 0 && s.Place < 200 }
	for i := range 3 {
		seen := slices.DeleteFunc(slices.Clone(events), superseded)
		m.h.Feed = append(m.h.Feed, &FeedReader{Name: fmt.Sprint("feed ", i), Seen: seen, Complete: true, Through: 200})
	}
	m.h.Feed = append(m.h.Feed, &FeedReader{Name: "passing", Seen: slices.Clone(events[m.random.IntN(100):150])})
}

// fed returns a random complete reader, and an event of it that meets a condition, with its index.
func fed(h *History, r *rand.Rand, fits func(all []FeedSighting, i int) bool) (reader *FeedReader, i int, ok bool) {
	reader = h.Feed[r.IntN(3)]
	var some []int
	for i := range reader.Seen {
		if fits(reader.Seen, i) {
			some = append(some, i)
		}
	}
	if len(some) == 0 {
		return nil, 0, false
	}
	return reader, some[r.IntN(len(some))], true
}

func ofKind(kind FeedKind) func([]FeedSighting, int) bool {
	return func(all []FeedSighting, i int) bool { return i < len(all)-1 && all[i].Kind == kind }
}

var feedFaults = []fault{
	{"feed an event again after a resume", SeenTwice, func(h *History, r *rand.Rand) bool {
		f, i, ok := fed(h, r, ofKind(FeedLog))
		if ok {
			f.Seen = slices.Insert(f.Seen, i+1, f.Seen[i])
		}
		return ok
	}},
	{"feed an event again at a later place", SeenTwice, func(h *History, r *rand.Rand) bool {
		f, i, ok := fed(h, r, ofKind(FeedRoster))
		if ok {
			again := f.Seen[i]
			again.Place = f.Seen[len(f.Seen)-1].Place + 1
			f.Seen = append(f.Seen, again)
		}
		return ok
	}},
	{"feed an earlier place after a later one", Backwards, func(h *History, r *rand.Rand) bool {
		f, i, ok := fed(h, r, ofKind(FeedLog))
		if ok {
			f.Seen[i], f.Seen[i+1] = f.Seen[i+1], f.Seen[i]
		}
		return ok
	}},
	{"give one place to two events", Unordered, func(h *History, r *rand.Rand) bool {
		f, i, ok := fed(h, r, func(all []FeedSighting, i int) bool { return all[i].Kind == FeedRoster && all[i].Place > 150 })
		if ok {
			f.Seen[i].ID += " of another node"
		}
		return ok
	}},
	{"give an event two places", Unordered, func(h *History, r *rand.Rand) bool {
		f, i, ok := fed(h, r, func(all []FeedSighting, i int) bool {
			return all[i].Kind == FeedRoster && i+1 < len(all) && all[i+1].Place > all[i].Place+1
		})
		if ok {
			f.Seen[i].Place++
		}
		return ok
	}},
	{"feed a session's log in another order", Unordered, func(h *History, r *rand.Rand) bool {
		f, i, ok := fed(h, r, func(all []FeedSighting, i int) bool {
			return i+1 < len(all) && all[i].Kind == FeedLog && all[i+1].Kind == FeedLog && all[i].Session == all[i+1].Session
		})
		if !ok {
			return false
		}
		a, b := f.Seen[i], f.Seen[i+1]
		for _, reader := range h.Feed { // all have it so
			for k, s := range reader.Seen {
				switch s.ID {
				case a.ID:
					reader.Seen[k].ID, reader.Seen[k].Number = b.ID, b.Number
				case b.ID:
					reader.Seen[k].ID, reader.Seen[k].Number = a.ID, a.Number
				}
			}
		}
		return true
	}},
	{"feed a session's roster without one change", Skipped, func(h *History, r *rand.Rand) bool {
		f, i, ok := fed(h, r, func(all []FeedSighting, i int) bool {
			next := slices.IndexFunc(all[i+1:], func(s FeedSighting) bool {
				return s.Session == all[i].Session && (s.Kind == FeedRoster || s.Kind == FeedSessionDeleted)
			})
			return all[i].Kind == FeedRoster && next >= 0 && all[i+1+next].Kind == FeedRoster
		})
		if ok {
			f.Seen = slices.Delete(f.Seen, i, i+1)
		}
		return ok
	}},
	{"feed a session without its creation", Impossible, func(h *History, r *rand.Rand) bool {
		f, i, ok := fed(h, r, func(all []FeedSighting, i int) bool {
			return all[i].Kind == FeedSessionCreated && slices.ContainsFunc(all[i+1:], func(s FeedSighting) bool { return s.Session == all[i].Session })
		})
		if ok {
			f.Seen = slices.Delete(f.Seen, i, i+1)
		}
		return ok
	}},
	{"feed a session's events after its deletion", Impossible, func(h *History, r *rand.Rand) bool {
		f, i, ok := fed(h, r, ofKind(FeedSessionDeleted))
		if ok {
			late := f.Seen[i]
			late.ID, late.Kind, late.Number, late.Place = late.ID+" late", FeedLog, 999, f.Seen[i].Place
			f.Seen = slices.Insert(f.Seen, i+1, late)
		}
		return ok
	}},
	{"forget a reader of the feed", Unfinished, func(h *History, r *rand.Rand) bool {
		f := h.Feed[r.IntN(3)]
		f.Seen = f.Seen[:len(f.Seen)-1]
		return true
	}},
}
