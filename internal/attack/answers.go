//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// heavyLasts is the duration of attempts whose answers take a server long to make.
const heavyLasts = 20 * time.Second

// answers are attempts whose requests are small and whose answers are large.
var answers = []attempt{
	{
		name: "aliases of entries", lasts: heavyLasts,
		sent:   "485 bytes: 49 aliases of the bodies of 200 entries of 16 KiB that JSON makes six times as long; 4 at once",
		why:    "983 MB of answer and 3.1 GB of memory each",
		attack: func(ctx context.Context, a *assault) error { return amplify(ctx, a, 4, false) },
	},
	{
		name:   "aliases of entries, hung up on",
		lasts:  heavyLasts,
		sent:   "the same by 8 clients that hang up after 50 ms and come back",
		why:    "the answer was made to its end, and its memory kept",
		attack: func(ctx context.Context, a *assault) error { return amplify(ctx, a, 8, true) },
	},
	{
		name:   "aliases of entries, from 64 addresses",
		lasts:  heavyLasts,
		sent:   "the same by a client at each of 64 addresses",
		why:    "a limit by address bounds nothing in sum",
		attack: func(ctx context.Context, a *assault) error { return amplifyFrom(ctx, a, 64, 64, false) },
	},
	{
		name: "aliases of a replay", lasts: heavyLasts,
		sent: `20 subscriptions of one socket to entryAdded(after: "0") with 49 aliases of the bodies of 200 entries of 16 KiB`,
		why:  "each event was 4.8 MB, made for each subscription",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillLog(ctx, a)
			if err != nil {
				return err
			}
			a.prepared()
			s, err := c.socket(ctx, m.access)
			if err != nil {
				return err
			}
			for i := range a.n(20) {
				query := fmt.Sprintf(`subscription{entryAdded(after:"0"){%s b%d:seq}}`, aliases("a", "body", 48), i)
				if err := s.subscribe(fmt.Sprint(i), query, nil); err != nil {
					break
				}
			}
			a.received.Add(s.drain(ctx))
			return nil
		},
	},
	{
		name: "aliases of a replay over SSE", lasts: heavyLasts,
		sent: "the same, as 20 SSE streams",
		why:  "each event was 4.8 MB, made for each stream",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillLog(ctx, a)
			if err != nil {
				return err
			}
			a.prepared()
			each(a.n(20), func(i int) {
				query := fmt.Sprintf(`subscription{entryAdded(after:"0"){%s b%d:seq}}`, aliases("a", "body", 48), i)
				request := c.raw(m.access, operation(query, nil), 0)
				a.swallow(ctx, c, strings.Replace(string(request), "\r\n", "\r\nAccept: text/event-stream\r\n", 1))
			})
			return nil
		},
	},
	{
		name: "aliases of connections", lasts: heavyLasts,
		sent: "session{connections{49 aliases of data}} in a session of 600 connections with 1,024 bytes of data each; 4 at once",
		why:  "180 MB of answer each",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillRoster(ctx, a, a.n(600))
			if err != nil {
				return err
			}
			a.prepared()
			return a.repeat(ctx, c, m, 4, false, `{session{connections{`+aliases("a", "data", 49)+`}}}`)
		},
	},
	{
		name: "aliases of a snapshot", lasts: heavyLasts,
		sent: "100 subscriptions of one socket to sessionEvents with 49 aliases of data, in that session",
		why:  "each snapshot was 180 MB",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillRoster(ctx, a, a.n(600))
			if err != nil {
				return err
			}
			a.prepared()
			s, err := c.socket(ctx, m.access)
			if err != nil {
				return err
			}
			for i := range a.n(100) {
				query := fmt.Sprintf(`subscription{sessionEvents{...on SessionState{connections{%s} b%d:connectionCount}}}`, aliases("a", "data", 48), i)
				if err := s.subscribe(fmt.Sprint(i), query, nil); err != nil {
					break
				}
			}
			a.received.Add(s.drain(ctx))
			return nil
		},
	},
	{
		name: "aliases of a negotiation", lasts: heavyLasts,
		sent: "60 subscriptions of one socket to negotiationReceived with 49 aliases of sdp, and one message of 64 KiB, ten times",
		why:  "one message became 3.4 GB",
		attack: func(ctx context.Context, a *assault) error {
			return multiply(ctx, a, 60, `negotiationReceived{description{`+aliases("a", "sdp", 48)+`} b%d:missed}`,
				func(ctx context.Context, c *client, from, to member, streamID string) error {
					return c.ask(ctx, from.access, negotiateQuery, map[string]any{"s": streamID, "t": to.id, "d": worst(65_536)}, nil)
				})
		},
	},
	{
		name: "aliases of a signal", lasts: heavyLasts,
		sent: "250 subscriptions of one socket to signalReceived with 48 aliases of data, and a signal of 8 KiB, ten times",
		why:  "one signal became 590 MB",
		attack: func(ctx context.Context, a *assault) error {
			return multiply(ctx, a, 250, `signalReceived{`+aliases("a", "data", 48)+` b%d:missed}`,
				func(ctx context.Context, c *client, from, _ member, _ string) error {
					return c.ask(ctx, from.access, `mutation($d:String){sendSignal(type:"t",data:$d){type}}`, map[string]any{"d": worst(8192)}, nil)
				})
		},
	},
	{
		name: "documents that fill the cache",
		sent: "600 queries that differ, each with an argument of 900 KiB, and each registered as a persisted query",
		why:  "what is remembered must be bounded in bytes",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, "attack", "")
			if err != nil {
				return err
			}
			a.prepared()
			long := strings.Repeat("x", 900<<10)
			a.race(ctx, 8, a.n(600), func(i int) error {
				return c.ask(ctx, m.access, fmt.Sprintf(`{latestChatEntry(connectionId:"%d%s"){id}}`, i, long), nil, nil)
			})
			return nil
		},
	},
}

// aliases selects one field under n names.
func aliases(prefix, field string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d:%s ", prefix, i, field)
	}
	return b.String()
}

// worst returns text of n bytes that is six times as long in JSON.
func worst(n int) string { return strings.Repeat("\x01", n) }

const logEntries = 200

// fillLog makes a session with a log of worst texts.
func fillLog(ctx context.Context, a *assault) (*client, member, error) {
	c, m, err := a.join(ctx, 0, "attack", "")
	if err != nil {
		return nil, m, err
	}
	for range logEntries {
		if err := c.patiently(ctx, m.access, addQuery, map[string]any{"c": m.id, "b": worst(16_384)}, nil); err != nil {
			return nil, m, fmt.Errorf("fill the log: %w", err)
		}
	}
	return c, m, nil
}

// fillRoster makes a session of n connections with the worst data. It uses as many addresses as their limits require.
func fillRoster(ctx context.Context, a *assault, n int) (c *client, m member, err error) {
	const places = 50
	failed := make([]error, places)
	members := make([]member, places)
	each(places, func(i int) {
		for range (n + places - 1) / places {
			if _, members[i], failed[i] = a.join(ctx, i, "attack", worst(1024)); failed[i] != nil {
				return
			}
		}
	})
	for _, err := range failed {
		if err != nil {
			return nil, m, fmt.Errorf("fill the roster: %w", err)
		}
	}
	return a.attacker(0), members[0], nil
}

func amplify(ctx context.Context, a *assault, clients int, hangUp bool) error {
	return amplifyFrom(ctx, a, clients, 1, hangUp)
}

// amplifyFrom requests the most expensive page of a full log, by clients from several addresses.
func amplifyFrom(ctx context.Context, a *assault, clients, places int, hangUp bool) error {
	_, m, err := fillLog(ctx, a)
	if err != nil {
		return err
	}
	a.prepared()
	query := operation(`{chatEntries(first:200){nodes{`+aliases("a", "body", 49)+`}}}`, nil)
	each(clients, func(i int) {
		a.ask(ctx, a.attacker(i%places), m, query, hangUp)
	})
	return nil
}

// repeat sends the same request from several clients, again and again, until ctx ends.
func (a *assault) repeat(ctx context.Context, c *client, m member, clients int, hangUp bool, query string) error {
	each(clients, func(int) { a.ask(ctx, c, m, operation(query, nil), hangUp) })
	return nil
}

// ask sends the same request until ctx ends, and reads the answers or hangs up after 50 ms.
func (a *assault) ask(ctx context.Context, c *client, m member, body string, hangUp bool) {
	request := string(c.raw(m.access, body, 0))
	for ctx.Err() == nil {
		one, cancel := ctx, context.CancelFunc(func() {})
		if hangUp {
			one, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
		}
		a.swallow(one, c, strings.Replace(request, "\r\n", "\r\nConnection: close\r\n", 1))
		cancel()
		sleep(ctx, 10*time.Millisecond)
	}
}

// swallow sends a request and reads until the server closes the connection or ctx ends.
func (a *assault) swallow(ctx context.Context, c *client, request string) {
	conn, err := c.dial(ctx, "http/1.1")
	if err != nil {
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, request); err != nil {
		return
	}
	n, _ := io.Copy(io.Discard, conn)
	a.received.Add(n)
}

// race calls f with 0 to n-1, each once, on several workers, until ctx ends, and tallies the results.
func (a *assault) race(ctx context.Context, workers, n int, f func(i int) error) {
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range n {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	each(workers, func(int) {
		for i := range next {
			if err := f(i); ctx.Err() == nil {
				a.tally(err)
			}
		}
	})
}

const (
	negotiateQuery = `mutation($s:ID!,$t:ID!,$d:String!){negotiate(streamId:$s,to:$t,description:{type:offer,sdp:$d}){streamId}}`
	publishQuery   = `mutation{publishStream{id}}`
)

// publish publishes a stream of a member, and returns its id.
func publish(ctx context.Context, c *client, m member) (string, error) {
	var answer struct{ PublishStream struct{ ID string } }
	err := c.patiently(ctx, m.access, publishQuery, nil, &answer)
	return answer.PublishStream.ID, err
}

// multiply opens n different subscriptions on one socket. Then another member of the session sends ten messages, each of
// which goes to all subscriptions.
func multiply(ctx context.Context, a *assault, n int, selection string, send func(ctx context.Context, c *client, from, to member, streamID string) error) error {
	c, to, err := a.join(ctx, 0, "attack", "")
	if err != nil {
		return err
	}
	_, from, err := a.join(ctx, 0, "attack", "")
	if err != nil {
		return err
	}
	streamID, err := publish(ctx, c, from)
	if err != nil {
		return err
	}
	a.prepared()
	s, err := c.socket(ctx, to.access)
	if err != nil {
		return err
	}
	for i := range n {
		if err := s.subscribe(fmt.Sprint(i), "subscription{"+fmt.Sprintf(selection, i)+"}", nil); err != nil {
			break
		}
	}
	sending, done := context.WithCancel(ctx)
	go func() {
		defer done()
		for range 10 {
			if !sleep(ctx, 200*time.Millisecond) {
				return
			}
			a.tally(send(ctx, c, from, to, streamID))
		}
	}()
	a.received.Add(s.drain(ctx))
	<-sending.Done()
	return nil
}
