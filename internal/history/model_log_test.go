package history_test

import (
	"fmt"
	"slices"
	"time"

	. "chattok/internal/history"
)

// pendingChange is a change that was sent and not answered.
type pendingChange struct {
	change *EntryChange
	done   bool
	answer Entry // as it was when the last try reached the server
	gaveUp bool
}

// logFollower is a reader of logEvents with what its node knows.
type logFollower struct {
	reader *LogReader
	since  time.Duration
	last   int64
	upTo   int64 // the place up to which the node knows the log
}

// stepLog lets somebody do one thing with the changing log; n is 0 to 29.
func (m *model) stepLog(n int) {
	if len(m.entries) == 0 {
		return
	}
	switch {
	case n < 8:
		m.beginChange()
	case n < 14:
		m.commitChange()
	case n < 20:
		m.answerChange()
	case n < 26:
		m.readLog()
	case n < 27:
		m.followLog(&LogReader{Name: "one from some place", After: m.random.Int64N(m.places + 1)})
	case n < 28:
		m.followLog(&LogReader{Name: "one from now on", After: FromNow})
	case n < 29:
		p := m.page()
		m.followLog(&LogReader{Name: "one from a page", Page: p, After: p.Last})
	default:
		m.readEntry()
	}
}

func (m *model) beginChange() {
	seq := max(1+m.random.IntN(len(m.entries)), len(m.entries)-m.random.IntN(5)) // mostly one of the newest
	ch := &EntryChange{Kind: Edited, Seq: int64(seq), Actors: []string{person(m.random.IntN(people))}, Began: m.now, Tried: m.now, Ended: Never}
	switch n := m.random.IntN(10); {
	case n < 4:
		ch.Body = fmt.Sprintf("e%d", len(m.h.EntryChanges))
	case n < 5:
		if ch.Kind = Deleted; m.random.IntN(3) == 0 {
			ch.Actors = nil // it is the server's own connection, which nobody knows
		}
	default:
		ch.Kind, ch.Name, ch.On = Reacted, []string{"+1", "heart", "a b"}[m.random.IntN(3)], m.random.IntN(3) > 0
	}
	if len(ch.Actors) > 0 && m.random.IntN(6) == 0 { // it is tried again by another connection
		ch.Actors = append(ch.Actors, "again "+ch.Actors[0])
	}
	m.h.EntryChanges = append(m.h.EntryChanges, ch)
	m.altered = append(m.altered, &pendingChange{change: ch})
}

// commitChange carries out one change, or several reactions to one entry at once.
func (m *model) commitChange() {
	if len(m.altered) == 0 {
		return
	}
	p := m.altered[m.random.IntN(len(m.altered))]
	s := m.entries[p.change.Seq-1]
	if p.done {
		p.change.Tried, p.answer = m.now, s.now() // a retry finds the change by its key
		return
	}
	together := []*pendingChange{p}
	if p.change.Kind == Reacted {
		for _, q := range m.altered {
			if q != p && !q.done && q.change.Kind == Reacted && q.change.Seq == p.change.Seq && m.random.IntN(2) == 0 {
				together = append(together, q)
			}
		}
	}
	m.change(s, together)
	for _, q := range together {
		q.done, q.answer = true, s.now()
		if s.now().DeletedBy != "" && q.change.Kind != Deleted {
			q.gaveUp = true // it was refused
		}
	}
}

func (m *model) change(s *stored, together []*pendingChange) {
	e, before := s.now(), s.now()
	if e.DeletedBy != "" {
		return
	}
	for _, p := range together {
		actor := "the server"
		if n := len(p.change.Actors); n > 0 {
			actor = p.change.Actors[m.random.IntN(n)]
		}
		switch p.change.Kind {
		case Edited:
			e.Body = p.change.Body
		case Deleted:
			e.Body, e.Reactions, e.DeletedBy = "", "", actor
			s.names = nil
		case Reacted:
			s.react(p.change.Name, actor, p.change.On)
			e.Reactions = s.reactions()
		}
	}
	if e == before {
		return
	}
	m.places++
	e.Version++
	s.versions = append(s.versions, placed{e, m.places, together[0].change.Kind})
}

func (s *stored) react(name, actor string, on bool) {
	if !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
	s.reactors[name] = slices.DeleteFunc(s.reactors[name], func(a string) bool { return a == actor })
	if on {
		s.reactors[name] = append(s.reactors[name], actor)
	}
	s.names = slices.DeleteFunc(s.names, func(name string) bool { return len(s.reactors[name]) == 0 })
}

func (s *stored) reactions() string {
	var all []Reaction
	for _, name := range s.names {
		all = append(all, Reaction{Name: name, Count: len(s.reactors[name])})
	}
	return ReactionText(all)
}

func (m *model) answerChange() {
	if len(m.altered) == 0 {
		return
	}
	i := m.random.IntN(len(m.altered))
	p := m.altered[i]
	switch {
	case m.random.IntN(10) == 0:
		p.gaveUp = true // it may be carried out later, or not
	case p.done:
		if !p.gaveUp {
			p.change.Ended, p.change.Answer = m.now, p.answer
		}
		m.altered = slices.Delete(m.altered, i, i+1)
	}
}

func (m *model) followLog(r *LogReader) {
	r.Name, r.Began = fmt.Sprintf("%s %d", r.Name, len(m.h.LogReaders)), m.now
	f := &logFollower{reader: r, since: m.now, last: r.After, upTo: m.places}
	if r.After == FromNow {
		f.last = m.places
	}
	m.h.LogReaders = append(m.h.LogReaders, r)
	m.logs = append(m.logs, f)
}

func (m *model) readLog() {
	f := m.logs[m.random.IntN(len(m.logs))]
	for range 1 + m.random.IntN(8) {
		m.readEvent(f)
	}
	if m.random.IntN(5) == 0 {
		f.reader.Resumes++
		f.since, f.upTo = m.now, m.places
	}
}

// readEvent gives a reader the next event that its node does not know to be superseded.
func (m *model) readEvent(f *logFollower) bool {
	f.upTo = m.learn(f.upTo)
	if m.places > f.upTo && m.random.IntN(3) == 0 {
		f.upTo = m.places
	}
	events := m.events(f.last, f.upTo)
	if len(events) == 0 {
		f.last = max(f.last, f.upTo)
		f.upTo = m.places
		events = m.events(f.last, f.upTo)
	}
	if len(events) == 0 {
		return false
	}
	f.last = events[0].Place
	f.reader.Seen = append(f.reader.Seen, EventSighting{Event: events[0], At: m.now, Since: f.since})
	return true
}

// events returns the log's events after a place, as they are when it ends at another.
func (m *model) events(after, upTo int64) (events []Event) {
	for _, s := range m.entries {
		first := s.versions[0]
		if first.place > upTo {
			break
		}
		v := s.asOf(upTo)
		if first.place > after {
			events = append(events, Event{Place: first.place, Entry: v.entry})
		}
		if v.kind != 0 && v.place > after {
			events = append(events, Event{Place: v.place, Change: v.kind, Entry: v.entry})
		}
	}
	slices.SortFunc(events, func(a, b Event) int { return int(a.Place - b.Place) })
	return events
}

// page reads a page: its lastCursor, then its entries.
func (m *model) page() *Page {
	p := &Page{Asked: m.now, Last: m.places}
	first, n := m.random.IntN(len(m.entries)), len(m.entries)
	if p.Newest = m.random.IntN(2) == 0; !p.Newest {
		n = min(n, first+5)
	}
	if m.random.IntN(2) == 0 {
		m.commit()
		m.commitChange()
	}
	for _, s := range m.entries[first:n] {
		p.Entries = append(p.Entries, s.now())
	}
	m.now += time.Millisecond
	p.At = m.now
	m.h.Pages = append(m.h.Pages, p)
	return p
}

func (m *model) readEntry() {
	seq := 1 + m.random.IntN(len(m.entries)+1)
	r := Read{Seq: int64(seq), Asked: m.now}
	if seq <= len(m.entries) {
		m.commitChange()
		e := m.entries[seq-1].now()
		r.Entry = &e
	}
	m.now += time.Millisecond
	r.At = m.now
	m.h.Reads = append(m.h.Reads, r)
}

// finishLog reads the log.
func (m *model) finishLog() {
	for _, s := range m.entries {
		m.h.Log = append(m.h.Log, s.now())
	}
	m.h.Events = m.events(0, m.places)
}
