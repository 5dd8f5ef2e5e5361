//go:build linux

package main

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

// publisher posts the entries of a run.
type publisher struct {
	// one posts the first entry of a session.
	one func(session int) error
	// all posts the entries of the load and returns how long that took.
	all func(begin time.Time) (time.Duration, error)
	// check compares the answers with the numbers that the entries must have, and returns them by session and number; nil
	// where the server posts by itself.
	check func() ([]map[int64]post, error)
}

func preparePublisher(s *server, a *audience, l load) (*publisher, error) {
	switch {
	case s.speaks.serverPosts:
		return serverPublisher(s, l)
	case l.rate > 0:
		return pacedPublisher(s, a, l)
	default:
		return fleetPublisher(s, a, l)
	}
}

// serverPublisher tells the server to post.
func serverPublisher(s *server, l load) (*publisher, error) {
	publish := func(n int, rate float64) error {
		c, err := dialClient(s.host)
		if err != nil {
			return err
		}
		defer c.close()
		body, err := c.get(fmt.Sprintf("/publish?n=%d&rate=%g&size=%d", n, rate, l.size), fanoutTimeout)
		if err == nil && string(body) != strconv.Itoa(n) {
			err = fmt.Errorf("published %s of %d", body, n)
		}
		return err
	}
	return &publisher{
		one: func(int) error { return publish(1, 0) },
		all: func(begin time.Time) (time.Duration, error) {
			err := publish(l.entries, l.rate)
			return time.Since(begin), err
		},
		check: func() ([]map[int64]post, error) { return nil, nil },
	}, nil
}

// desks are the posters of a run. Poster i is in session i modulo the number of sessions.
type desks struct {
	server  *server
	posters []*poster
	left    []atomic.Int64 // entries that each session still has to get
	each    int            // entries that each session gets in all, the first included
}

func newDesks(s *server, a *audience, l load) (*desks, error) {
	d := &desks{server: s, left: make([]atomic.Int64, l.sessions), each: l.entries/l.sessions + 1}
	for i := range d.left {
		d.left[i].Store(int64(l.entries / l.sessions))
	}
	members, err := connectAll(s, max(l.posters, l.sessions), func(i int) string { return a.sessions[i%l.sessions] })
	if err != nil {
		return nil, err
	}
	for i, m := range members {
		d.posters = append(d.posters, newPoster(s.at(i), m, l.size))
	}
	return d, nil
}

// post posts one entry and waits for its answer.
func (d *desks) post(c *client, p *poster) error {
	sent := time.Now().UnixNano()
	p.setTime(p.request, sent)
	body, err := c.do(p.request, requestTimeout)
	if err != nil {
		return err
	}
	return p.took(body, sent, time.Now().UnixNano())
}

func (d *desks) one(session int) error {
	c, err := dialClient(d.server.host)
	if err != nil {
		return err
	}
	defer c.close()
	return d.post(c, d.posters[session])
}

func (d *desks) check() ([]map[int64]post, error) {
	answers := make([]map[int64]post, len(d.left))
	for session := range answers {
		var numbers []int64
		answers[session] = make(map[int64]post, d.each)
		for i := session; i < len(d.posters); i += len(d.left) {
			for _, p := range d.posters[i].posts {
				numbers = append(numbers, p.seq)
				answers[session][p.seq] = p
			}
		}
		if err := checkNumbers(numbers); err != nil {
			return nil, err
		}
		if len(numbers) != d.each {
			return nil, fmt.Errorf("%d of %d adds were answered", len(numbers), d.each)
		}
	}
	return answers, nil
}

// fleetPublisher posts flat out: each poster sends its next entry once the last was answered.
func fleetPublisher(s *server, a *audience, l load) (*publisher, error) {
	d, err := newDesks(s, a, l)
	if err != nil {
		return nil, err
	}
	callers := newCallers(a.fleet, len(d.posters))
	for i, p := range d.posters {
		left := &d.left[i%l.sessions]
		err := callers.open(s.at(i), &caller{request: p.request, answer: p.took, next: func(request []byte, now int64) bool {
			p.setTime(request, now)
			return left.Add(-1) >= 0
		}})
		if err != nil {
			return nil, err
		}
	}
	all := func(time.Time) (time.Duration, error) { return callers.run(fanoutTimeout, "the adds") }
	return &publisher{one: d.one, all: all, check: d.check}, nil
}

// pacedPublisher posts at a rate, without waiting for answers.
func pacedPublisher(s *server, a *audience, l load) (*publisher, error) {
	if l.sessions != 1 {
		return nil, fmt.Errorf("a rate needs one session, not %d", l.sessions)
	}
	d, err := newDesks(s, a, l)
	if err != nil {
		return nil, err
	}
	var next atomic.Int64
	all := func(begin time.Time) (time.Duration, error) {
		err := parallel(s.host, len(d.posters), func(i int, c *client) error {
			for n := next.Add(1) - 1; n < int64(l.entries); n = next.Add(1) - 1 {
				time.Sleep(time.Until(begin.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))))
				if err := d.post(c, d.posters[i]); err != nil {
					return err
				}
			}
			return nil
		})
		return time.Since(begin), err
	}
	return &publisher{one: d.one, all: all, check: d.check}, nil
}
