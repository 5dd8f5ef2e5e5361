//go:build linux

package main

import (
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// sampledSubscribers is about how many subscribers record the time of each delivery.
const sampledSubscribers = 64

// audience is the subscribers of a run, spread evenly over its sessions.
type audience struct {
	server   *server
	fleet    *fleet
	sessions []string
	counts   atomic.Pointer[countdown]
	all      []*subscriber
	stalled  []net.Conn // never read
}

func newSession() string { return "bench-" + strconv.FormatInt(time.Now().UnixNano(), 36) }

// openAudience opens all subscribers of a load and waits until each has its subscription.
func openAudience(s *server, l load) (*audience, error) {
	if l.subscribers%l.sessions != 0 || l.entries%l.sessions != 0 {
		return nil, fmt.Errorf("%d subscribers and %d entries can't be shared evenly by %d sessions", l.subscribers, l.entries, l.sessions)
	}
	f, err := newFleet(runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	a := &audience{server: s, fleet: f, all: make([]*subscriber, l.subscribers), sessions: make([]string, l.sessions)}
	for i := range a.sessions {
		a.sessions[i] = newSession() + "-" + strconv.Itoa(i)
	}
	a.counts.Store(newCountdown(int64(l.subscribers))) // the first entry of each session, see warmUp
	if err := a.open(l); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *audience) open(l load) error {
	members, err := connectAll(a.server, l.subscribers+l.stalled, func(i int) string { return a.sessions[i%l.sessions] })
	if err != nil {
		return err
	}
	stride := max(1, l.subscribers/sampledSubscribers)
	var mu sync.Mutex
	err = parallel(a.server.host, l.subscribers+l.stalled, func(i int, _ *client) error {
		host := a.server.at(i)
		conn, err := dialLocal(host, i, i >= l.subscribers)
		if err != nil {
			return err
		}
		r, err := upgrade(conn, host, a.server.speaks.path, a.server.speaks.subprotocol)
		if err != nil {
			return err
		}
		if err := a.server.speaks.open(conn, r, members[i].access, i); err != nil {
			return err
		}
		if i >= l.subscribers {
			mu.Lock()
			defer mu.Unlock()
			a.stalled = append(a.stalled, conn)
			return nil
		}
		u := &subscriber{speaks: &a.server.speaks, session: i % l.sessions, counts: &a.counts, sampled: i%stride == 0}
		a.all[i] = u
		_, err = a.fleet.add(conn, r, u)
		return err
	})
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return a.awaitSubscribed(l.subscribers + l.stalled)
}

// awaitSubscribed waits until the server counts all subscribers. ChatTok is not asked: its subscribers begin at the start
// of the log, so none misses an entry.
func (a *audience) awaitSubscribed(n int) error {
	if a.server.speaks.members {
		return nil
	}
	c, err := dialClient(a.server.host)
	if err != nil {
		return err
	}
	defer c.close()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		body, err := c.get("/subscribers", requestTimeout)
		if err != nil {
			return err
		}
		if string(body) == strconv.Itoa(n) {
			return nil
		}
		if time.Since(begin) > requestTimeout {
			return fmt.Errorf("%s of %d subscriptions began within %v", body, n, requestTimeout)
		}
	}
}

// dialLocal dials from one of several loopback addresses, each of which has ports of its own. A narrow socket has a small
// receive buffer, so that the server's writes to a reader that stops block early.
func dialLocal(host string, i int, narrow bool) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%8))}}
	conn, err := d.Dial("tcp", host)
	if err == nil && narrow {
		err = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	}
	return conn, err
}

// warmUp posts one entry in each session and waits until all subscribers have it. From then on every subscription is live.
func (a *audience) warmUp(one func(session int) error) error {
	all := a.counts.Load()
	for i := range a.sessions {
		if err := one(i); err != nil {
			return fmt.Errorf("the first entry: %w", err)
		}
	}
	if err := a.fleet.await(all.done, fanoutTimeout, "the first entry"); err != nil {
		return fmt.Errorf("%w; %d of %d subscribers have none", err, all.left.Load(), len(a.all))
	}
	return nil
}

// expect starts counting the deliveries of n entries over all sessions.
func (a *audience) expect(entries int) *countdown {
	all := newCountdown(int64(len(a.all) / len(a.sessions) * entries))
	a.counts.Store(all)
	return all
}

// finish waits a moment for surplus deliveries, which are errors, and ends the fleet.
func (a *audience) finish() error {
	select {
	case <-a.fleet.failed:
		return a.fleet.err
	case <-time.After(surplusWait):
	}
	a.close()
	if left := a.counts.Load().left.Load(); left != 0 {
		return fmt.Errorf("%d deliveries too many", -left)
	}
	return nil
}

// latencies returns the milliseconds from each post to its readers, and from its answer where that is known.
func (a *audience) latencies(answers []map[int64]post) (postP50, postP99, answerP50, answerP99 float64) {
	var fromPost, fromAnswer []int64
	for _, u := range a.all {
		for _, d := range u.records {
			if d.seq == 1 {
				continue // the warm-up
			}
			fromPost = append(fromPost, d.read-d.sent)
			if answers != nil {
				// A reader may be served before the poster is answered.
				fromAnswer = append(fromAnswer, max(0, d.read-answers[u.session][d.seq].answered))
			}
		}
	}
	const perMilli = 1e6
	return float64(quantile(fromPost, 0.5)) / perMilli, float64(quantile(fromPost, 0.99)) / perMilli,
		float64(quantile(fromAnswer, 0.5)) / perMilli, float64(quantile(fromAnswer, 0.99)) / perMilli
}

func (a *audience) close() {
	if a.fleet != nil && !a.fleet.closing.Load() {
		a.fleet.close()
	}
	for _, conn := range a.stalled {
		_ = conn.Close()
	}
	a.stalled = nil
}
