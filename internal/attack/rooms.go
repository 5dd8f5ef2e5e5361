//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// rooms are attempts that fill the server's caches: with groups of subscribers, sessions, messages and connections.
var rooms = []attempt{
	{
		name: "groups of one", lasts: heavyLasts,
		sent: "256 subscriptions of one socket that differ by an alias, and 4 MB of entries",
		why:  "each was a group with events of its own: 1.66 GB, which stayed",
		attack: func(ctx context.Context, a *assault) error {
			return groups(ctx, a, 1, func(i int) string { return fmt.Sprintf(`subscription{entryAdded{a%d:body}}`, i) })
		},
	},
	{
		name: "groups by a comment", lasts: heavyLasts,
		sent: "the same by subscriptions that differ by a comment",
		why:  "their answers are equal, but each was a group of its own",
		attack: func(ctx context.Context, a *assault) error {
			return groups(ctx, a, 1, func(i int) string { return fmt.Sprintf("subscription{entryAdded{body}}#%d", i) })
		},
	},
	{
		name: "groups of one, of 16 members", lasts: heavyLasts,
		sent: "32 subscriptions that differ by an alias on a socket of each of 16 connections, and 4 MB of entries",
		why:  "a limit by caller bounds nothing in sum",
		attack: func(ctx context.Context, a *assault) error {
			return groups(ctx, a, 16, func(i int) string { return fmt.Sprintf(`subscription{entryAdded{a%d:body}}`, i) })
		},
	},
	{
		name: "sessions by the thousand", lasts: 25 * time.Second,
		sent: "connects to up to 44,000 sessions that are new, by 16 clients of one address",
		why:  "650 MB, made in 25 s",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			c := a.attacker(0)
			begin := time.Now()
			a.race(ctx, 16, a.n(44_000), func(i int) error {
				_, err := c.connect(ctx, fmt.Sprint("s", i), "", "")
				return err
			})
			a.answered("connects", begin, connectRate)
			return nil
		},
	},
	{
		name: "rooms full of negotiation", lasts: heavyLasts,
		sent: "100 sessions with two members each, one of which sends the other 70 messages of 64 KiB that it does not read",
		why:  "each session keeps 4 MiB of what waits",
		attack: func(ctx context.Context, a *assault) error {
			return fillRooms(ctx, a, 100, func(ctx context.Context, c *client, from, to member, streamID string) error {
				for range 70 {
					if err := c.ask(ctx, from.access, negotiateQuery, map[string]any{"s": streamID, "t": to.id, "d": worst(65_536)}, nil); err != nil {
						return err
					}
				}
				return nil
			})
		},
	},
	{
		name: "rooms full of signals", lasts: heavyLasts,
		sent: "200 sessions, to each of which a member sends 140 signals of 8 KiB",
		why:  "each session keeps 1 MiB of them",
		attack: func(ctx context.Context, a *assault) error {
			return fillRooms(ctx, a, 200, func(ctx context.Context, c *client, from, _ member, _ string) error {
				for range 140 {
					if err := c.ask(ctx, from.access, signalQuery, map[string]any{"d": worst(8192)}, nil); err != nil {
						return err
					}
				}
				return nil
			})
		},
	},
	{
		name: "rooms full of entries", lasts: heavyLasts,
		sent: "200 sessions with a follower each, to each of which a member adds 100 entries of 16 KiB",
		why:  "each room keeps the newest entries, and what is rendered of them",
		attack: func(ctx context.Context, a *assault) error {
			return fillRooms(ctx, a, 200, func(ctx context.Context, c *client, from, to member, _ string) error {
				s, err := c.socket(ctx, to.access)
				if err != nil {
					return err
				}
				go func() { a.received.Add(s.drain(ctx)) }()
				if err := s.subscribe("e", `subscription{entryAdded{body}}`, nil); err != nil {
					return err
				}
				for range 100 {
					if err := c.ask(ctx, from.access, addQuery, map[string]any{"c": from.id, "b": worst(16_384)}, nil); err != nil {
						return err
					}
				}
				return nil
			})
		},
	},
	{
		name: "streams with long names", lasts: heavyLasts,
		sent: "8 streams with names of 1,024 bytes for each of 500 connections, and 200 subscriptions to who is there",
		why:  "a snapshot has 1,000 streams",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, "attack", "")
			if err != nil {
				return err
			}
			a.prepared()
			go func() {
				s, err := c.socket(ctx, m.access)
				if err != nil {
					return
				}
				for i := range 200 {
					query := fmt.Sprintf(`subscription{sessionEvents{...on SessionState{streams{name c%d:connection{data}}} ...on StreamCreated{stream{name}}}}`, i)
					if s.subscribe(fmt.Sprint(i), query, nil) != nil {
						break
					}
				}
				a.received.Add(s.drain(ctx))
			}()
			a.race(ctx, 8, a.n(500), func(int) error {
				m, err := c.connect(ctx, "attack", worst(1024), "")
				for range 8 {
					if err == nil {
						err = c.ask(ctx, m.access, `mutation($n:String){publishStream(name:$n){id}}`, map[string]any{"n": worst(1024)}, nil)
					}
				}
				return err
			})
			return nil
		},
	},
	{
		name: "ghosts", lasts: heavyLasts,
		sent:   "1,200 connects by one SUBSCRIBER's token, and a moderator who comes later",
		why:    "the moderator was in no list for ten minutes",
		attack: func(ctx context.Context, a *assault) error { return ghosts(ctx, a, 1200) },
	},
	{
		name:   "ports of TURN",
		with:   turnSettings(),
		turn:   true,
		sent:   "four connections that take as many of 200 relay ports as they get, and one more person who needs one",
		why:    "they took all",
		attack: relayPorts,
	},
	{
		name:   "permissions of TURN",
		with:   turnSettings(),
		turn:   true,
		sent:   "a million permissions on one allocation",
		why:    "690 MB",
		attack: relayPermissions,
	},
}

const signalQuery = `mutation($d:String){sendSignal(type:"t",data:$d){type}}`

// groups opens 256 different subscriptions to the log, spread over members, and adds 4 MB.
func groups(ctx context.Context, a *assault, members int, query func(i int) string) error {
	c, m, err := a.join(ctx, 0, "attack", "")
	if err != nil {
		return err
	}
	a.prepared()
	var refused atomic.Int64
	for range members {
		_, one, err := a.join(ctx, 0, "attack", "")
		if err != nil {
			return err
		}
		s, err := c.socket(ctx, one.access)
		if err != nil {
			return err
		}
		go func() { a.received.Add(s.drain(ctx)) }()
		for i := range 256 / members {
			if s.subscribe(fmt.Sprint(i), query(i), nil) != nil {
				refused.Add(1)
			}
		}
	}
	a.race(ctx, 4, a.n(256), func(i int) error {
		return c.patiently(ctx, m.access, addQuery, map[string]any{"c": m.id, "b": worst(16_384)}, nil)
	})
	<-ctx.Done() // the memory must not stay either
	return nil
}

// fillRooms makes n sessions of two members, one of them with a stream, and fills each session.
func fillRooms(ctx context.Context, a *assault, n int, fill func(ctx context.Context, c *client, from, to member, streamID string) error) error {
	a.prepared()
	a.race(ctx, 24, a.n(n), func(i int) error {
		c := a.attacker(0)
		name := fmt.Sprint("room", i)
		from, err := c.connect(ctx, name, "", "")
		if err != nil {
			return err
		}
		to, err := c.connect(ctx, name, "", "")
		if err != nil {
			return err
		}
		var answer struct{ PublishStream struct{ ID string } }
		if err := c.ask(ctx, from.access, publishQuery, nil, &answer); err != nil {
			return err
		}
		return fill(ctx, c, from, to, answer.PublishStream.ID)
	})
	return nil
}

// token makes the closed session where it does not exist, and mints a token, as a backend does.
func (a *assault) token(ctx context.Context, sessionID, role, data string) (string, error) {
	backend := a.client(address(true, 240))
	defer backend.close()
	if err := backend.ask(ctx, a.secret, `mutation($s:ID){createSession(id:$s){id}}`, map[string]any{"s": sessionID}, nil); err != nil {
		return "", fmt.Errorf("make a session: %w", err)
	}
	var answer struct{ CreateToken struct{ Token string } }
	err := backend.ask(ctx, a.secret, `mutation($s:ID!,$r:Role!,$d:String){createToken(sessionId:$s,role:$r,data:$d){token}}`,
		map[string]any{"s": sessionID, "r": role, "d": data}, &answer)
	return answer.CreateToken.Token, err
}

// ghostsTimeout bounds how long a token is tried after its limit.
const ghostsTimeout = 15 * time.Second

// ghosts connects n times with one token, from as many addresses as their limits require. Then a moderator connects, who
// must be found.
func ghosts(ctx context.Context, a *assault, n int) error {
	guest, err := a.token(ctx, "class", "SUBSCRIBER", "pupil")
	if err != nil {
		return err
	}
	teacher, err := a.token(ctx, "class", "MODERATOR", "the teacher")
	if err != nil {
		return err
	}
	connecting, cancel := context.WithTimeout(ctx, ghostsTimeout)
	defer cancel()
	a.race(connecting, 50, n, func(i int) error {
		_, err := a.attacker(i%50).connectPatiently(connecting, "", "", guest)
		return err
	})
	a.prepared()
	ctx, patience := afterAttack(ctx)
	defer patience()
	c := a.client(address(true, 200))
	defer c.close()
	var m member
	err = insist(ctx, a.forgive, func() (err error) {
		m, err = c.connect(ctx, "", "", teacher)
		return err
	})
	if err != nil {
		a.people.harmed("the moderator: " + codeOf(err))
		return nil
	}
	s, err := c.socket(ctx, m.access)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.subscribe("e", `subscription{sessionEvents{__typename}}`, nil); err != nil {
		return err
	}
	if _, err := s.next(requestTimeout); err != nil { // the snapshot
		return err
	}
	a.figure("moderators in no list", 1-boolean(listed(ctx, c, m)), 0)
	a.figure("connections by one token", float64(a.count("ok")), 1000)
	return nil
}

// listed reports whether a connection is found in the list of all, or by a search for its data.
func listed(ctx context.Context, c *client, m member) bool {
	for _, query := range []string{
		`{session{connections{id}}}`,
		`{connections(first:10,search:"the teacher"){nodes{id}}}`,
		`{session{connections(first:10,search:"the teacher"){nodes{id}}}}`,
	} {
		var answer any
		if err := c.ask(ctx, m.access, query, nil, &answer); err == nil && strings.Contains(fmt.Sprint(answer), m.id) {
			return true
		}
	}
	return false
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
