package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/gobwas/ws"

	"chattok/graph/transport/gqlerr"
	"chattok/graph/transport/streamtest"
	"chattok/session"
)

// Ways in which FuzzSocket sends its bytes.
const (
	fuzzLegacy = 1 << iota // over the older protocol
	fuzzInit               // after connection_init and its ack
	fuzzLines              // each line as a message, else all bytes unchanged
	fuzzPieces             // each line as two fragments
	fuzzReset              // and then resets the connection, else ends it properly
)

// FuzzSocket sends any bytes over a socket; afterwards the server holds nothing for it.
func FuzzSocket(f *testing.F) {
	frame := func(op ws.OpCode, fin bool, payload string) string {
		var b bytes.Buffer
		_ = ws.WriteFrame(&b, ws.MaskFrame(ws.NewFrame(op, fin, []byte(payload))))
		return b.String()
	}
	subscribe := `{"id":"1","type":"subscribe","payload":{"query":"subscription($a:String){entryAdded(after:$a){body connection{id}}}","variables":{"a":"0"}}}`
	for _, lines := range []string{
		initMessage, initMessage + "\n" + initMessage, subscribe, subscribe + "\n" + subscribe, subscribe + "\n" + `{"id":"1","type":"complete"}`,
		`{"type":"connection_init","payload":{"Authorization":"Bearer expired"}}`, `{"type":"ping","payload":[1]}` + "\n" + `{"type":"pong"}`,
		`{"id":"q","type":"subscribe","payload":{"query":"{latestChatEntry(connectionId:\"a\"){body}}"}}` + "\n" + `{"id":"q","type":"subscribe","payload":{"query":"{connection{id}}"}}`,
		`{"id":"m","type":"subscribe","payload":{"query":"mutation($b:String!){addChatEntry(connectionId:\"a\",body:$b){seq}}","variables":{"b":"\ud800"}}}`,
		`{"id":"s","type":"subscribe","payload":{"query":"subscription{...F} fragment F on Subscription{entryAdded{body}}"}}` + "\n" + `{"id":"s","type":"complete"}`,
		`{"id":"1","type":"start","payload":{"query":"subscription{entryAdded(after:\"0\"){body}}"}}` + "\n" + `{"id":"1","type":"stop"}` + "\n" + `{"type":"connection_terminate"}`,
		"[]", "{}", "null", "\xff", `{"type":"subscribe"}`,
	} {
		for how := range uint8(32) {
			f.Add([]byte(lines), how)
		}
	}
	for _, raw := range []string{
		frame(ws.OpText, false, "{") + frame(ws.OpPing, true, "x") + frame(ws.OpContinuation, true, "}"), frame(ws.OpContinuation, true, ""),
		frame(ws.OpBinary, true, "x"), frame(ws.OpClose, true, "\x03\xe8bye"), frame(ws.OpClose, true, "x"), frame(ws.OpText, true, subscribe)[:40],
		"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", "\x81\xfe\xff", "\xff\xff\xff\xff", "\x81\x05hello", "GET / HTTP/1.1\r\n\r\n",
	} {
		f.Add([]byte(raw), uint8(0))
		f.Add([]byte(raw), uint8(fuzzInit))
		f.Add([]byte(raw), uint8(fuzzInit|fuzzReset))
	}

	g, w := newGroupWorld(f)
	w.server.Config.Handler.(*handler.Server).SetRecoverFunc(func(context.Context, any) error {
		return gqlerr.New(session.CodeInternal, "", "internal error") // for the panics of the stub
	})
	g.window.Append(w.entry("a", "x"), w.entry("b", "y"))
	rest := 0 // goroutines between two inputs, those of the fuzzing engine included
	f.Fuzz(func(t *testing.T, raw []byte, how uint8) {
		if rest == 0 {
			fuzzSocket(t, w, nil, 0)
			until(t, "the server is at rest", func() bool {
				before := runtime.NumGoroutine()
				time.Sleep(20 * time.Millisecond)
				rest = runtime.NumGoroutine()
				return w.empty() && rest == before
			})
		}
		late := time.AfterFunc(8*time.Second, func() { // before the engine gives up without a word
			stacks := make([]byte, 1<<20)
			panic(fmt.Sprintf("stuck at %d %q\n%s", how, raw, stacks[:runtime.Stack(stacks, true)]))
		})
		defer late.Stop()
		fuzzSocket(t, w, raw, how)
		until(t, "nothing is left", func() bool { return w.empty() && runtime.NumGoroutine() <= rest+2 })
	})
}

func fuzzSocket(t testing.TB, w *socketWorld, raw []byte, how uint8) {
	protocol := protocolModern
	if how&fuzzLegacy != 0 {
		protocol = protocolLegacy
	}
	s := w.dial(t, protocol)
	defer s.Close()
	if how&fuzzInit != 0 {
		s.text(initMessage)
		s.expect(ackMessage)
	}
	// The answers are read meanwhile; a write may fail, as the server may have closed the socket.
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, s.r)
	}()
	if how&fuzzLines == 0 {
		_, _ = s.Write(raw)
	} else {
		for line := range bytes.SplitSeq(raw, []byte("\n")) {
			rest, op := line, ws.OpText
			if how&fuzzPieces != 0 {
				_ = ws.WriteFrame(s, ws.MaskFrame(ws.NewFrame(op, false, line[:len(line)/2])))
				rest, op = line[len(line)/2:], ws.OpContinuation
			}
			_ = ws.WriteFrame(s, ws.MaskFrame(ws.NewFrame(op, true, rest)))
		}
	}
	conn := s.Conn.(*net.TCPConn)
	if how&fuzzReset != 0 {
		_ = conn.SetLinger(0)
		_ = conn.Close()
	} else {
		_ = conn.CloseWrite()
	}
	<-read
}

// empty says whether the server holds nothing for any socket or stream.
func (w *socketWorld) empty() bool {
	streams := w.sockets
	streams.admission.mu.Lock()
	admitted := len(streams.admission.sockets) + len(streams.admission.responses) + len(streams.admission.addresses) + streams.admission.waiting.Len() + streams.admission.turnedAway
	streams.admission.mu.Unlock()
	streams.idle.mu.Lock()
	parked := len(streams.idle.sockets)
	streams.idle.mu.Unlock()
	streams.groups.mu.Lock()
	groups := len(streams.groups.byKey)
	streams.groups.mu.Unlock()
	return admitted == 0 && parked == 0 && groups == 0 && streams.Subscriptions() == 0 && w.attached.Load() == 0 && w.subscribed.Load() == 0
}

// Whatever the text of an entry, a strict reader of each framing gets the responses unchanged, the cursors, and the
// end.
func FuzzFraming(f *testing.F) {
	for _, body := range []string{"", "x", "\r\n--graphql--\r\n", "\n\nevent: complete\ndata:\n\n", "\u2028é\x00\xff", `{"payload":null}`} {
		f.Add(body, int64(1))
	}
	f.Fuzz(func(t *testing.T, body string, position int64) {
		encoded, err := json.Marshal(map[string]string{"body": body})
		if err != nil {
			t.Fatal(err)
		}
		cursor := strconv.FormatInt(position, 10)
		for _, framing := range []Framing{SSE, Multipart} {
			fr := framing.framer()
			b := fr.next(fr.keepAlive(fr.next(fr.begin(nil), cursor, encoded)), "", encoded)
			ours, theirs := net.Pipe() // ends a read that takes too long
			s, err := streamtest.New(&http.Response{Header: http.Header{"Content-Type": {fr.mediaType()}},
				Body: io.NopCloser(bytes.NewReader(appendLast(b, fr, encoded)))}, ours)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if got, err := s.NextResponse(); got != string(encoded) || err != nil {
					t.Errorf("%d: got %q %v, want %q", framing, got, err, encoded)
				}
			}
			if got, err := s.NextResponse(); err != streamtest.ErrComplete {
				t.Errorf("%d: in place of the end: %q %v", framing, got, err)
			}
			if framing == SSE && s.ID != cursor {
				t.Errorf("id %q, want %q", s.ID, cursor)
			}
			_, _ = ours.Close(), theirs.Close()
		}
	})
}
