//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// fake is a server with ChatTok's API and no store, which errs on request.
type fake struct {
	mu       sync.Mutex
	sessions map[string]*fakeSession
	members  map[string]string // access token → session
	// deliver returns the entries that a subscriber is sent for one entry; nil sends each entry once.
	deliver func(seq int64) []int64
	// number returns the number that an add is answered with; nil answers the entry's own.
	number func(seq int64) int64
}

type fakeSession struct {
	seq         int64
	latest      map[string]string // the newest entry of each connection
	subscribers []fakeSubscriber
	entries     []string // each delivery's frame after the operation's id
}

type fakeSubscriber struct {
	id   string
	conn net.Conn
}

// serve runs the fake in this process as the server of a part.
func (f *fake) serve(t *testing.T) *server {
	t.Helper()
	f.sessions, f.members = make(map[string]*fakeSession), make(map[string]string)
	h := httptest.NewServer(http.HandlerFunc(f.handle))
	t.Cleanup(func() {
		h.Close()
		for _, s := range f.sessions {
			for _, u := range s.subscribers {
				_ = u.conn.Close()
			}
		}
	})
	return &server{product: product{name: "fake", speaks: chattok}, host: strings.TrimPrefix(h.URL, "http://"),
		cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}
}

func (f *fake) session(id string) *fakeSession {
	if f.sessions[id] == nil {
		f.sessions[id] = &fakeSession{latest: make(map[string]string)}
	}
	return f.sessions[id]
}

func (f *fake) handle(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		f.socket(w, r)
		return
	}
	var request struct {
		Query     string
		Variables map[string]string
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s := f.session(f.members[token])
	switch {
	case strings.Contains(request.Query, "connect("):
		id := fmt.Sprintf("c-%d", len(f.members))
		f.members["token-"+id] = request.Variables["s"]
		fmt.Fprintf(w, `{"data":{"connect":{"accessToken":"token-%s","connection":{"id":"%s"}}}}`, id, id)
	case strings.Contains(request.Query, "addChatEntry"):
		seq := f.add(s, request.Variables["c"], request.Variables["b"])
		fmt.Fprintf(w, `{"data":{"addChatEntry":{"seq":%d}}}`, seq)
	case strings.Contains(request.Query, "latestChatEntry"):
		fmt.Fprintf(w, `{"data":{"latestChatEntry":%s}}`, s.latest[request.Variables["c"]])
	case strings.Contains(request.Query, "chatEntries"):
		fmt.Fprintf(w, `{"data":{"chatEntries":{"nodes":[{"seq":%d}]}}}`, s.seq)
	}
}

func (f *fake) add(s *fakeSession, connection, body string) int64 {
	s.seq++
	s.latest[connection] = fmt.Sprintf(`{"id":"e","seq":%d,"body":"%s","createdAt":""}`, s.seq, body)
	sent := []int64{s.seq}
	if f.deliver != nil {
		sent = f.deliver(s.seq)
	}
	for _, n := range sent {
		entry := fmt.Sprintf(`"type":"next","payload":{"data":{"entryAdded":{"seq":%d,"connectionId":"%s","body":"%s","createdAt":""}}}}`, n, connection, body)
		s.entries = append(s.entries, entry)
		for _, u := range s.subscribers {
			u.send(entry)
		}
	}
	if f.number != nil {
		return f.number(s.seq)
	}
	return s.seq
}

// socket serves one subscriber until it has subscribed; its frames are written by add.
func (f *fake) socket(w http.ResponseWriter, r *http.Request) {
	upgrader := ws.HTTPUpgrader{Protocol: func(string) bool { return true }}
	conn, rw, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		return
	}
	var init struct {
		Payload struct{ Authorization string }
	}
	var subscribe struct{ ID string }
	if json.Unmarshal(clientMessage(rw.Reader), &init) != nil {
		return
	}
	_, _ = conn.Write(serverFrame(ws.OpText, `{"type":"connection_ack"}`))
	if json.Unmarshal(clientMessage(rw.Reader), &subscribe) != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.session(f.members[strings.TrimPrefix(init.Payload.Authorization, "Bearer ")])
	u := fakeSubscriber{subscribe.ID, conn}
	s.subscribers = append(s.subscribers, u)
	for _, entry := range s.entries {
		u.send(entry)
	}
}

func (u fakeSubscriber) send(entry string) {
	_, _ = u.conn.Write(serverFrame(ws.OpText, `{"id":"`+u.id+`",`+entry))
}

// clientMessage reads a message of the generator, and returns nil where there is none.
func clientMessage(r io.Reader) []byte {
	header, err := ws.ReadHeader(r)
	if err != nil {
		return nil
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil
	}
	if header.Masked {
		ws.Cipher(payload, header.Mask, 0)
	}
	return payload
}

// serverFrame returns an unmasked frame.
func serverFrame(opcode ws.OpCode, payload string) []byte {
	return ws.MustCompileFrame(ws.NewFrame(opcode, true, []byte(payload)))
}
