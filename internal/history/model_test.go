package history_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	. "chattok/internal/history"
)

// model is a correct server and its clients, with a clock of its own. Each step lets one of them do one thing, in any
// order that is allowed.
type model struct {
	random *rand.Rand
	now    time.Duration
	h      *History

	entries []*stored
	places  int64 // of the log
	pending []*pendingAdd
	altered []*pendingChange
	readers []*follower
	logs    []*logFollower
	queues  []*signalQueue
	sent    map[string]int64 // by sender
	stuck   []*Signal        // sent and not answered, and not on their way yet
	roster  []string
	changes []Change // of the roster, in the order of their revisions
	states  [][]string
	behind  []int // for each watcher: the number of changes it has seen
}

// signalQueue is the signals on their way to a listener.
type signalQueue struct {
	listener *Listener
	waiting  []*Signal
}

const people = 4

func person(i int) string { return fmt.Sprintf("c%d", i) }

// randomHistory returns the history of a correct server.
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
	m.followLog(&LogReader{Name: "the log's reader"})
	for range steps {
		m.now += time.Duration(m.random.IntN(3)) * time.Millisecond // events may happen at the same time
		m.step()
	}
	m.finish()
	m.feed()
	return m.h
}

func (m *model) step() {
	switch n := m.random.IntN(130); {
	case n < 22:
		m.begin()
	case n < 40:
		m.commit()
	case n < 55:
		m.answer()
	case n < 70:
		m.read()
	case n < 72:
		m.subscribe(int64(m.random.IntN(len(m.entries) + 1)))
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
	case n < 100:
		m.watch()
	default:
		m.stepLog(n - 100)
	}
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
		m.stuck = append(m.stuck, s) // it waits on a node that stands still, and goes out later, behind other signals
	}
	for len(m.stuck) > 0 && (must || m.random.IntN(4) == 0) {
		m.pass(m.stuck[0])
		m.stuck = m.stuck[1:]
	}
}

// pass puts a signal on its way to the connections it is for.
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

// join creates or destroys a connection.
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

// finish delivers everything that is still on its way.
func (m *model) finish() {
	m.now += time.Millisecond
	m.signal(true)
	m.signal(true)
	for _, f := range m.readers {
		for m.readOne(f) {
		}
	}
	for _, f := range m.logs {
		for m.readEvent(f) {
		}
		f.reader.Complete = true
	}
	m.finishLog()
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
