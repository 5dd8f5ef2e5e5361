package transport

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/generated"
	"chattok/graph/transport/document"
	"chattok/graph/transport/gqlerr"
	"chattok/session"
)

// socketStub is stub with a subscription that stays open and gets its events from the test.
type socketStub struct {
	*stub
	feed chan *session.ChatEntry
}

func (s *socketStub) Subscription() generated.SubscriptionResolver {
	return socketSubscription{stubSubscription{stub: s.stub}, s.feed}
}

type socketSubscription struct {
	stubSubscription
	feed chan *session.ChatEntry
}

func (s socketSubscription) EntryAdded(ctx context.Context, after, _ *string) (<-chan *session.ChatEntry, error) {
	if after != nil && *after == "bad" {
		return nil, gqlerr.New(session.CodeBadUserInput, session.ReasonCursorMismatch, "after is not a cursor")
	}
	out := make(chan *session.ChatEntry)
	s.subscribed.Add(1)
	go func() {
		defer close(out)
		defer s.subscribed.Add(-1)
		for {
			select {
			case <-ctx.Done():
				return
			case e, open := <-s.feed:
				if !open {
					return
				}
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out, nil
}

// socketWorld is a server with the WebSocket transport and HTTP streams.
type socketWorld struct {
	*socketStub
	sockets  *Streams
	server   *httptest.Server
	attached atomic.Int64
	end      atomic.Pointer[func(*session.Error)] // the onEnd of the socket that was attached last
}

// newSocketWorld starts a server. It knows the tokens "good", "expired", "ended", "busy" and "crowded".
func newSocketWorld(t testing.TB, config StreamConfig) *socketWorld {
	t.Helper()
	w := &socketWorld{socketStub: &socketStub{stub: &stub{}, feed: make(chan *session.ChatEntry)}}
	config.Authenticate = func(ctx context.Context, authorization string) (context.Context, error) {
		switch authorization {
		case "Bearer expired":
			return nil, session.Errorf(session.CodeUnauthenticated, "the access token has expired").WithReason("TOKEN_EXPIRED")
		case "Bearer ended":
			return nil, session.Errorf(session.CodeUnauthenticated, "it has ended").WithReason(session.ReasonConnectionDestroyed)
		case "Bearer busy":
			return nil, session.Unavailable(errors.New("disk"))
		case "Bearer crowded":
			return nil, session.Errorf(session.CodeRateLimited, "too many")
		}
		return ctx, nil
	}
	config.Attach = func(_ context.Context, onEnd func(*session.Error)) (func(), error) {
		w.attached.Add(1)
		w.end.Store(&onEnd)
		return func() { w.attached.Add(-1) }, nil
	}
	w.sockets = NewStreams(config)
	h := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: w.socketStub}))
	h.SetErrorPresenter(presentStub)
	documents := document.NewCache(0)
	h.SetQueryCache(documents)
	document.Use(h, &document.Limits{Documents: documents}, document.NewPersisted(0))
	h.AddTransport(w.sockets.WebSocket())
	h.AddTransport(HTTP{Stream: w.sockets.Answer})
	w.server = httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := w.sockets.Shutdown(ctx); err != nil {
			t.Errorf("shut down: %v", err)
		}
		w.server.Close()
		if w.attached.Load() != 0 || w.subscribed.Load() != 0 || w.sockets.Sockets() != 0 || w.sockets.Subscriptions() != 0 {
			t.Errorf("left over: %d attached, %d channels, %d sockets, %d subscriptions", w.attached.Load(), w.subscribed.Load(), w.sockets.Sockets(), w.sockets.Subscriptions())
		}
	})
	return w
}

// presentStub is the error presenter of the tests.
func presentStub(ctx context.Context, err error) *gqlerror.Error {
	if e, ok := errors.AsType[*session.Error](err); ok {
		return gqlerr.New(e.Code, e.Reason, e.Message)
	}
	return graphql.DefaultErrorPresenter(ctx, err)
}

// rawSocket is the client's end of a socket, frame by frame.
type rawSocket struct {
	t testing.TB
	net.Conn
	r        *bufio.Reader
	protocol string // the protocol that was chosen
	header   http.Header
}

func (w *socketWorld) dial(t testing.TB, protocols ...string) *rawSocket {
	t.Helper()
	s, status, body := w.tryDial(t, protocols...)
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %d %s", status, body)
	}
	return s
}

func (w *socketWorld) tryDial(t testing.TB, protocols ...string) (s *rawSocket, status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	offer := ""
	if len(protocols) > 0 {
		offer = "Sec-WebSocket-Protocol: " + strings.Join(protocols, ", ") + "\r\n"
	}
	fmt.Fprintf(conn, "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", offer)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		raw, _ := io.ReadAll(resp.Body)
		return nil, resp.StatusCode, string(raw)
	}
	return &rawSocket{t: t, Conn: conn, r: r, protocol: resp.Header.Get("Sec-WebSocket-Protocol"), header: resp.Header}, resp.StatusCode, ""
}

func (s *rawSocket) frame(op ws.OpCode, fin bool, payload string) {
	s.t.Helper()
	f := ws.MaskFrame(ws.NewFrame(op, fin, []byte(payload)))
	if err := ws.WriteFrame(s, f); err != nil {
		s.t.Fatalf("write: %v", err)
	}
}

func (s *rawSocket) text(message string) { s.t.Helper(); s.frame(ws.OpText, true, message) }

func (s *rawSocket) subscribe(id, query string) {
	s.t.Helper()
	payload, _ := json.Marshal(map[string]string{"query": query})
	encoded, _ := json.Marshal(id)
	s.text(fmt.Sprintf(`{"id":%s,"type":"subscribe","payload":%s}`, encoded, payload))
}

func readFrame(r io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(r); err != nil {
		return f, err
	}
	f.Payload = make([]byte, f.Header.Length)
	_, err = io.ReadFull(r, f.Payload)
	return f, err
}

// next returns the next data frame's text, or "close CODE REASON".
func (s *rawSocket) next() string {
	s.t.Helper()
	for {
		f, err := readFrame(s.r)
		if err != nil {
			return "eof"
		}
		switch f.Header.OpCode {
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(f.Payload)
			if len(reason) > 123 {
				s.t.Errorf("a reason of %d bytes", len(reason))
			}
			return fmt.Sprintf("close %d %s", code, reason)
		case ws.OpPong:
			return "pong " + string(f.Payload)
		case ws.OpPing:
			s.frame(ws.OpPong, true, string(f.Payload))
		default:
			return string(f.Payload)
		}
	}
}

func (s *rawSocket) expect(want string) {
	s.t.Helper()
	if got := s.next(); got != want {
		s.t.Fatalf("got  %s\nwant %s", got, want)
	}
}

// expectClose expects a close with this code and returns its reason.
func (s *rawSocket) expectClose(code CloseCode) string {
	s.t.Helper()
	got := s.next()
	prefix := fmt.Sprintf("close %d ", code)
	if !strings.HasPrefix(got, prefix) {
		s.t.Fatalf("got %s, want %s", got, prefix)
	}
	return got[len(prefix):]
}

const (
	initMessage = `{"type":"connection_init"}`
	ackMessage  = `{"type":"connection_ack"}`
	entryQuery  = `subscription{entryAdded{body}}`
)

// ready returns a socket whose connection_init was acknowledged.
func (w *socketWorld) ready(t testing.TB) *rawSocket {
	t.Helper()
	s := w.dial(t, protocolModern)
	s.text(initMessage)
	s.expect(ackMessage)
	return s
}

func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}
