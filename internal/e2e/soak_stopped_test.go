package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"chattok/internal/wsclient"
)

// A stopped reader has a session of its own. The whole log of one subscription is longer than the kernel's buffers, 4 MiB by
// default, so that the server's writes block before the log's end, in whatever order it serves the subscriptions.
const (
	stoppedEntries       = 200
	stoppedBody          = 12 << 10 // bytes of an entry
	stoppedBodies        = 4        // times that an event has the body, so that a subscription takes 9 MiB
	stoppedSubscriptions = 3        // of the whole log on one socket
	stoppedWriteTimeout  = time.Second
)

// stoppedReader subscribes and stops reading. The server must close its socket after the write timeout. Then it resumes with its
// last cursor.
type stoppedReader struct {
	*soak
	session string
	token   string
}

// newStoppedReader fills the log of a session and returns a reader of it.
func newStoppedReader(s *soak, name string) (*stoppedReader, error) {
	r := &stoppedReader{soak: s, session: name}
	id, err := r.connect()
	if err != nil {
		return nil, err
	}
	body := strings.Repeat("x", stoppedBody)
	for n := range stoppedEntries {
		err := postAs(s.t.Context(), s.addr, r.token, `mutation($c:ID!,$b:String!,$k:ID!){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){seq}}`,
			map[string]any{"c": id, "b": body, "k": fmt.Sprint(n)}, &struct{}{})
		if err != nil {
			return nil, fmt.Errorf("fill the log: %w", err)
		}
	}
	return r, nil
}

func (r *stoppedReader) connect() (connectionID string, err error) {
	var made struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID string }
		}
	}
	err = post(r.t.Context(), r.addr, `mutation($s:ID!){connect(sessionId:$s){accessToken connection{id}}}`, map[string]any{"s": r.session}, &made)
	r.token = made.Connect.AccessToken
	return made.Connect.Connection.ID, err
}

// run reads the log again and again, with a stop in the middle, until the posters have ended.
func (r *stoppedReader) run(end *atomic.Int64) {
	for round := 0; round == 0 || end.Load() == 0; round++ {
		if err := r.read(); err != nil {
			r.t.Errorf("a reader that stops: %v", err)
			return
		}
	}
}

// read reads the log in parts: over a socket that it lets the server close, and over further ones.
func (r *stoppedReader) read() error {
	if _, err := r.connect(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	seen, cursor, err := r.follow(ctx, 0, "0", stoppedSubscriptions, 3*stoppedWriteTimeout)
	if seen == stoppedEntries {
		return fmt.Errorf("the whole log came over a socket that was not read for %v", 3*stoppedWriteTimeout)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the server did not close a socket that was not read: %w", err)
	}
	r.stopped.Add(1)
	// A slow machine may keep the reader from reading for the write timeout. Then it resumes again.
	for seen < stoppedEntries {
		if _, err := r.connect(); err != nil { // the grace time may be over
			return err
		}
		had := seen
		if seen, cursor, err = r.follow(ctx, seen, cursor, 1, 0); err != nil && (seen == had || ctx.Err() != nil) {
			return fmt.Errorf("it has %d of %d entries: %w", seen, stoppedEntries, err)
		}
	}
	return nil
}

// follow reads entries after the first seen ones until it has all of them or the socket ends. Before it reads the first event it
// stops for a time. Further subscriptions to the same log are there to fill the buffers, and are not looked at.
func (r *stoppedReader) follow(ctx context.Context, seen int64, cursor string, subscriptions int, stop time.Duration) (int64, string, error) {
	dialer := &net.Dialer{}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(16 << 10) // so that the server's writes block sooner
		}
		return conn, err
	}}
	ws, err := wsclient.Dial(ctx, "ws://"+r.addr+"/graphql", &wsclient.Options{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		return seen, cursor, err
	}
	defer func() { _ = ws.CloseNow() }()
	if err := ws.Init(ctx, r.token); err != nil {
		return seen, cursor, err
	}
	selection := "seq cursor body"
	for i := range stoppedBodies - 1 {
		selection += fmt.Sprintf(" body%d:body", i)
	}
	for i := range subscriptions {
		err := ws.Subscribe(ctx, fmt.Sprint(i), `subscription($a:String){entryAdded(after:$a){`+selection+`}}`, map[string]any{"a": cursor})
		if err != nil {
			return seen, cursor, err
		}
	}
	r.streams.Add(int64(subscriptions))
	pause(ctx, stop)
	for seen < stoppedEntries {
		m, err := ws.Next(ctx)
		if err != nil {
			return seen, cursor, err
		}
		if m.ID != "0" {
			continue
		}
		var event struct{ Data struct{ EntryAdded entry } }
		if err := json.Unmarshal(m.Payload, &event); err != nil || m.Type != "next" {
			return seen, cursor, fmt.Errorf("in place of an event: %s %.100s", m.Type, m.Payload)
		}
		e := event.Data.EntryAdded
		if e.Seq != seen+1 || len(e.Body) != stoppedBody {
			return seen, cursor, fmt.Errorf("entry %d with %d bytes after %d", e.Seq, len(e.Body), seen)
		}
		seen, cursor = e.Seq, e.Cursor
		r.deliveries.Add(1)
	}
	return seen, cursor, nil
}
