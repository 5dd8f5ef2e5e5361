package transport

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"chattok/session"
)

// A client completes a subscription while events come. After that, no event of it comes before the next answer, and the
// server sends no complete of its own.
func TestNothingAfterComplete(t *testing.T) {
	g, w := newGroupWorld(t)
	stop := make(chan struct{})
	var posting sync.WaitGroup
	posting.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				g.window.Append(w.entry("a", "x"))
				time.Sleep(100 * time.Microsecond) // lets the client take its turn
			}
		}
	})
	s := w.ready(t)
	for n := range 100 {
		id := fmt.Sprint("id ", n)
		s.subscribe(id, entryQuery)
		event := fmt.Sprintf(`{"id":%q,"type":"next","payload":{"data":{"entryAdded":{"body":"x"}}}}`, id)
		s.expect(event)
		s.text(fmt.Sprintf(`{"id":%q,"type":"complete"}`, id))
		s.text(fmt.Sprintf(`{"type":"ping","payload":{"n":%d}}`, n))
		pong := fmt.Sprintf(`{"type":"pong","payload":{"n":%d}}`, n)
		got := s.next()
		for got == event { // sent before the server got the complete
			got = s.next()
		}
		if got != pong {
			t.Fatalf("after complete: %s", got)
		}
	}
	close(stop)
	posting.Wait()
	s.text(`{"type":"ping"}`)
	s.expect(`{"type":"pong"}`)
	until(t, "all have left", func() bool { return w.sockets.Subscriptions() == 0 })
}

// A socket that is ended in several ways at once, while events come, sends one close frame and nothing after it.
func TestOneCloseFrame(t *testing.T) {
	for n := range 40 {
		g, w := newGroupWorld(t)
		s := w.ready(t)
		s.subscribe("1", entryQuery)
		until(t, "it follows", func() bool { return w.sockets.Subscriptions() == 1 })
		ended := *w.end.Load()
		start := make(chan struct{})
		var ending sync.WaitGroup
		for _, end := range []func(){
			func() {
				ended(session.Errorf(session.CodeUnauthenticated, "it has ended").WithReason(session.ReasonConnectionDestroyed))
			},
			func() {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				if err := w.sockets.Shutdown(ctx); err != nil {
					t.Errorf("shut down: %v", err)
				}
			},
			func() { _ = ws.WriteFrame(s, ws.MaskFrame(ws.NewTextFrame([]byte("garbage")))) }, // fails where the socket is closed already
			func() {
				for range 20 {
					g.window.Append(w.entry("a", "x"))
				}
			},
		} {
			ending.Go(func() { <-start; end() })
		}
		close(start)
		frames := ""
		for f, err := readFrame(s.r); err == nil; f, err = readFrame(s.r) {
			if f.Header.OpCode == ws.OpClose {
				frames += "close "
				_ = s.Close()
				break
			}
			frames += "event "
		}
		for f, err := readFrame(s.r); err == nil; f, err = readFrame(s.r) { // frames that are in the buffer already
			t.Fatalf("round %d: after the close frame %v %s", n, f.Header.OpCode, f.Payload)
		}
		if !strings.HasSuffix(frames, "close ") {
			t.Fatalf("round %d: %s", n, frames)
		}
		ending.Wait()
		w.sockets = NewStreams(StreamConfig{}) // for the clean-up
	}
}
