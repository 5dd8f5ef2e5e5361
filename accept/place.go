package accept

import (
	"sync/atomic"

	"chattok/internal/processors"
)

// stage is something that few connections do at once, and one or two of an address, so that nobody is behind all connections of another one.
type stage int

const (
	shaking stage = iota // between its arrival and the answer to its ClientHello, or the wait for a certificate
	parsing              // its long header is parsed, or the server's part of its handshake done: its turn
	stages
)

// places are those that there are for each stage.
type places [stages]chan struct{}

func newPlaces(shakingAtOnce, parsingAtOnce int) places {
	return places{shaking: make(chan struct{}, shakingAtOnce), parsing: make(chan struct{}, parsingAtOnce)}
}

func placesOfAll() places { return newPlaces(maxShaking, processors.Count()) }
func placesOfOne() places { return newPlaces(shakingOfOne, 1) }

// held says in which stages a connection is.
type held [stages]atomic.Bool

// enter waits for a place of the connection's address, and then for one of all. It returns false, without a place, once the connection is
// counted out: what waited here would keep its memory, and no limit would know of it.
func (c *conn) enter(s stage) bool {
	take := func(places chan struct{}) bool {
		select {
		case places <- struct{}{}:
			return true
		case <-c.out:
			return false
		}
	}
	for i, p := range c.of {
		if !take(p.places[s]) {
			c.giveBack(s, i)
			return false
		}
	}
	if !take(c.all.places[s]) {
		c.giveBack(s, len(c.of))
		return false
	}
	c.held[s].Store(true)
	select {
	case <-c.out: // and both were ready
		c.exit(s)
		return false
	default:
		return true
	}
}

// exit gives the connection's place to the next one, if it has one.
func (c *conn) exit(s stage) {
	if c.held[s].Load() && c.held[s].CompareAndSwap(true, false) {
		<-c.all.places[s]
		c.giveBack(s, len(c.of))
	}
}

// giveBack gives back the places of the first n networks.
func (c *conn) giveBack(s stage, n int) {
	for _, p := range c.of[:n] {
		<-p.places[s]
	}
}
