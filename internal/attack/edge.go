//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// edge is heavy but honest use of a server, which must meet no limit.
type edge struct {
	name string
	do   func(ctx context.Context, a *assault) error
}

var edges = []edge{
	{"50 people of one address talk, once a second each", office},
	{"a bot adds 20 entries a second, to a session of its own", bot},
	{"a page with 9 videos joins: 1,000 negotiations to and from it at once", conference},
	{"500 pages of one address reload at once: a connection, a socket and four subscriptions each", reload},
}

// runEdges runs all edges at once on one server, from one address, and prints a row for each.
func runEdges(ctx context.Context, o options, stdout io.Writer) (held bool, err error) {
	s, err := startServer(ctx, o.program, settings{})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	fmt.Fprintln(stdout, "| honest use | answers | verdict |\n|---|---|---|")
	done := make([]*assault, len(edges))
	failed := make([]error, len(edges))
	each(len(edges), func(i int) {
		done[i] = newAssault(s, nil, o)
		defer done[i].close()
		failed[i] = edges[i].do(ctx, done[i])
	})
	held = true
	for i, e := range edges {
		verdict := "holds"
		for _, err := range []error{failed[i], done[i].refused()} {
			if err != nil {
				verdict, held = "**refused**: "+err.Error(), false
			}
		}
		fmt.Fprintf(stdout, "| %s | %s | %s |\n", e.name, listHarm(done[i].answers), verdict)
	}
	return held, nil
}

// refused returns an error where any operation was answered with one.
func (a *assault) refused() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for code, n := range a.answers {
		if code != "ok" {
			return fmt.Errorf("%s ×%d", code, n)
		}
	}
	return nil
}

// office runs 50 people of one address who talk.
func office(ctx context.Context, a *assault) error {
	crowd, err := gather(ctx, a.server, 50, time.Second, true, false)
	if err != nil {
		return err
	}
	sleep(ctx, a.lasts)
	r := crowd.finish(time.Now(), time.Now())
	a.answers["ok"] += r.adds
	if len(r.harm) > 0 || r.unseen > 0 {
		return fmt.Errorf("%s, %d unseen", listHarm(r.harm), r.unseen)
	}
	return nil
}

const botPace = time.Second / 20

// bot adds at a steady rate.
func bot(ctx context.Context, a *assault) error {
	c := a.client(address(true, 1))
	defer c.close()
	m, err := c.connect(ctx, "bot", "", "")
	if err != nil {
		return err
	}
	tick := time.NewTicker(botPace)
	defer tick.Stop()
	var all sync.WaitGroup
	for i := range int(a.lasts / botPace) {
		<-tick.C
		all.Go(func() {
			a.tally(c.ask(ctx, m.access, addQuery, map[string]any{"c": m.id, "b": fmt.Sprintf("measurement %d: all is well", i)}, nil))
		})
	}
	all.Wait()
	return nil
}

// conference adds a page to nine that publish, and exchanges descriptions and candidates with each.
func conference(ctx context.Context, a *assault) error {
	c := a.client(address(true, 1))
	defer c.close()
	const videos, messages = 9, 55
	var members []member
	var streams []string
	for range videos + 1 {
		m, err := c.connect(ctx, "conference", "", "")
		if err != nil {
			return err
		}
		id, err := publish(ctx, c, m)
		if err != nil {
			return err
		}
		members, streams = append(members, m), append(streams, id)
	}
	guest := members[videos]
	s, err := c.socket(ctx, guest.access)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.subscribe("n", `subscription{negotiationReceived{missed}}`, nil); err != nil {
		return err
	}
	var arrived atomic.Int64
	go func() {
		for {
			if _, err := s.next(requestTimeout); err != nil {
				return
			}
			arrived.Add(1)
		}
	}()
	each(videos, func(i int) {
		each(2, func(direction int) {
			from, to := guest, members[i]
			if direction == 1 {
				from, to = to, from
			}
			each(messages, func(int) {
				a.tally(c.ask(ctx, from.access, negotiateQuery, map[string]any{"s": streams[i], "t": to.id, "d": "v=0"}, nil))
			})
		})
	})
	for deadline := time.Now().Add(requestTimeout); arrived.Load() < videos*messages && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := arrived.Load(); n < videos*messages {
		return fmt.Errorf("%d of %d negotiations arrived", n, videos*messages)
	}
	return nil
}

// reload opens the connections, sockets and subscriptions of 500 pages at once.
func reload(ctx context.Context, a *assault) error {
	c := a.client(address(true, 1))
	defer c.close()
	sockets := make([]*socket, 500)
	each(len(sockets), func(i int) {
		m, err := c.connect(ctx, fmt.Sprint("class", i%10), "pupil", "")
		if err == nil {
			sockets[i], err = c.socket(ctx, m.access)
		}
		for n, query := range []string{`subscription{entryAdded(after:"0"){id seq cursor body connection{data}}}`, `subscription{signalReceived{type data}}`,
			`subscription{negotiationReceived{streamId}}`, `subscription{sessionEvents{__typename ...on SessionState{connections{id data}}}}`} {
			if err == nil {
				err = sockets[i].subscribe(fmt.Sprint(n), query, nil)
			}
		}
		if err == nil {
			var m message
			if m, err = sockets[i].next(requestTimeout); err == nil && m.Type != "next" { // the snapshot of who is there
				err = fmt.Errorf("%s: %s", m.Type, m.Payload)
			}
		}
		a.tally(err)
	})
	for _, s := range sockets {
		if s != nil {
			s.close()
		}
	}
	return nil
}
