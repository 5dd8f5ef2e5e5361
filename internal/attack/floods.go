//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// rate is the limit of operations that one hostile client may have answered: a burst, and a number per second after it.
type rate struct{ burst, second float64 }

// Defaults of docs/operations.md.
var (
	addRate       = rate{500, 50}
	byteRate      = rate{256, 8}        // adds of 16 KiB: 4 MiB, and 128 KiB a second
	placeRate     = rate{10_000, 1_000} // adds of an address, which many people may share
	connectRate   = rate{1_000, 20}
	signalRate    = rate{500, 50}
	negotiateRate = rate{3_000, 100}
	changeRate    = rate{300, 20}
)

// share returns the rate of requests with n operations each.
func (r rate) share(operations float64) rate {
	return rate{r.burst / operations, r.second / operations}
}

// most returns how many operations may succeed in a time, with a margin, since two clocks measure it.
func (r rate) most(in time.Duration) float64 { return r.burst + 1.1*r.second*in.Seconds() + 10 }

const floodWorkers = 32

// floods are attempts that repeat an allowed operation as fast as they can.
var floods = []attempt{
	{
		name: "flood of entries",
		sent: "32 requests at once, by one member of the people's own session, of entries of one byte",
		why:  "25,000 a second, to everybody in the session",
		attack: func(ctx context.Context, a *assault) error {
			return flood(ctx, a, officeSession, "adds", addRate, func(ctx context.Context, c *client, m member, _ int) error {
				return c.ask(ctx, m.access, addQuery, map[string]any{"c": m.id, "b": "x"}, nil)
			})
		},
	},
	{
		name: "flood of entries over a socket",
		sent: "the same as 100 operations at once on each of 4 sockets",
		why:  "a limit must hold on every transport",
		attack: func(ctx context.Context, a *assault) error {
			return floodSockets(ctx, a, officeSession, "adds", addRate, func(m member, _ int) string {
				return operation(addQuery, map[string]any{"c": m.id, "b": "x"})
			})
		},
	},
	{
		name: "flood of guests",
		sent: "32 requests at once of entries of one byte in the lobby, each under a name of its own",
		why:  "a guest has no connection to count by",
		attack: func(ctx context.Context, a *assault) error {
			return flood(ctx, a, "lobby", "adds", placeRate, func(ctx context.Context, c *client, _ member, i int) error {
				return c.ask(ctx, "", addQuery, map[string]any{"c": fmt.Sprint("guest", i), "b": "x"}, nil)
			})
		},
	},
	{
		name: "flood of bytes",
		sent: "16 requests at once of entries of 16 KiB",
		why:  "94 MB a second, 1 GB of disk in 11 s",
		attack: func(ctx context.Context, a *assault) error {
			text := strings.Repeat("x", 16_384)
			return flood(ctx, a, "attack", "adds of 16 KiB", byteRate, func(ctx context.Context, c *client, m member, _ int) error {
				return c.ask(ctx, m.access, addQuery, map[string]any{"c": m.id, "b": text}, nil)
			})
		},
	},
	{
		name: "flood of connects",
		sent: "32 requests at once to become a connection of the people's session",
		why:  "8,900 a second, each of which everybody is told",
		attack: func(ctx context.Context, a *assault) error {
			return flood(ctx, a, "", "connects", connectRate, func(ctx context.Context, c *client, _ member, _ int) error {
				_, err := c.connect(ctx, officeSession, "", "")
				return err
			})
		},
	},
	{
		name: "flood of signals",
		sent: "32 requests at once to signal everybody in the people's session",
		why:  "11,400 a second",
		attack: func(ctx context.Context, a *assault) error {
			return flood(ctx, a, officeSession, "signals", signalRate, func(ctx context.Context, c *client, m member, _ int) error {
				return c.ask(ctx, m.access, signalQuery, map[string]any{"d": "x"}, nil)
			})
		},
	},
	{
		name: "flood of negotiation",
		sent: "32 requests at once to send another connection a candidate",
		why:  "as that of signals",
		attack: func(ctx context.Context, a *assault) error {
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
			return flood(ctx, a, "", "negotiations", negotiateRate, func(ctx context.Context, c *client, _ member, _ int) error {
				return c.ask(ctx, from.access, negotiateQuery, map[string]any{"s": streamID, "t": to.id, "d": "v=0"}, nil)
			})
		},
	},
	{
		name: "flood of stream updates",
		sent: "32 requests at once to rename a stream in the people's session",
		why:  "each is written and told to everybody",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, officeSession, "")
			if err != nil {
				return err
			}
			streamID, err := publish(ctx, c, m)
			if err != nil {
				return err
			}
			return flood(ctx, a, "", "updates", changeRate, func(ctx context.Context, c *client, _ member, i int) error {
				return c.ask(ctx, m.access, `mutation($s:ID!,$n:String){updateStream(streamId:$s,name:$n){id}}`, map[string]any{"s": streamID, "n": fmt.Sprint(i)}, nil)
			})
		},
	},
	{
		name: "flood of streams",
		sent: "32 requests at once to publish a stream and end it",
		why:  "as that of updates",
		attack: func(ctx context.Context, a *assault) error {
			return flood(ctx, a, officeSession, "streams", changeRate.share(2), func(ctx context.Context, c *client, m member, _ int) error {
				var answer struct{ PublishStream struct{ ID string } }
				if err := c.ask(ctx, m.access, publishQuery, nil, &answer); err != nil {
					return err
				}
				return c.ask(ctx, m.access, `mutation($s:ID!){unpublishStream(streamId:$s){id}}`, map[string]any{"s": answer.PublishStream.ID}, nil)
			})
		},
	},
	{
		name: "flood of documents",
		sent: "32 requests at once of {session{__typename ×490}}, each with another comment",
		why:  "82 a second took both processors",
		attack: func(ctx context.Context, a *assault) error {
			query := `{session{` + strings.Repeat("__typename ", 490) + `}}#`
			return flood(ctx, a, "attack", "", rate{}, func(ctx context.Context, c *client, m member, i int) error {
				return c.ask(ctx, m.access, query+fmt.Sprint(i), nil, nil)
			})
		},
	},
	{
		name: "flood of documents over a socket",
		sent: "the same as 100 operations at once on each of 4 sockets",
		why:  "a limit must hold on every transport",
		attack: func(ctx context.Context, a *assault) error {
			query := `{session{` + strings.Repeat("__typename ", 490) + `}}#`
			return floodSockets(ctx, a, "attack", "", rate{}, func(_ member, i int) string { return operation(query+fmt.Sprint(i), nil) })
		},
	},
	{
		name: "flood of documents that are refused",
		sent: "the same without a token, of documents that validation refuses at their end",
		why:  "what is refused costs as much, and nobody is asked who",
		attack: func(ctx context.Context, a *assault) error {
			query := `{session{` + strings.Repeat("__typename ", 489) + `nothing}}#`
			return flood(ctx, a, "", "", rate{}, func(ctx context.Context, c *client, _ member, i int) error {
				return c.ask(ctx, "", query+fmt.Sprint(i), nil, nil)
			})
		},
	},
	{
		name: "flood of pages",
		sent: "32 requests at once of ten pages of 200 entries with their connections",
		why:  "2,000 entries are read each time",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, "attack", "")
			if err != nil {
				return err
			}
			for i := range logEntries {
				if err := c.patiently(ctx, m.access, addQuery, map[string]any{"c": m.id, "b": fmt.Sprint(i)}, nil); err != nil {
					return err
				}
			}
			var query strings.Builder
			for i := range 10 {
				fmt.Fprintf(&query, "a%d:chatEntries(first:200){nodes{id body connection{id data}}} ", i)
			}
			return flood(ctx, a, "", "", rate{}, func(ctx context.Context, c *client, _ member, _ int) error {
				return c.ask(ctx, m.access, "{"+query.String()+"}", nil, nil)
			})
		},
	},
	{
		name: "flood of introspection",
		sent: "32 requests at once for the types of the schema, ten times each",
		why:  "an answer that is not small, for nobody in particular",
		attack: func(ctx context.Context, a *assault) error {
			var query strings.Builder
			for i := range 9 {
				fmt.Fprintf(&query, "a%d:__schema{types{name description fields{name description args{name description}}}} ", i)
			}
			return flood(ctx, a, "", "", rate{}, func(ctx context.Context, c *client, _ member, _ int) error {
				return c.ask(ctx, "", "{"+query.String()+"}", nil, nil)
			})
		},
	},
	{
		name: "flood of subscriptions",
		sent: "4 sockets that begin entryAdded(after: \"0\") and complete it, as fast as they can",
		why:  "each reads the log from the database",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillLog(ctx, a)
			if err != nil {
				return err
			}
			a.prepared()
			each(4, func(int) {
				for ctx.Err() == nil {
					s, err := c.socket(ctx, m.access)
					if err != nil {
						sleep(ctx, 100*time.Millisecond)
						continue
					}
					go func() { a.received.Add(s.drain(ctx)) }()
					for i := 0; ctx.Err() == nil; i++ {
						if s.subscribe(fmt.Sprint(i), `subscription{entryAdded(after:"0"){body}}`, nil) != nil ||
							s.send(message{ID: fmt.Sprint(i), Type: "complete"}) != nil {
							break
						}
					}
					s.close()
				}
			})
			return nil
		},
	},
	{
		name: "flood of sockets",
		sent: "32 clients of one address that open a socket and close it, as fast as they can",
		why:  "each is an upgrade, a check of a token and a change of presence",
		attack: func(ctx context.Context, a *assault) error {
			return flood(ctx, a, officeSession, "", rate{}, func(ctx context.Context, c *client, m member, _ int) error {
				s, err := c.socket(ctx, m.access)
				if err == nil {
					s.close()
				}
				return err
			})
		},
	},
	{
		name:   "flood of probes",
		sent:   "32 requests at once for /readyz",
		why:    "each writes to the database",
		attack: func(ctx context.Context, a *assault) error { return floodPath(ctx, a, "/readyz") },
	},
	{
		name:   "flood of metrics",
		sent:   "32 requests at once for /metrics",
		why:    "each gathers everything",
		attack: func(ctx context.Context, a *assault) error { return floodPath(ctx, a, "/metrics") },
	},
	{
		name: "resets that fill the log",
		sent: "3,000 connections that send part of a request, or all of it, and are reset before they are answered, by 16 clients",
		why:  "1,500 of them wrote 12,900 warnings",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, "attack", "")
			if err != nil {
				return err
			}
			a.prepared()
			var query strings.Builder
			for i := range 10 {
				fmt.Fprintf(&query, "a%d:chatEntries(first:200){nodes{body connection{data}}} ", i)
			}
			whole := c.raw(m.access, operation("{"+query.String()+"}", nil), 0)
			a.race(ctx, 16, a.n(3000), func(i int) error {
				conn, err := c.dialPlain(ctx)
				if err != nil {
					return err
				}
				request := whole
				if i%4 == 0 {
					request = whole[:len(whole)-10]
				}
				_, err = conn.Write(request)
				time.Sleep(time.Duration(i%20) * time.Millisecond)
				return errors.Join(err, conn.(*net.TCPConn).SetLinger(0), conn.Close())
			})
			return nil
		},
	},
	{
		name:   "refusals that fill the log",
		sent:   "requests that are refused in every way there is: no JSON, no such token, no such host, an origin of elsewhere, no init",
		why:    "what a client does on purpose is not worth a line",
		attack: refusals,
	},
}

// flood repeats an operation as fast as one client can, many at once. most is the number that may succeed; an empty name
// means that only the others' times count. An empty sessionID means a client without a connection.
func flood(ctx context.Context, a *assault, sessionID, name string, most rate, do func(ctx context.Context, c *client, m member, i int) error) error {
	c := a.attacker(0)
	var m member
	if sessionID != "" {
		var err error
		if _, m, err = a.join(ctx, 0, sessionID, ""); err != nil {
			return err
		}
	}
	a.prepared()
	begin := time.Now()
	a.race(ctx, floodWorkers, 1<<30, func(i int) error { return do(ctx, c, m, i) })
	if name != "" {
		a.answered(name, begin, most)
	}
	return nil
}

// answered records how many operations succeeded since the attack began.
func (a *assault) answered(name string, begin time.Time, most rate) {
	a.figure(name, float64(a.count("ok")), math.Floor(most.most(time.Since(begin))))
}

// floodSockets is flood over four sockets, with a hundred operations at once on each.
func floodSockets(ctx context.Context, a *assault, sessionID, name string, most rate, body func(m member, i int) string) error {
	c, m, err := a.join(ctx, 0, sessionID, "")
	if err != nil {
		return err
	}
	a.prepared()
	begin := time.Now()
	var n atomic.Int64
	each(4, func(int) {
		for ctx.Err() == nil {
			s, err := c.socket(ctx, m.access)
			if err != nil {
				sleep(ctx, 100*time.Millisecond)
				continue
			}
			stop := context.AfterFunc(ctx, s.close)
			another := func() error {
				return s.send(message{ID: fmt.Sprint(n.Add(1)), Type: "subscribe", Payload: []byte(body(m, int(n.Load())))})
			}
			for range 100 {
				if err = another(); err != nil {
					break
				}
			}
			for err == nil {
				var m message
				if m, err = s.next(requestTimeout); err != nil {
					break
				}
				switch m.Type {
				case "next":
					a.tallyMessage(m)
				case "error":
					a.tallyMessage(m)
					err = another()
				case "complete":
					err = another()
				}
			}
			stop()
			s.close()
		}
	})
	if name != "" {
		a.answered(name, begin, most)
	}
	return nil
}

// tallyMessage tallies a message of a socket.
func (a *assault) tallyMessage(m message) {
	text := string(m.Payload)
	if !strings.Contains(text, `"errors":`) && m.Type == "next" {
		a.tally(nil)
		return
	}
	p := &problem{}
	for _, code := range []string{"RATE_LIMITED", "UNAVAILABLE", "BAD_USER_INPUT", "UNAUTHENTICATED", "INTERNAL"} {
		if strings.Contains(text, code) {
			p.Extensions.Code = code
		}
	}
	a.tally(p)
}

func floodPath(ctx context.Context, a *assault, path string) error {
	return flood(ctx, a, "", "", rate{}, func(ctx context.Context, c *client, _ member, _ int) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server.url()+path, nil)
		if err != nil {
			return err
		}
		request.Header = c.header("")
		resp, err := c.http.Do(request)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return &problem{Status: resp.StatusCode}
		}
		return nil
	})
}

// refusals sends requests that are refused, in every way there is.
func refusals(ctx context.Context, a *assault) error {
	a.prepared()
	c := a.attacker(0)
	good := operation(`{session{id}}`, nil)
	requests := []string{
		string(c.raw("", "no JSON", 0)),
		string(c.raw("nobody", good, 0)),
		string(c.raw("", operation("{", nil), 0)),
		string(c.raw("", operation("{connection{id}}", nil), 0)),
		string(c.raw("", operation(`mutation{addChatEntry(connectionId:"/",body:""){id}}`, nil), 0)),
		strings.Replace(string(c.raw("", good, 0)), "Host: ", "Host: elsewhere.example\r\nX-Host: ", 1),
		strings.Replace(string(c.raw("", good, 0)), "Host: ", "Origin: https://elsewhere.example\r\nHost: ", 1),
		strings.Replace(string(c.raw("", good, 0)), "POST ", "BREW ", 1),
		strings.Replace(string(c.raw("", good, 0)), "HTTP/1.1", "HTTP/9.9", 1),
		strings.Replace(string(c.raw("", good, 0)), "Content-Length: ", "Content-Length: -", 1),
		string(c.raw("", good, 2<<20)),
		"\x16\x03\x01\x02\x00",
	}
	each(len(requests), func(i int) {
		for range a.n(300) {
			one, cancel := context.WithTimeout(ctx, 2*time.Second)
			a.swallow(one, c, strings.Replace(requests[i], "\r\n", "\r\nConnection: close\r\n", 1))
			cancel()
			if ctx.Err() != nil {
				return
			}
		}
	})
	for range a.n(300) {
		s, err := c.upgrade(ctx)
		if err != nil {
			break
		}
		_ = s.send(message{Type: "nothing"})
		s.close()
	}
	return nil
}
