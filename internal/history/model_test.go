package history_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	. "chattok/internal/history"
)

// model is a correct server and its clients, on a clock of its own: each step lets one of them do one thing, in any
// order that is allowed.
type model struct {
	random *rand.Rand
	now    time.Duration
	h      *History

	pending []*pendingAdd
	queues  []*signalQueue
	sent    map[string]int64 // by sender
	stuck   []*Signal        // asked and not answered, and not on their way yet
	roster  []string
	changes []Change // of the roster, in the order of their revisions
	states  [][]string
	behind  []int // for each watcher: how many changes it has
}

// pendingAdd is an add that was asked and not answered.
type pendingAdd struct {
	add    *Add
	entry  *Entry // once committed
	gaveUp bool   // nobody waits for the answer
}

// signalQueue is what is on its way to a listener.
type signalQueue struct {
	listener *Listener
	waiting  []*Signal
}

const people = 4

func person(i int) string { return fmt.Sprintf("c%d", i) }

// randomHistory returns a history that a correct server gave.
func randomHistory(seed uint64, steps int) *History {
	m := &model{random: rand.New(rand.NewPCG(seed, 1)), h: &History{}, sent: map[string]int64{}}
	for i := range people {
		m.roster = append(m.roster, person(i))
		l := &Listener{Name: "listener of " + person(i), Connection: person(i)}
		m.h.Listeners = append(m.h.Listeners, l)
		m.queues = append(m.queues, &signalQueue{listener: l})
	}
	m.states = [][]string{slices.Clone(m.roster)}
	for i := range 3 {
		m.h.Watchers = append(m.h.Watchers, &Watcher{Name: fmt.Sprintf("watcher %d", i), Complete: true})
		m.behind = append(m.behind, 0)
		m.snapshot(i)
	}
	m.subscribe(0)
	for range steps {
		m.now += time.Duration(m.random.IntN(3)) * time.Millisecond // things may happen at the same time
		m.step()
	}
	m.finish()
	return m.h
}

func (m *model) step() {
	switch n := m.random.IntN(100); {
	case n < 22:
		m.begin()
	case n < 40:
		m.commit()
	case n < 55:
		m.answer()
	case n < 70:
		m.read()
	case n < 72:
		m.subscribe(int64(m.random.IntN(len(m.h.Log) + 1)))
	case n < 73:
		m.subscribe(FromNow)
	case n < 80:
		m.latest()
	case n < 86:
		m.signal(false)
	case n < 93:
		m.hear()
	case n < 95:
		m.join()
	default:
		m.watch()
	}
}

func (m *model) begin() {
	a := &Add{Body: fmt.Sprintf("b%d", len(m.h.Adds)), Senders: []string{person(m.random.IntN(people))}, Began: m.now, Ended: Never}
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
	if p.entry != nil {
		return
	}
	sender := p.add.Senders[m.random.IntN(len(p.add.Senders))]
	p.entry = &Entry{Seq: int64(len(m.h.Log) + 1), Sender: sender, Body: p.add.Body}
	m.h.Log = append(m.h.Log, *p.entry)
}

func (m *model) answer() {
	if len(m.pending) == 0 {
		return
	}
	i := m.random.IntN(len(m.pending))
	p := m.pending[i]
	switch {
	case m.random.IntN(10) == 0:
		p.gaveUp = true // and it may be committed later, or not
	case p.entry != nil:
		if !p.gaveUp {
			p.add.Ended, p.add.Answer = m.now, *p.entry
		}
		m.pending = slices.Delete(m.pending, i, i+1)
	}
}

func (m *model) subscribe(after int64) {
	s := &Subscriber{Name: fmt.Sprintf("subscriber %d", len(m.h.Subscribers)), After: after, Began: m.now, Complete: true}
	m.h.Subscribers = append(m.h.Subscribers, s)
	if after == FromNow && len(m.h.Log) > 0 {
		m.see(s, int64(len(m.h.Log))) // what was committed last counts as new where nobody knows of it yet
	}
}

// see has a subscriber get an entry, unless it subscribed from now on and that was answered before.
func (m *model) see(s *Subscriber, seq int64) {
	e := m.h.Log[seq-1]
	for _, a := range m.h.Adds {
		if a.Body == e.Body && s.After == FromNow && a.Ended < s.Began {
			return
		}
	}
	s.Seen = append(s.Seen, Sighting{e, m.now})
}

// read has a subscriber get what comes next, if it knows what does.
func (m *model) read() {
	s := m.h.Subscribers[m.random.IntN(len(m.h.Subscribers))]
	for range 1 + m.random.IntN(4) {
		m.readOne(s)
	}
	if m.random.IntN(5) == 0 {
		s.Resumes++
	}
}

func (m *model) readOne(s *Subscriber) bool {
	last := s.After
	if n := len(s.Seen); n > 0 {
		last = s.Seen[n-1].Seq
	}
	if last == FromNow {
		s.After, last = int64(len(m.h.Log)), int64(len(m.h.Log)) // it had nothing: as if it had begun here
	}
	if last >= int64(len(m.h.Log)) {
		return false
	}
	m.see(s, last+1)
	return true
}

func (m *model) latest() {
	l := Latest{Sender: person(m.random.IntN(people)), Asked: m.now}
	if m.random.IntN(2) == 0 {
		m.commit() // between question and answer
	}
	for _, e := range m.h.Log {
		if e.Sender == l.Sender {
			l.Entry = &e
		}
	}
	m.now += time.Millisecond
	l.At = m.now
	m.h.Latest = append(m.h.Latest, l)
}

func (m *model) signal(must bool) {
	from := person(m.random.IntN(people))
	sender := fmt.Sprintf("%s@%d", from, m.random.IntN(2))
	m.sent[sender]++
	s := &Signal{Sender: sender, From: from, N: m.sent[sender], Asked: m.now, Ended: Never, Must: must}
	if m.random.IntN(3) == 0 {
		s.To = person(m.random.IntN(people))
	}
	m.h.Signals = append(m.h.Signals, s)
	if m.random.IntN(6) > 0 {
		m.pass(s)
		m.now += time.Millisecond
		s.Ended = m.now
	} else {
		m.stuck = append(m.stuck, s) // on a node that does not move; it goes out later, behind others
	}
	for len(m.stuck) > 0 && (must || m.random.IntN(4) == 0) {
		m.pass(m.stuck[0])
		m.stuck = m.stuck[1:]
	}
}

// pass puts a signal on its way to those it is for.
func (m *model) pass(s *Signal) {
	for _, q := range m.queues {
		if (s.To == "" || s.To == q.listener.Connection) && (s.Must || m.random.IntN(5) > 0) {
			q.waiting = append(q.waiting, s)
		}
	}
}

func (m *model) hear() {
	q := m.queues[m.random.IntN(len(m.queues))]
	if len(q.waiting) == 0 {
		return
	}
	s := q.waiting[0]
	q.waiting = q.waiting[1:]
	q.listener.Heard = append(q.listener.Heard, Hearing{s.Sender, s.From, s.N, m.now})
}

// join has someone come or go.
func (m *model) join() {
	if len(m.roster) > 2 && m.random.IntN(2) == 0 {
		i := m.random.IntN(len(m.roster))
		m.changes = append(m.changes, Change{Kind: Destroyed, Connection: m.roster[i], Reason: "networkDisconnected"})
		m.roster = slices.Delete(m.roster, i, i+1)
	} else {
		id := fmt.Sprintf("n%d", len(m.changes))
		m.changes = append(m.changes, Change{Kind: Created, Connection: id})
		m.roster = append(m.roster, id)
	}
	m.states = append(m.states, slices.Clone(m.roster))
}

func (m *model) watch() {
	i := m.random.IntN(len(m.behind))
	if m.random.IntN(6) == 0 {
		m.behind[i] = max(0, m.behind[i]-m.random.IntN(2)) // it moved to a node that is behind the one it had
		m.snapshot(i)
		return
	}
	m.watchOne(i)
}

func (m *model) watchOne(i int) bool {
	if m.behind[i] == len(m.changes) {
		return false
	}
	c := m.changes[m.behind[i]]
	c.At = m.now
	m.h.Watchers[i].Changes = append(m.h.Watchers[i].Changes, c)
	m.behind[i]++
	return true
}

func (m *model) snapshot(i int) {
	state := m.states[m.behind[i]]
	m.h.Watchers[i].Changes = append(m.h.Watchers[i].Changes, Change{Kind: Snapshot, State: state, At: m.now})
}

// finish lets everyone have what is still on its way.
func (m *model) finish() {
	m.now += time.Millisecond
	m.signal(true)
	m.signal(true)
	for _, s := range m.h.Subscribers {
		for m.readOne(s) {
		}
	}
	for _, q := range m.queues {
		for _, s := range q.waiting {
			q.listener.Heard = append(q.listener.Heard, Hearing{s.Sender, s.From, s.N, m.now})
		}
		q.listener.Complete = true
	}
	for i := range m.behind {
		for m.watchOne(i) {
		}
	}
	m.h.Present = slices.Clone(m.roster)
	m.h.Rosters = map[string][]string{"node 1": slices.Clone(m.roster), "node 2": slices.Clone(m.roster)}
}
