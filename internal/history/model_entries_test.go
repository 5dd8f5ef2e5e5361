package history_test

import (
	"fmt"
	"slices"
	"time"

	. "chattok/internal/history"
)

// stored is an entry in all its versions.
type stored struct {
	versions []placed
	reactors map[string][]string // by name
	names    []string            // in the order of their first use
}

// placed is a version of an entry with the place of the event that made it.
type placed struct {
	entry Entry
	place int64
	kind  EntryChangeKind
}

// asOf returns the entry as it was when the log ended at a place, at which it was there.
func (s *stored) asOf(place int64) (p placed) {
	for _, v := range s.versions {
		if v.place <= place {
			p = v
		}
	}
	return p
}

func (s *stored) now() Entry { return s.versions[len(s.versions)-1].entry }

// pendingAdd is an add that was sent and not answered.
type pendingAdd struct {
	add    *Add
	stored *stored // nil until it is committed
	answer Entry   // as it was when the last try reached the server
	gaveUp bool    // no client waits for the answer
}

// follower is a subscriber with what its node knows.
type follower struct {
	subscriber *Subscriber
	since      time.Duration
	upTo       int64 // the place up to which the node knows the log
}

func (m *model) begin() {
	a := &Add{Body: fmt.Sprintf("b%d", len(m.h.Adds)), Senders: []string{person(m.random.IntN(people))}, Began: m.now, Tried: m.now, Ended: Never}
	if m.random.IntN(8) == 0 {
		a.Senders = append(a.Senders, "again "+a.Senders[0])
	}
	m.h.Adds = append(m.h.Adds, a)
	m.pending = append(m.pending, &pendingAdd{add: a})
}

func (m *model) commit() {
	if len(m.pending) == 0 {
		return
	}
	p := m.pending[m.random.IntN(len(m.pending))]
	if p.stored != nil {
		p.add.Tried, p.answer = m.now, p.stored.now() // a retry finds the entry by its key
		return
	}
	m.places++
	sender := p.add.Senders[m.random.IntN(len(p.add.Senders))]
	p.answer = Entry{Seq: int64(len(m.entries) + 1), Sender: sender, Body: p.add.Body, Version: 1, Place: m.places}
	p.stored = &stored{versions: []placed{{entry: p.answer, place: m.places}}, reactors: map[string][]string{}}
	m.entries = append(m.entries, p.stored)
}

func (m *model) answer() {
	if len(m.pending) == 0 {
		return
	}
	i := m.random.IntN(len(m.pending))
	p := m.pending[i]
	switch {
	case m.random.IntN(10) == 0:
		p.gaveUp = true // it may be committed later, or not
	case p.stored != nil:
		if !p.gaveUp {
			p.add.Ended, p.add.Answer = m.now, p.answer
		}
		m.pending = slices.Delete(m.pending, i, i+1)
	}
}

func (m *model) subscribe(after int64) {
	s := &Subscriber{Name: fmt.Sprintf("subscriber %d", len(m.h.Subscribers)), After: after, Began: m.now, Complete: true}
	m.h.Subscribers = append(m.h.Subscribers, s)
	f := &follower{subscriber: s, since: m.now, upTo: m.places}
	m.readers = append(m.readers, f)
	if after == FromNow && len(m.entries) > 0 {
		m.see(f, len(m.entries)) // the latest commit counts as new where no client knows of it yet
	}
}

// see gives a subscriber an entry, unless it subscribed from now on and the entry was answered before.
func (m *model) see(f *follower, seq int) {
	s, e := f.subscriber, m.entries[seq-1].asOf(f.upTo).entry
	for _, a := range m.h.Adds {
		if a.Body == m.entries[seq-1].versions[0].entry.Body && s.After == FromNow && a.Ended < s.Began {
			return
		}
	}
	s.Seen = append(s.Seen, Sighting{Entry: e, At: m.now, Since: f.since})
}

// read gives a subscriber its next entries, if it knows where it is.
func (m *model) read() {
	f := m.readers[m.random.IntN(len(m.readers))]
	for range 1 + m.random.IntN(4) {
		m.readOne(f)
	}
	if m.random.IntN(5) == 0 {
		f.subscriber.Resumes++
		f.since, f.upTo = m.now, m.places
	}
}

// learn moves a node's knowledge on by some places.
func (m *model) learn(upTo int64) int64 { return upTo + m.random.Int64N(m.places-upTo+1) }

func (m *model) readOne(f *follower) bool {
	s := f.subscriber
	last := s.After
	if n := len(s.Seen); n > 0 {
		last = s.Seen[n-1].Seq
	}
	if last == FromNow {
		s.After, last = int64(len(m.entries)), int64(len(m.entries)) // it had no entry, so it is as if it had begun here
	}
	if last >= int64(len(m.entries)) {
		return false
	}
	f.upTo = max(m.learn(f.upTo), m.entries[last].versions[0].place)
	m.see(f, int(last)+1)
	return true
}

func (m *model) latest() {
	l := Latest{Sender: person(m.random.IntN(people)), Asked: m.now}
	if m.random.IntN(2) == 0 {
		m.commit() // between question and answer
		m.commitChange()
	}
	for _, s := range m.entries {
		if e := s.now(); e.Sender == l.Sender && e.DeletedBy == "" {
			l.Entry = &e
		}
	}
	m.now += time.Millisecond
	l.At = m.now
	m.h.Latest = append(m.h.Latest, l)
}
