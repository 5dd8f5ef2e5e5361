//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// fake is a server with ChatTok's face and no store, which can be told to err.
type fake struct {
	mu       sync.Mutex
	sessions map[string]*fakeSession
	members  map[string]string // access token → session
	// deliver returns what a subscriber is sent for an entry; nil sends each entry once.
	deliver func(seq int64) []int64
	// number returns what an add is answered; nil answers the entry's number.
	number func(seq int64) int64
}

type fakeSession struct {
	seq         int64
	latest      map[string]string // the newest entry of each connection
	subscribers []fakeSubscriber
	entries     []string // the rest of each delivery's frame, behind the operation's id
}

type fakeSubscriber struct {
	id   string
	conn net.Conn
}

// serve runs the fake as the server that a part talks to. Its process is ours.
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
		f.socket(w)
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
func (f *fake) socket(w http.ResponseWriter) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	var init struct {
		Payload struct{ Authorization string }
	}
	var subscribe struct{ ID string }
	if json.Unmarshal(clientMessage(rw.Reader), &init) != nil {
		return
	}
	_, _ = conn.Write(serverFrame(opText, `{"type":"connection_ack"}`))
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
	_, _ = u.conn.Write(serverFrame(opText, `{"id":"`+u.id+`",`+entry))
}

// clientMessage reads a frame of ours, which is masked with zeros.
func clientMessage(r *bufio.Reader) []byte {
	head := make([]byte, 2)
	if _, err := readFull(r, head); err != nil {
		return nil
	}
	n := int(head[1] & 0x7f)
	if n == 126 {
		long := make([]byte, 2)
		if _, err := readFull(r, long); err != nil {
			return nil
		}
		n = int(long[0])<<8 | int(long[1])
	}
	b := make([]byte, 4+n)
	if _, err := readFull(r, b); err != nil {
		return nil
	}
	return b[4:]
}

func readFull(r *bufio.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = r.Read(b[n:])
		n += more
	}
	return n, err
}

// serverFrame is an unmasked frame.
func serverFrame(opcode byte, payload string) []byte {
	b := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = append(b, 126, byte(n>>8), byte(n))
	default:
		b = append(b, 127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, payload...)
}
