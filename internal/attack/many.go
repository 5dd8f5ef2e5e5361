//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// many are attempts whose parts cost next to nothing, and of which many come at once.
var many = []attempt{
	{
		name: "frames of 1 MiB over HTTP/2", lasts: heavyLasts, with: settings{tls: true},
		sent: "600 connections, each GET /healthz and then a frame of 1 MiB of an unknown type without its last byte",
		why:  "691 MiB: a connection keeps a buffer of a frame's size",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			c := a.attacker(0)
			part := make([]byte, 64<<10)
			return a.hold(ctx, a.n(600), func(int) (net.Conn, error) {
				conn, err := c.dial(ctx, "h2")
				if err != nil {
					return nil, err
				}
				if _, err := c.asked(conn); err != nil {
					return conn, err
				}
				if _, err = conn.Write([]byte{0x0f, 0xff, 0xff, 0xbb, 0, 0, 0, 0, 0}); err != nil {
					return conn, err
				}
				for sent := 0; sent < 1<<20-2; {
					n, err := conn.Write(part[:min(len(part), 1<<20-2-sent)])
					if err != nil {
						return conn, err
					}
					sent += n
				}
				return conn, nil
			})
		},
	},
	{
		name: "pings over HTTP/2 that are not read", lasts: heavyLasts, with: settings{tls: true},
		sent: "400 connections that send PINGs, just fewer than too many, and read nothing",
		why:  "9 s: 10,000 answers to them wait for each connection",
		attack: func(ctx context.Context, a *assault) error {
			c := a.attacker(0)
			batch := func(h *h2conn, n int) error {
				for range n {
					if err := h.framer.WritePing(false, [8]byte{1}); err != nil {
						return err
					}
				}
				return h.out.Flush()
			}
			open := func() (*h2conn, error) {
				conn, err := c.dialNarrow(ctx, "h2")
				if err != nil {
					return nil, err
				}
				return c.asked(conn)
			}
			probe, err := open()
			if err != nil {
				return err
			}
			most := 0
			for ; most < 2_000_000; most += 250 {
				_ = probe.SetDeadline(time.Now().Add(2 * time.Second))
				if err := batch(probe, 250); err != nil {
					break
				}
				time.Sleep(3 * time.Millisecond)
			}
			probe.Close()
			a.figure("pings until the end", float64(most), 1e9)
			a.prepared()
			return a.hold(ctx, a.n(400), func(int) (net.Conn, error) {
				h, err := open()
				if err != nil {
					return nil, err
				}
				for sent := 0; sent < most-2000; sent += 250 {
					if err := batch(h, 250); err != nil {
						return h.Conn, err
					}
					time.Sleep(time.Millisecond)
				}
				return h.Conn, nil
			})
		},
	},
	{
		name: "pages not taken over HTTP/2", lasts: heavyLasts, with: settings{tls: true},
		sent: "150 connections with a window of 0 and 100 streams each that GET / with 32 KiB of cookies in 8 lines of one index",
		why:  "791 MiB: each is a request that lasts, with all of its header",
		attack: func(ctx context.Context, a *assault) error {
			cookie := hpack.HeaderField{Name: "cookie", Value: "a=" + strings.Repeat("x", 3990)}
			return pagesNotTaken(ctx, a, 1, 150, "/", slices.Repeat([]hpack.HeaderField{cookie}, 8)...)
		},
	},
	{
		name: "redirects not taken over HTTP/2", lasts: heavyLasts, with: settings{tls: true},
		sent: "16 connections with a window of 0 and 100 streams each that GET //? and 15,000 quotation marks",
		why:  "the router's redirect repeats the address, each mark as five bytes, and was no request under way",
		attack: func(ctx context.Context, a *assault) error {
			return pagesNotTaken(ctx, a, 1, 16, "//?"+strings.Repeat("'", 15_000))
		},
	},
	{
		name: "small answers not taken over HTTP/2", lasts: heavyLasts, with: settings{tls: true},
		sent: "16 connections of each of 3 addresses with a window of 0 and 100 streams each that GET {__typename}, with 32 KiB of cookies",
		why:  "net/http keeps 4 KiB of an answer until its handler has returned, when the request was in no count any more",
		attack: func(ctx context.Context, a *assault) error {
			cookie := hpack.HeaderField{Name: "cookie", Value: "a=" + strings.Repeat("x", 3990)}
			return pagesNotTaken(ctx, a, 3, 3*16, "/graphql?query=%7B__typename%7D", slices.Repeat([]hpack.HeaderField{cookie}, 8)...)
		},
	},
	{
		name: "refusals not taken over HTTP/2", lasts: heavyLasts, with: settings{tls: true},
		sent: "16 connections of each of 3 addresses with a window of 0 and 100 streams each that GET /graphql from a foreign origin, with 32 KiB of cookies",
		why:  "a refusal comes before its request is counted, and each kept all of its header",
		attack: func(ctx context.Context, a *assault) error {
			cookie := hpack.HeaderField{Name: "cookie", Value: "a=" + strings.Repeat("x", 3990)}
			foreign := hpack.HeaderField{Name: "origin", Value: "https://foreign.example"}
			return pagesNotTaken(ctx, a, 3, 3*16, "/graphql", append(slices.Repeat([]hpack.HeaderField{cookie}, 8), foreign)...)
		},
	},
	{
		name: "probes over HTTP/2", lasts: 15 * time.Second, with: settings{tls: true},
		sent: "64 connections that GET /healthz by 100 streams at once, again and again",
		why:  "3.3 s: 6,400 goroutines are ready at once",
		attack: func(ctx context.Context, a *assault) error {
			c := a.attacker(0)
			a.prepared()
			each(a.n(64), func(int) {
				for ctx.Err() == nil {
					conn, err := c.dial(ctx, "h2")
					if err != nil {
						return
					}
					stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
					h, err := c.h2(conn)
					for err == nil {
						for range 100 {
							if err = h.get("/healthz", false); err != nil {
								break
							}
						}
						if err == nil {
							err = h.out.Flush()
						}
						if err == nil {
							err = h.answers(100)
						}
						for range 100 {
							a.tally(err)
						}
					}
					stop()
					conn.Close()
				}
			})
			return nil
		},
	},
	{
		name: "handshakes by the hundred", lasts: 15 * time.Second, with: settings{tls: true},
		sent: "500 clients at once that send one and the same ClientHello, wait for the answer's first bytes, and reset",
		why:  "2.4 s: the client computes nothing",
		attack: func(ctx context.Context, a *assault) error {
			hello := cannedHello()
			c := a.attacker(0)
			a.prepared()
			each(a.n(500), func(int) {
				b := make([]byte, 16)
				for ctx.Err() == nil {
					conn, err := c.dialPlain(ctx)
					if err != nil {
						sleep(ctx, 10*time.Millisecond)
						continue
					}
					_ = conn.SetDeadline(time.Now().Add(requestTimeout))
					if _, err = conn.Write(hello); err == nil {
						_, err = io.ReadFull(conn, b)
					}
					if ctx.Err() == nil {
						a.tally(err)
					}
					_ = conn.(*net.TCPConn).SetLinger(0)
					conn.Close()
				}
			})
			return nil
		},
	},
	{
		name: "handshakes that are left", lasts: 40 * time.Second,
		with: settings{tls: true, env: []string{"CHATTOK_MAX_TCP_CONNECTIONS_PER_ADDRESS=140"}},
		sent: "200 clients of 20 addresses that connect, send a ClientHello, and connect anew, without end, where an address may have 140 connections",
		why:  "a connection that gives way to a newer one keeps waiting for its turn: 24,000 of them in three minutes of the siege",
		attack: func(ctx context.Context, a *assault) error {
			hello := cannedHello()
			a.prepared()
			each(a.n(200), func(i int) {
				c := a.attacker(i % 20)
				for ctx.Err() == nil {
					conn, err := c.dialPlain(ctx)
					if err != nil {
						sleep(ctx, 10*time.Millisecond)
						continue
					}
					_, err = conn.Write(hello)
					if ctx.Err() == nil {
						a.tally(err)
					}
					conn.Close()
				}
			})
			return nil
		},
	},
	{
		name: "probes in a pipeline", lasts: 15 * time.Second,
		sent: "300 connections that send GET /healthz without waiting, and drop the answers",
		why:  "2 s: the goroutine of a connection never waits",
		attack: func(ctx context.Context, a *assault) error {
			return pipeline(ctx, a, 300, "GET /healthz HTTP/1.1\r\nHost: "+a.host+"\r\n\r\n")
		},
	},
	{
		name: "OPTIONS in a pipeline", lasts: 15 * time.Second,
		sent: "300 connections that send OPTIONS /graphql without waiting, and drop the answers",
		why:  "2 s: the goroutine of a connection never waits",
		attack: func(ctx context.Context, a *assault) error {
			return pipeline(ctx, a, 300, "OPTIONS /graphql HTTP/1.1\r\nHost: "+a.host+"\r\n\r\n")
		},
	},
	{
		name: "pages in a pipeline", lasts: 15 * time.Second,
		sent: "300 connections that send GET / without waiting, and drop the answers",
		why:  "2 s: the goroutine of a connection never waits",
		attack: func(ctx context.Context, a *assault) error {
			return pipeline(ctx, a, 300, "GET / HTTP/1.1\r\nHost: "+a.host+"\r\n\r\n")
		},
	},
	{
		name: "pings before the init", lasts: 20 * time.Second,
		sent: "800 sockets without connection_init that send WebSocket pings as fast as they can and drop the pongs",
		why:  "12 s: frames were not paced before the caller is known",
		attack: func(ctx context.Context, a *assault) error {
			c := a.attacker(0)
			frame := ws.MustCompileFrame(ws.MaskFrameInPlaceWith(ws.NewPingFrame(nil), [4]byte{}))
			return uninitialised(ctx, a, c, 800, bytes.Repeat(frame, 2000))
		},
	},
	{
		name: "messages before the init", lasts: 20 * time.Second,
		sent: "800 sockets without connection_init that send pings of the protocol with 100 members and drop the pongs",
		why:  "12 s: frames were not paced before the caller is known",
		attack: func(ctx context.Context, a *assault) error {
			c := a.attacker(0)
			var b bytes.Buffer
			text := `{"type":"ping","payload":{"a":[` + strings.TrimSuffix(strings.Repeat(`{},`, 3000), ",") + `]}}`
			_ = wsutil.WriteClientText(&b, []byte(text))
			return uninitialised(ctx, a, c, 800, b.Bytes())
		},
	},
	{
		name: "STUN over TCP", lasts: 15 * time.Second, with: turnSettings(), turn: true,
		sent:   "250 connections of one address to the TURN server that send STUN binding requests without waiting, and come again",
		why:    "each request is answered, and no allocation is needed for it",
		attack: bindingRequests,
	},
	{
		name: "costly replays", lasts: heavyLasts,
		sent:   "32 subscriptions on sockets of their own of each of 20 connections of one address to entryAdded(after: \"0\") of 500 entries that answer each other, with 160 times replyTo",
		why:    "5.6 s: events are rendered for a reader that catches up on a goroutine of its own",
		attack: func(ctx context.Context, a *assault) error { return costlyReplays(ctx, a, 20, 32, 500) },
	},
	{
		name: "replays of a long log", lasts: heavyLasts,
		sent: "4 sockets that take nothing, each with 80 subscriptions to entryAdded(after:) from as many places in a log of 160 MiB",
		why:  "each held the 2 MiB of entries that it had read until it could write them",
		attack: func(ctx context.Context, a *assault) error {
			c, m, cursors, err := joinLongLog(ctx, a)
			if err != nil {
				return err
			}
			return a.holdSockets(ctx, 4, func(_ int, s *socket) error {
				for i, cursor := range cursors {
					query := `subscription($a:String!){entryAdded(after:$a){body}}`
					if err := s.subscribe(fmt.Sprint(i), query, map[string]any{"a": cursor}); err != nil {
						return err
					}
				}
				return nil
			}, func(ctx context.Context) (*socket, error) { return c.socket(ctx, m.access) })
		},
	},
	{
		name: "streams of a long log", lasts: heavyLasts,
		sent: "300 streams over HTTP that take nothing, of entryAdded(after:) from 80 places in a log of 160 MiB",
		why:  "each holds 256 KiB of entries that it has read until it can write them, beside a budget that is full",
		attack: func(ctx context.Context, a *assault) error {
			c, m, cursors, err := joinLongLog(ctx, a)
			if err != nil {
				return err
			}
			return a.hold(ctx, a.n(300), func(i int) (net.Conn, error) {
				conn, err := c.dial(ctx, "http/1.1")
				if err != nil {
					return nil, err
				}
				if tcp, ok := conn.(*net.TCPConn); ok {
					_ = tcp.SetReadBuffer(4 << 10) // so that the server must keep unread data
				}
				query := operation(`subscription($a:String!){entryAdded(after:$a){body}}`, map[string]any{"a": cursors[i%len(cursors)]})
				request := c.raw(m.access, query, len(query))
				_, err = io.WriteString(conn, strings.Replace(string(request), "\r\n", "\r\nAccept: text/event-stream\r\n", 1))
				return conn, err
			})
		},
	},
	{
		name: "a thousand adds at once", lasts: 15 * time.Second,
		sent: "50 sockets of each of 20 members of one address that each add, 100 operations in the queue of each",
		why:  "1.2 s: a refusal is cheap, and yet not free",
		attack: func(ctx context.Context, a *assault) error {
			return addsAtOnce(ctx, a, 20, 50, func(m member, last string) string {
				return operation(addQuery, map[string]any{"c": m.id, "b": "x"})
			})
		},
	},
	{
		name: "adds with costly answers", lasts: 15 * time.Second,
		sent: "the same with 10 aliases of replyTo, 16 deep, in the answer",
		why:  "844 MiB: one commit stores them all, and then all are answered at once",
		attack: func(ctx context.Context, a *assault) error {
			chains := aliases("a", strings.Repeat("replyTo{", 16)+"version"+strings.Repeat("}", 16), 10)
			query := `mutation($c:ID!,$r:ID){addChatEntry(connectionId:$c,body:"x",replyTo:$r){` + chains + `}}`
			return addsAtOnce(ctx, a, 20, 50, func(m member, last string) string {
				return operation(query, map[string]any{"c": m.id, "r": last})
			})
		},
	},
}

// joinLongLog connects an attacker to a log of 160 MiB, and returns 80 cursors of places in it.
func joinLongLog(ctx context.Context, a *assault) (c *client, m member, cursors []string, err error) {
	if cursors, err = fillLongLog(ctx, a, 80); err != nil {
		return nil, m, nil, err
	}
	if c, m, err = a.join(ctx, 0, "attack", ""); err != nil {
		return nil, m, nil, err
	}
	a.prepared()
	return c, m, cursors, nil
}

// fillLongLog posts n times 128 entries of 16 KiB, each time by a client of another address, and returns the cursors between them.
func fillLongLog(ctx context.Context, a *assault, n int) (cursors []string, err error) {
	text := strings.Repeat("x", 16_384)
	for i := range a.n(n) {
		c, m, err := a.join(ctx, i, "attack", "")
		if err != nil {
			return nil, err
		}
		cursors = append(cursors, m.begin)
		failed := make([]error, 8)
		each(len(failed), func(i int) {
			for range 128 / len(failed) {
				if failed[i] = c.patiently(ctx, m.access, addQuery, map[string]any{"c": m.id, "b": text}, nil); failed[i] != nil {
					return
				}
			}
		})
		if err := errors.Join(failed...); err != nil {
			return nil, fmt.Errorf("fill the log: %w", err)
		}
	}
	return cursors, nil
}

// pagesNotTaken asks for pages whose answers wait for a window, over n connections of so many addresses.
func pagesNotTaken(ctx context.Context, a *assault, addresses, n int, path string, more ...hpack.HeaderField) error {
	a.prepared()
	return a.hold(ctx, a.n(n), func(i int) (net.Conn, error) {
		c := a.attacker(i % addresses)
		conn, err := c.dial(ctx, "h2")
		if err != nil {
			return nil, err
		}
		_ = conn.SetDeadline(time.Now().Add(requestTimeout))
		h, err := c.h2(conn, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		for i := 0; i < 100 && err == nil; i++ {
			err = h.get(path, true, more...)
		}
		if err == nil {
			err = h.out.Flush()
		}
		go func() { n, _ := io.Copy(io.Discard, conn); a.received.Add(n) }()
		_ = conn.SetDeadline(time.Time{})
		return conn, err
	})
}

// pipeline sends a request again and again without waiting for the answers, on each of n connections.
func pipeline(ctx context.Context, a *assault, n int, request string) error {
	a.prepared()
	c := a.attacker(0)
	many := []byte(strings.Repeat(request, 16<<10/len(request)+1))
	each(a.n(n), func(int) {
		for ctx.Err() == nil {
			conn, err := c.dial(ctx, "http/1.1")
			if err != nil {
				sleep(ctx, 100*time.Millisecond)
				continue
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			go func() {
				n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, make([]byte, 64<<10))
				a.received.Add(n)
			}()
			for err == nil {
				_, err = conn.Write(many)
			}
			stop()
			conn.Close()
		}
	})
	return nil
}

// uninitialised opens sockets without an init that send the same bytes until they are closed.
func uninitialised(ctx context.Context, a *assault, c *client, n int, b []byte) error {
	a.prepared()
	each(a.n(n), func(int) {
		for ctx.Err() == nil {
			s, err := c.upgrade(ctx)
			if err != nil {
				a.tally(err)
				sleep(ctx, 100*time.Millisecond)
				continue
			}
			stop := context.AfterFunc(ctx, s.close)
			go func() {
				n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{s.conn}, make([]byte, 16<<10))
				a.received.Add(n)
			}()
			for err == nil {
				_, err = s.conn.Write(b)
			}
			stop()
			s.close()
		}
	})
	return nil
}

// cannedHello returns a ClientHello.
func cannedHello() []byte {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		_ = tls.Client(near, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}).Handshake()
	}()
	head := make([]byte, 5)
	_, _ = io.ReadFull(far, head)
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	_, _ = io.ReadFull(far, body)
	far.Close()
	return append(head, body...)
}

// costlyReplays reads a log of entries that answer one another from its beginning, by selections of which each is another one.
func costlyReplays(ctx context.Context, a *assault, members, subscriptions, entries int) error {
	const depth = 16
	c, m, err := a.join(ctx, 0, "attack", "")
	if err != nil {
		return err
	}
	var last string
	for range entries {
		variables := map[string]any{"c": m.id, "b": "x"}
		if last != "" {
			variables["r"] = last
		}
		var answer struct{ AddChatEntry struct{ ID string } }
		if err := c.patiently(ctx, m.access, `mutation($c:ID!,$b:String!,$r:ID){addChatEntry(connectionId:$c,body:$b,replyTo:$r){id}}`, variables, &answer); err != nil {
			return err
		}
		last = answer.AddChatEntry.ID
	}
	chains := aliases("a", strings.Repeat("replyTo{", depth)+"version"+strings.Repeat("}", depth), 10)
	type one struct {
		s     *socket
		query string
	}
	var all []one
	for k := range a.n(members) {
		_, m, err := a.join(ctx, 0, "attack", "")
		if err != nil {
			return err
		}
		for i := range subscriptions {
			s, err := c.socket(ctx, m.access)
			if err != nil {
				return err
			}
			defer s.close()
			all = append(all, one{s, fmt.Sprintf(`subscription{entryAdded(after:"0"){%s b%dx%d:seq}}`, chains, k, i)})
		}
	}
	a.prepared()
	each(len(all), func(i int) {
		s := all[i].s
		stop := context.AfterFunc(ctx, s.close)
		defer stop()
		for n := 0; ctx.Err() == nil; n++ {
			if s.subscribe(fmt.Sprint(n), all[i].query, nil) != nil {
				return
			}
			for seen := 0; seen < entries; seen++ {
				m, err := s.next(requestTimeout)
				if err != nil {
					return
				}
				if m.Type != "next" {
					a.tallyMessage(m)
					sleep(ctx, time.Second)
					break
				}
				a.tally(nil)
			}
			if s.send(message{ID: fmt.Sprint(n), Type: "complete"}) != nil {
				return
			}
		}
	})
	return nil
}

// addsAtOnce adds on many sockets at once, with a queue of operations on each.
func addsAtOnce(ctx context.Context, a *assault, members, sockets int, body func(m member, last string) string) error {
	c, all, err := a.joinMany(ctx, a.n(members))
	if err != nil {
		return err
	}
	var last string
	for range 18 {
		variables := map[string]any{"c": all[0].id, "b": "x"}
		if last != "" {
			variables["r"] = last
		}
		var answer struct{ AddChatEntry struct{ ID string } }
		if err := c.patiently(ctx, all[0].access, `mutation($c:ID!,$b:String!,$r:ID){addChatEntry(connectionId:$c,body:$b,replyTo:$r){id}}`, variables, &answer); err != nil {
			return err
		}
		last = answer.AddChatEntry.ID
	}
	var open []*socket
	var who []member
	for _, m := range all {
		for range sockets {
			s, err := c.socket(ctx, m.access)
			if err != nil {
				return err
			}
			defer s.close()
			open, who = append(open, s), append(who, m)
		}
	}
	a.prepared()
	each(len(open), func(i int) {
		s, b := open[i], body(who[i], last)
		stop := context.AfterFunc(ctx, s.close)
		defer stop()
		n := 0
		another := func() error {
			n++
			return s.send(message{ID: fmt.Sprint(n), Type: "subscribe", Payload: []byte(b)})
		}
		for range 20 {
			if another() != nil {
				return
			}
		}
		for {
			m, err := s.next(requestTimeout)
			if err != nil {
				return
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
			if err != nil {
				return
			}
		}
	})
	return nil
}
