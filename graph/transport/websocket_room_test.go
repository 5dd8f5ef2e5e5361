package transport

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/gobwas/ws"

	"chattok/internal/await"
	"chattok/internal/budget"
)

const pingWith, pongWith = `{"type":"ping","payload":{"x":%q}}`, `{"type":"pong","payload":{"x":%q}}`

// TestMessagesHaveRoom: messages that are not small share the room for what comes in, also before they have arrived: those for which there
// is none wait, and small ones don't.
func TestMessagesHaveRoom(t *testing.T) {
	memory := budget.New(8 << 20) // room for one message of unknown length
	w := newSocketWorld(t, StreamConfig{Answers: NewAnswers(AnswersConfig{Budget: memory})})
	text := strings.Repeat("x", 5*uncountedBody)
	message, answer := fmt.Sprintf(pingWith, text), fmt.Sprintf(pongWith, text)
	begin := func() *rawSocket {
		s := w.ready(t)
		s.frame(ws.OpText, false, message[:2*uncountedBody])
		return s
	}
	first := begin()
	await.True(t, "room for the first", func() bool { return memory.Reserved() == 2*DefaultMaxMessageBytes })
	second := begin()
	small := w.ready(t)
	small.text(fmt.Sprintf(pingWith, "hi"))
	small.expect(fmt.Sprintf(pongWith, "hi"))
	whole := w.ready(t)
	whole.text(message) // its length is known
	if n := memory.Reserved(); n != 2*DefaultMaxMessageBytes {
		t.Errorf("%d bytes are reserved for the first of three", n)
	}
	first.frame(ws.OpContinuation, true, message[2*uncountedBody:])
	first.expect(answer)
	await.True(t, "room for the second", func() bool { return memory.Reserved() == 2*DefaultMaxMessageBytes })
	second.frame(ws.OpContinuation, true, message[2*uncountedBody:])
	second.expect(answer)
	whole.expect(answer)
	await.True(t, "no room is held", func() bool { return memory.Reserved() == 0 })

	gone := begin()
	await.True(t, "room for one that goes", func() bool { return memory.Reserved() > 0 })
	_ = gone.Close()
	await.True(t, "its room is given back", func() bool { return memory.Reserved() == 0 })
}

// TestRoomIsCut: a message in fragments keeps room for what it has, not for what it might have had.
func TestRoomIsCut(t *testing.T) {
	memory := budget.New(64 << 20)
	w := newSocketWorld(t, StreamConfig{Answers: NewAnswers(AnswersConfig{Budget: memory})})
	w.bodies = make(chan string)
	s := w.ready(t)
	const many = 12
	length := 0
	for n := range many {
		message := addMessage(n, strings.Repeat("x", uncountedBody/4))
		length += len(message)
		s.frame(ws.OpText, false, message[:100])
		s.frame(ws.OpContinuation, true, message[100:])
	}
	large := addMessage(many, strings.Repeat("x", 2*uncountedBody))
	s.frame(ws.OpText, false, large[:2*uncountedBody])
	s.frame(ws.OpContinuation, true, large[2*uncountedBody:])
	await.True(t, "there is room for what they have", func() bool {
		n := memory.Reserved()
		return n > 2*int64(len(large)) && n <= 2*int64(length+len(large))
	})
	for range many + 1 {
		<-w.bodies
	}
	await.True(t, "no room is held", func() bool { return memory.Reserved() == 0 })
}

// TestSmallMessagesAreRead: a small message for which there is no room is read when those before it are no longer in the queue.
func TestSmallMessagesAreRead(t *testing.T) {
	memory := budget.New(8 << 20)
	answers := NewAnswers(AnswersConfig{Budget: memory})
	w := newSocketWorld(t, StreamConfig{Answers: answers})
	w.bodies = make(chan string)
	for answers.incoming.tryAcquire(netip.Prefix{}, 1<<10) { // until nothing is left
	}
	taken := memory.Reserved()
	s := w.ready(t)
	const many = 8
	for n := range many {
		s.text(addMessage(n, strings.Repeat("x", uncountedBody/4)))
	}
	for n := range many {
		<-w.bodies
		s.expect(addedMessage(n))
		s.expect(fmt.Sprintf(`{"id":"%d","type":"complete"}`, n))
	}
	if n := memory.Reserved(); n != taken {
		t.Errorf("%d bytes are reserved, and %d were", n, taken)
	}
}

// TestValuesHaveRoom: a small message, or body, of many values needs room for what they take once they are decoded.
func TestValuesHaveRoom(t *testing.T) {
	memory := budget.New(64 << 20)
	answers := NewAnswers(AnswersConfig{Budget: memory})
	w := newSocketWorld(t, StreamConfig{Answers: answers})
	w.bodies = make(chan string)
	many := strings.Repeat(`{"":0},`, 1000)
	query := `"query":"mutation{addChatEntry(connectionId:\"a\",body:\"b\"){seq}}","variables":{"x":[` + many + `0]}}`
	s := w.ready(t)
	s.text(`{"id":"0","type":"subscribe","payload":{` + query + `}`)
	await.True(t, "they have room", func() bool { return memory.Reserved() >= 300_000 })
	<-w.bodies
	s.expect(addedMessage(0))
	await.True(t, "it is given back", func() bool { return memory.Reserved() == 0 })

	server := httptest.NewServer(newServer(t, w.stub, func(_ *handler.Server, h *HTTP) { h.Answers = answers }))
	defer server.Close()
	var post sync.WaitGroup
	post.Go(func() {
		resp, err := http.Post(server.URL, typeJSON, strings.NewReader("{"+query))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%v, %v", resp, err)
		}
		_ = resp.Body.Close()
	})
	await.True(t, "they have room", func() bool { return memory.Reserved() >= 300_000 })
	<-w.bodies
	post.Wait()
	await.True(t, "it is given back", func() bool { return memory.Reserved() == 0 })

	get := httptest.NewRequest(http.MethodGet, "/graphql?"+url.Values{"query": {"{server{version}}"}, "variables": {`{"x":[` + many[:7*500] + `0]}`}}.Encode(), nil)
	x := exchange{HTTP: HTTP{Answers: answers}, w: httptest.NewRecorder(), r: get}
	if _, refused := x.urlParams(); refused != nil || memory.Reserved() < 150_000 {
		t.Errorf("a URL: %v, %d bytes are reserved", refused, memory.Reserved())
	}
	x.leave()
}

// addMessage asks for an entry under an id of a number.
func addMessage(n int, body string) string {
	return fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"mutation($b:String!){addChatEntry(connectionId:\"a\",body:$b){seq}}","variables":{"b":%q}}}`, n, body)
}

// addedMessage is the answer of the n-th add.
func addedMessage(n int) string {
	return fmt.Sprintf(`{"id":"%d","type":"next","payload":{"data":{"addChatEntry":{"seq":%d}}}}`, n, n+1)
}

// TestOperationsHaveRoom: the room of a message stays with the operation that it asks for until that is answered, also while it waits
// behind another.
func TestOperationsHaveRoom(t *testing.T) {
	memory := budget.New(8 << 20)
	w := newSocketWorld(t, StreamConfig{Answers: NewAnswers(AnswersConfig{Budget: memory})})
	w.bodies = make(chan string)
	s := w.ready(t)
	body := strings.Repeat("x", 2*uncountedBody)
	var length int64
	for n := range 2 {
		message := addMessage(n, body)
		length += roomOf([]byte(message))
		s.text(message)
		await.True(t, "it has room", func() bool { return memory.Reserved() >= length })
	}
	for n := range 2 {
		<-w.bodies
		s.expect(addedMessage(n))
		s.expect(fmt.Sprintf(`{"id":"%d","type":"complete"}`, n))
		await.True(t, "its room is given back", func() bool { return memory.Reserved() == int64(1-n)*length/2 })
	}
	for n := range 2 { // of a socket that ends, one that runs and one that waits
		s.text(addMessage(n, body))
	}
	await.True(t, "both have room", func() bool { return memory.Reserved() == length })
	_ = s.Close()
	<-w.bodies
	await.True(t, "no room is held", func() bool { return memory.Reserved() == 0 })
}

// TestQueueHasRoom: many small messages that wait for their turn need room as a large one does.
func TestQueueHasRoom(t *testing.T) {
	memory := budget.New(8 << 20)
	w := newSocketWorld(t, StreamConfig{Answers: NewAnswers(AnswersConfig{Budget: memory})})
	w.bodies = make(chan string)
	s := w.ready(t)
	body := strings.Repeat("x", uncountedBody/4)
	const many = 20
	for n := range many {
		s.text(addMessage(n, body))
	}
	await.True(t, "they have room, save for the first", func() bool {
		n := memory.Reserved()
		return n > (many-5)*2*int64(len(body)) && n < many*2*int64(len(body)+500)
	})
	for n := range many {
		<-w.bodies
		s.expect(addedMessage(n))
		s.expect(fmt.Sprintf(`{"id":"%d","type":"complete"}`, n))
	}
	await.True(t, "no room is held", func() bool { return memory.Reserved() == 0 })
}

// TestMessageTimeout: a message of which the rest does not come ends its socket, which gives its room back; one that takes its time between
// two messages is left alone.
func TestMessageTimeout(t *testing.T) {
	memory := budget.New(8 << 20)
	w := newSocketWorld(t, StreamConfig{MessageTimeout: 200 * time.Millisecond, Answers: NewAnswers(AnswersConfig{Budget: memory})})
	patient := w.ready(t)
	ping := func() {
		text := strings.Repeat("x", 2*readBytes) // sets a deadline
		patient.text(fmt.Sprintf(pingWith, text))
		patient.expect(fmt.Sprintf(pongWith, text))
	}
	ping()
	for _, begun := range []func(s *rawSocket){
		func(s *rawSocket) { s.frame(ws.OpText, false, "{") },
		func(s *rawSocket) { s.frame(ws.OpText, false, strings.Repeat("x", 2*uncountedBody)) },
		func(s *rawSocket) {
			f := ws.MaskFrame(ws.NewTextFrame(make([]byte, 2*uncountedBody)))
			f.Payload = f.Payload[:10]
			if err := ws.WriteFrame(s, f); err != nil {
				t.Fatal(err)
			}
		},
	} {
		s := w.ready(t)
		begun(s)
		if reason := s.expectClose(CloseTryLater); reason != slowMessageReason {
			t.Errorf("the reason is %q", reason)
		}
	}
	ping()
	await.True(t, "no room is held", func() bool { return memory.Reserved() == 0 })
}
