package faultproxy

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// pipe is one connection through the proxy.
type pipe struct {
	proxy          *Proxy
	client, server net.Conn
	gone           chan struct{} // closed by reset
	once           sync.Once
	halfClosed     [2]atomic.Bool
}

// chunk is bytes that were read at once, and the time at which they are due.
type chunk struct {
	data []byte
	due  time.Time
}

// ends returns the sender and the receiver of a direction.
func (c *pipe) ends(d Direction) (from, to net.Conn) {
	if d == Up {
		return c.client, c.server
	}
	return c.server, c.client
}

func (c *pipe) reset() {
	c.once.Do(func() {
		close(c.gone)
		reset(c.client)
		reset(c.server)
	})
}

func (c *pipe) halfClose(d Direction) {
	if c.halfClosed[d].Swap(true) {
		return
	}
	_, to := c.ends(d)
	_ = to.(*net.TCPConn).CloseWrite() // fails for one that has ended
}

// pass copies one direction until its sender ends it, or the pipe is reset. The receiver then gets the end.
func (c *pipe) pass(d Direction, random *rand.Rand) {
	queue := make(chan chunk, chunks)
	var reader sync.WaitGroup
	reader.Go(func() { c.read(d, random, queue) })
	defer reader.Wait()
	for next := range queue {
		if !c.wait(d, next.due) {
			c.reset() // which ends the reader
			return
		}
		_, to := c.ends(d)
		if c.halfClosed[d].Load() {
			continue // lost, since this direction was ended
		}
		if _, err := to.Write(next.data); err != nil && !c.halfClosed[d].Load() {
			c.reset()
			return
		}
	}
	if c.wait(d, time.Time{}) { // an end does not come through a blackhole
		c.halfClose(d)
	}
}

// read reads one direction into a queue until it ends.
func (c *pipe) read(d Direction, random *rand.Rand, queue chan<- chunk) {
	defer close(queue)
	from, _ := c.ends(d)
	var last time.Time
	for {
		buffer := make([]byte, chunkBytes)
		n, err := from.Read(buffer)
		if n > 0 {
			due := time.Now().Add(c.delay(d, random))
			if due.Before(last) {
				due = last // bytes stay in order
			}
			last = due
			select {
			case queue <- chunk{buffer[:n], due}:
			case <-c.gone:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *pipe) delay(d Direction, random *rand.Rand) time.Duration {
	f, _ := c.proxy.now()
	l := f.link(d)
	if l.Jitter <= 0 {
		return l.Delay
	}
	return l.Delay + time.Duration(random.Int64N(int64(l.Jitter)))
}

func (f Fault) link(d Direction) Link {
	if d == Up {
		return f.Up
	}
	return f.Down
}

// wait returns true when bytes that are due at a time may be passed on, and false when the pipe has been reset.
func (c *pipe) wait(d Direction, due time.Time) bool {
	for {
		f, changed := c.proxy.now()
		if f.link(d).Blackhole {
			select {
			case <-changed:
				continue
			case <-c.gone:
				return false
			}
		}
		left := time.Until(due)
		if left <= 0 {
			select {
			case <-c.gone:
				return false
			default:
				return true
			}
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-changed:
			timer.Stop()
		case <-c.gone:
			timer.Stop()
			return false
		}
	}
}
