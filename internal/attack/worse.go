//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// worse are attempts that cost a server much more than their sender, by less obvious means.
var worse = []attempt{
	{
		name: "answers not read over a socket", lasts: heavyLasts,
		sent: "4 sockets with 200 queries each for 200 entries of 16 KiB, and nothing is read",
		why:  "a socket may have 256 operations under way, and each answer is 20 MB",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillLog(ctx, a)
			if err != nil {
				return err
			}
			a.prepared()
			return a.holdSockets(ctx, 4, func(_ int, s *socket) error {
				for i := range a.n(200) {
					if err := s.subscribe(fmt.Sprint(i), `{chatEntries(first:200){nodes{body}}}`, nil); err != nil {
						return err
					}
				}
				return nil
			}, func(ctx context.Context) (*socket, error) { return c.socket(ctx, m.access) })
		},
	},
	{
		name: "streams not read", lasts: heavyLasts,
		sent: "300 SSE streams of a log of 200 entries of 16 KiB, and nothing is read",
		why:  "each holds an event that does not go out",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillLog(ctx, a)
			if err != nil {
				return err
			}
			a.prepared()
			request := c.raw(m.access, operation(`subscription{entryAdded(after:"0"){body}}`, nil), 0)
			return a.holdRequests(ctx, a.n(300), 1, strings.Replace(string(request), "\r\n", "\r\nAccept: text/event-stream\r\n", 1))
		},
	},
	{
		name: "selections of one address", lasts: heavyLasts,
		sent:   "32 subscriptions of each of 100 connections of one address, each with 160 times replyTo in another selection, and 25 entries a second",
		why:    "each selection is an execution of every event, and they stand before the events of others",
		attack: costlySelections,
	},
	{
		name: "pings that are not read",
		sent: "16 sockets that send pings with payloads, of the protocol and of WebSockets, as fast as they can and read nothing",
		why:  "each has to be answered",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, "attack", "")
			if err != nil {
				return err
			}
			a.prepared()
			payload, _ := json.Marshal(map[string]string{"a": strings.Repeat("x", 60<<10)})
			return a.holdSockets(ctx, 16, func(i int, s *socket) error {
				stop := context.AfterFunc(ctx, s.close)
				defer stop()
				for ctx.Err() == nil {
					err := s.send(message{Type: "ping", Payload: payload})
					if i%2 == 0 {
						err = wsutil.WriteClientMessage(s.conn, ws.OpPing, payload[:100])
					}
					if err != nil {
						return err
					}
				}
				return nil
			}, func(ctx context.Context) (*socket, error) { return c.socket(ctx, m.access) })
		},
	},
	{
		name: "errors that are not read",
		sent: "16 sockets that begin operations which are refused, as fast as they can, under ids of 100 bytes, and read nothing",
		why:  "each refusal is a message that waits",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, "attack", "")
			if err != nil {
				return err
			}
			a.prepared()
			return a.holdSockets(ctx, 16, func(_ int, s *socket) error {
				stop := context.AfterFunc(ctx, s.close)
				defer stop()
				for i := 0; ctx.Err() == nil; i++ {
					if err := s.subscribe(fmt.Sprintf("%0100d", i), `{nothing}`, nil); err != nil {
						return err
					}
				}
				return nil
			}, func(ctx context.Context) (*socket, error) { return c.socket(ctx, m.access) })
		},
	},
	{
		name: "variables that grow", lasts: heavyLasts,
		sent: "64 requests at once of 1 MiB whose variables are 350,000 empty objects",
		why:  "three bytes become a hundred",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			c := a.attacker(0)
			body := `{"query":"{__typename}","variables":{"a":[` + strings.Repeat("{},", 349_000) + `{}]}}`
			each(64, func(int) { a.ask(ctx, c, member{}, body, false) })
			return nil
		},
	},
	{
		name: "variables that grow over sockets", lasts: heavyLasts,
		sent: "the same as operations on 64 sockets",
		why:  "three bytes become a hundred",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, "attack", "")
			if err != nil {
				return err
			}
			a.prepared()
			body := `{"query":"{__typename}","variables":{"a":[` + strings.Repeat("{},", 349_000/2) + `{}]}}`
			each(64, func(i int) {
				s, err := c.socket(ctx, m.access)
				if err != nil {
					return
				}
				defer s.close()
				stop := context.AfterFunc(ctx, s.close)
				defer stop()
				go func() { a.received.Add(s.drain(ctx)) }()
				for n := 0; ctx.Err() == nil; n++ {
					if s.send(message{ID: fmt.Sprint(n), Type: "subscribe", Payload: []byte(body)}) != nil {
						return
					}
				}
			})
			return nil
		},
	},
	{
		name: "subscriptions by the hundred thousand", lasts: heavyLasts,
		sent: "250 subscriptions, all the same, on each of 60 sockets of each of 8 connections",
		why:  "each takes memory, however little",
		attack: func(ctx context.Context, a *assault) error {
			c := a.attacker(0)
			var members []member
			for range 8 {
				_, m, err := a.join(ctx, 0, "attack", "")
				if err != nil {
					return err
				}
				members = append(members, m)
			}
			a.prepared()
			query := operation(`subscription{entryAdded{id}}`, nil)
			return a.hold(ctx, a.n(480), func(i int) (net.Conn, error) {
				s, err := c.socket(ctx, members[i%8].access)
				if err != nil {
					return nil, err
				}
				for n := range 250 {
					if err := s.send(message{ID: fmt.Sprint(n), Type: "subscribe", Payload: []byte(query)}); err != nil {
						return s.conn, err
					}
				}
				return s.conn, nil
			})
		},
	},
	{
		name: "flood of entries, ten in a request",
		sent: "16 requests at once, each of ten aliases of addChatEntry",
		why:  "a limit that counts requests lets ten times as much through",
		attack: func(ctx context.Context, a *assault) error {
			return flood(ctx, a, officeSession, "requests", addRate.share(10), func(ctx context.Context, c *client, m member, _ int) error {
				return c.ask(ctx, m.access, "mutation{"+tenfold(`addChatEntry(connectionId:"`+m.id+`",body:"x"){id}`)+"}", nil, nil)
			})
		},
	},
	{
		name: "flood of connects, ten in a request",
		sent: "16 requests at once, each of ten aliases of connect, to sessions that are new",
		why:  "the same",
		attack: func(ctx context.Context, a *assault) error {
			return flood(ctx, a, "", "requests", connectRate.share(10), func(ctx context.Context, c *client, _ member, i int) error {
				return c.ask(ctx, "", "mutation{"+tenfold(fmt.Sprintf(`connect(sessionId:"n%d"){expiresAt}`, i))+"}", nil, nil)
			})
		},
	},
	{
		name: "flood of comings and goings", lasts: 10 * time.Second,
		sent: "32 clients that connect to the people's session and disconnect",
		why:  "each is two changes that are stored and told to everybody",
		attack: func(ctx context.Context, a *assault) error {
			return flood(ctx, a, "", "comings", connectRate, func(ctx context.Context, c *client, _ member, _ int) error {
				m, err := c.connect(ctx, officeSession, "", "")
				if err != nil {
					return err
				}
				return c.ask(ctx, m.access, `mutation{disconnect{id}}`, nil, nil)
			})
		},
	},
	{
		name: "members of one connection each", lasts: heavyLasts,
		sent: "32 members of one address, each of whom adds as fast as it can by itself",
		why:  "a limit by connection bounds nothing where connections are free",
		attack: func(ctx context.Context, a *assault) error {
			var members []member
			for range floodWorkers {
				_, m, err := a.join(ctx, 0, officeSession, "")
				if err != nil {
					return err
				}
				members = append(members, m)
			}
			return flood(ctx, a, "", "adds", placeRate, func(ctx context.Context, c *client, _ member, i int) error {
				m := members[i%len(members)]
				return c.ask(ctx, m.access, addQuery, map[string]any{"c": m.id, "b": "x"}, nil)
			})
		},
	},
}

// tenfold selects a field ten times, under ten names.
func tenfold(field string) string {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "a%d:%s ", i, field)
	}
	return b.String()
}

// costlySelections follows one session by costly selections of many connections, and adds entries there that answer one another.
func costlySelections(ctx context.Context, a *assault) error {
	const selections, depth, pace = 32, 16, 40 * time.Millisecond
	c, m, err := a.join(ctx, 0, "attack", "")
	if err != nil {
		return err
	}
	var last string
	add := func() error {
		variables := map[string]any{"c": m.id, "b": "x"}
		if last != "" {
			variables["r"] = last
		}
		var answer struct{ AddChatEntry struct{ ID string } }
		err := c.ask(ctx, m.access, `mutation($c:ID!,$b:String!,$r:ID){addChatEntry(connectionId:$c,body:$b,replyTo:$r){id}}`, variables, &answer)
		if err == nil {
			last = answer.AddChatEntry.ID
		}
		return err
	}
	for range depth + 1 {
		if err := add(); err != nil {
			return err
		}
	}
	chains := aliases("a", strings.Repeat("replyTo{", depth)+"version"+strings.Repeat("}", depth), 10)
	for k := range a.n(100) {
		_, one, err := a.join(ctx, 0, "attack", "")
		if err != nil {
			return err
		}
		s, err := c.socket(ctx, one.access)
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, s.close)
		defer stop()
		defer s.close()
		go func() { a.received.Add(s.drain(ctx)) }()
		for i := range selections {
			query := fmt.Sprintf(`subscription{entryAdded{%s b%dx%d:seq}}`, chains, k, i)
			if err := s.subscribe(fmt.Sprint(i), query, nil); err != nil {
				return err
			}
		}
	}
	a.prepared()
	for sleep(ctx, pace) {
		a.tally(add())
	}
	return nil
}
