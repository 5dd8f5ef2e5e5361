//go:build unix

package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"chattok/internal/faultproxy"
)

// Kind is the kind of an Event.
type Kind string

const (
	KillNode      Kind = "kill"             // SIGKILL; started again afterwards
	TerminateNode Kind = "terminate"        // SIGTERM, as in a rolling restart; started again afterwards
	PauseNode     Kind = "pause"            // SIGSTOP, and SIGCONT afterwards
	KillNATS      Kind = "restart NATS"     // SIGKILL; started again afterwards
	KillPostgres  Kind = "restart Postgres" // immediate shutdown; started again afterwards
	Cut           Kind = "cut"              // every connection is reset
	HalfClose     Kind = "half-close"       // one direction of every connection is ended
	Blackhole     Kind = "blackhole"        // nothing arrives, in one direction or both
	Lose          Kind = "lose"             // nothing arrives for a moment, and then every connection is reset
	Delay         Kind = "delay"            // everything arrives late
	Refuse        Kind = "refuse"           // every connection is reset, and new ones are reset too
)

// Way is a node's connection to one of its servers.
type Way string

const (
	ToDatabase Way = "database"
	ToBus      Way = "bus"
)

// pauseTime is how long a node is stopped: longer than its leases.
const pauseTime = 15 * time.Second

// Event is one act of the adversary.
type Event struct {
	At, For time.Duration // when the event begins, and how long it lasts
	Kind    Kind
	Node    int // the node whose process or way it is; 0 where Kind is of NATS or PostgreSQL
	Way     Way // of a fault on a way; empty for other events
	Fault   faultproxy.Fault
	End     faultproxy.Direction // of a HalfClose
	CutLast bool                 // bytes that were held back are lost at the end, and not late
}

func (e Event) String() string {
	s := fmt.Sprintf("%7.3fs %s", e.At.Seconds(), e.Kind)
	if e.Kind != KillNATS && e.Kind != KillPostgres {
		s += fmt.Sprintf(" node %d", e.Node+1)
	}
	if e.Way != "" {
		s += " from the " + string(e.Way)
	}
	if e.For > 0 {
		s += fmt.Sprintf(" for %.3fs", e.For.Seconds())
	}
	return s
}

// target is the thing that an Event uses while it lasts.
func (e Event) target() string {
	switch e.Kind {
	case KillNATS, KillPostgres:
		return string(e.Kind)
	}
	return fmt.Sprintf("%d %s", e.Node, e.Way)
}

// Targets are the things to attack: nodes and their servers.
type Targets struct {
	Nodes    int
	Database bool // PostgreSQL, and the ways to it
	Bus      bool // NATS, and the ways to it
}

// Schedule returns the adversary's acts for this long a time, in order: each kind in turn, shuffled. It follows from
// the seed alone, and every act has ended by then.
func Schedule(seed uint64, duration time.Duration, targets Targets) []Event {
	random := rand.New(rand.NewPCG(seed, 7))
	var events, bag []Event
	busy := map[string]time.Duration{} // the time until which each target is in use
	for at := time.Second; at < duration; {
		if len(bag) == 0 {
			bag = shuffled(random, targets)
		}
		i := slices.IndexFunc(bag, func(e Event) bool { return busy[e.target()] <= at && at+e.For < duration })
		if i < 0 {
			at += 100 * time.Millisecond
			continue
		}
		e := bag[i]
		bag = slices.Delete(bag, i, i+1)
		e.At = at
		events = append(events, e)
		busy[e.target()] = at + e.For + time.Second
		at += pace(random, targets)
	}
	return events
}

// pace is the time from one event to the next.
func pace(random *rand.Rand, targets Targets) time.Duration {
	if !targets.Database {
		return time.Second + between(random, 0, 3*time.Second)
	}
	return 300*time.Millisecond + between(random, 0, 2400*time.Millisecond)
}

// shuffled returns each kind once, and the kinds that hurt more often more than once, in an order in which the long
// pause comes early.
func shuffled(random *rand.Rand, targets Targets) []Event {
	bag := []Event{{Kind: KillNode}, {Kind: KillNode}, {Kind: TerminateNode}}
	if targets.Database {
		bag = append(bag, Event{Kind: KillNode}, Event{Kind: PauseNode}, Event{Kind: KillPostgres})
		bag = append(bag, onWay(ToDatabase)...)
	}
	if targets.Bus {
		bag = append(bag, Event{Kind: KillNATS})
		bag = append(bag, onWay(ToBus)...)
	}
	random.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
	if long := slices.IndexFunc(bag, func(e Event) bool { return e.Kind == PauseNode }); long > 0 {
		early := random.IntN(long/2 + 1)
		bag[long], bag[early] = bag[early], bag[long]
	}
	for i := range bag {
		bag[i].draw(random, targets)
	}
	return bag
}

// onWay returns the events on one way of a node.
func onWay(way Way) (events []Event) {
	for _, kind := range []Kind{Cut, HalfClose, Blackhole, Blackhole, Lose, Lose, Lose, Delay, Refuse} {
		events = append(events, Event{Kind: kind, Way: way})
	}
	return events
}

func between(random *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(random.Int64N(int64(to-from)))
}

// draw decides the details of an event.
func (e *Event) draw(random *rand.Rand, targets Targets) {
	switch e.Kind {
	case KillNATS, KillPostgres:
		e.For = between(random, 0, 3*time.Second)
		return
	}
	e.Node = random.IntN(targets.Nodes)
	switch e.Kind {
	case KillNode, TerminateNode:
		e.For = between(random, 0, 3*time.Second)
	case PauseNode:
		e.For = pauseTime
	case HalfClose:
		e.End = faultproxy.Direction(random.IntN(2))
	case Blackhole:
		e.For = between(random, time.Second, 9*time.Second)
		e.CutLast = random.IntN(2) == 0
		e.Fault = hole(random)
	case Lose:
		e.For = between(random, 20*time.Millisecond, 500*time.Millisecond)
		e.CutLast = true
		e.Fault = hole(random)
	case Delay:
		e.For = between(random, 2*time.Second, 8*time.Second)
		e.Fault = faultproxy.Both(faultproxy.Link{Delay: between(random, 0, 200*time.Millisecond), Jitter: between(random, time.Millisecond, 300*time.Millisecond)})
	case Refuse:
		e.For = between(random, time.Second, 4*time.Second)
		e.Fault = faultproxy.Fault{Refuse: true}
	}
}

// hole returns a blackhole in one direction or both.
func hole(random *rand.Rand) faultproxy.Fault {
	l := faultproxy.Link{Blackhole: true}
	return []faultproxy.Fault{{Up: l}, {Down: l}, faultproxy.Both(l)}[random.IntN(3)]
}
