package transport

import (
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chattok/internal/await"
	"chattok/internal/budget"
)

// TestTurnEndsWhileAnswerWaits: an answer that waits for others to be taken takes nobody's turn to be executed.
func TestTurnEndsWhileAnswerWaits(t *testing.T) {
	const length = 1 << 20
	a := NewAnswers(AnswersConfig{Budget: budget.New(8 << 20)})
	for a.rendered.tryAcquire(netip.Prefix{}, length) { // until nothing is left
	}
	size := &answerSize{limit: maxAnswerBytes, hold: &reservation{answers: a}}
	size.bytes.Store(length)
	ended := make(chan struct{})
	ctx := WithTurn(t.Context(), sync.OnceFunc(func() { close(ended) }))
	var buffer bytes.Buffer
	var admitted sync.WaitGroup
	admitted.Go(func() { size.admit(ctx, &buffer) })
	await.Closed(t, "its turn ends", ended)
	a.rendered.release(netip.Prefix{}, length)
	admitted.Wait()
	if size.refused.Load() || size.hold.rendered != length || buffer.Cap() < length {
		t.Errorf("refused %v, %d bytes reserved, %d of buffer", size.refused.Load(), size.hold.rendered, buffer.Cap())
	}
}

// slowTaker is a client that takes its time for each write, and fails beyond its deadline.
type slowTaker struct {
	http.ResponseWriter
	each     time.Duration
	deadline time.Time
	taken    int
}

func (s *slowTaker) SetWriteDeadline(at time.Time) error { s.deadline = at; return nil }

func (s *slowTaker) Write(p []byte) (int, error) {
	time.Sleep(min(s.each, max(0, time.Until(s.deadline))))
	if time.Until(s.deadline) <= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	s.taken += len(p)
	return len(p), nil
}

// slowConn is a slowTaker behind a WebSocket.
type slowConn struct {
	net.Conn
	client *slowTaker
}

func (c slowConn) SetWriteDeadline(at time.Time) error { return c.client.SetWriteDeadline(at) }
func (c slowConn) Write(p []byte) (int, error)         { return c.client.Write(p) }

// TestAnswerAtATrickle: whatever is taken piece by piece, each shortly before its deadline, ends all the same, over every transport; taken at
// a megabit a second it does not.
func TestAnswerAtATrickle(t *testing.T) {
	answer := make([]byte, 16<<20)
	streams := &Streams{config: StreamConfig{WriteTimeout: DefaultWriteTimeout}}
	for name, write := range map[string]func(*slowTaker){
		"HTTP": func(client *slowTaker) { writePieces(client, answer[:1], answer[1:]) },
		"WebSocket": func(client *slowTaker) {
			_ = (&socketWriter{streams: streams, conn: slowConn{client: client}, failed: func() {}}).write(answer[:1], answer[1:])
		},
		"a stream over HTTP": func(client *slowTaker) {
			_ = (&httpStream{streams: streams, w: client, control: http.NewResponseController(client)}).write(answer)
		},
	} {
		for each, all := range map[time.Duration]bool{DefaultWriteTimeout - time.Second: false, pieceBytes * time.Second / leastTaken: true, 0: true} {
			synctest.Test(t, func(t *testing.T) {
				began, client := time.Now(), &slowTaker{each: each}
				write(client)
				lasted, longest := time.Since(began), DefaultWriteTimeout+time.Duration(client.taken+pieceBytes)*time.Second/leastTaken
				if client.taken == len(answer) != all || lasted > longest {
					t.Errorf("%s: at %v a piece, %d bytes were taken in %v", name, each, client.taken, lasted)
				}
			})
		}
	}
}
