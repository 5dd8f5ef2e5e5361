package natsbus_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"chattok/bus/natsbus"
	"chattok/internal/faultproxy"
	"chattok/internal/natstest"
	"chattok/session"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not so after %v", what, patience)
		}
	}
}

// inbox subscribes to session "s"; the channel gets what is received.
func inbox(t testing.TB, b session.Bus) <-chan session.Message {
	t.Helper()
	received := make(chan session.Message, 100)
	stop, err := b.Subscribe("s", func(m session.Message) { received <- m })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return received
}

func take(t testing.TB, received <-chan session.Message) session.Message {
	t.Helper()
	select {
	case m := <-received:
		return m
	case <-time.After(patience):
		t.Fatalf("nothing was received in %v", patience)
	}
	panic("not reached")
}

// signal is a message that carries a signal, whose data has so many bytes.
func signal(kind string, bytes int) session.Message {
	data := strings.Repeat("x", bytes)
	return session.Message{SessionID: "s", Signal: &session.Signal{Type: kind, Data: &data}}
}

// talks has two nodes with this Config hear each other.
func talks(t *testing.T, c natsbus.Config) {
	t.Helper()
	a, b := mustOpen(t, c), mustOpen(t, c)
	for _, node := range []*natsbus.Bus{a, b} {
		if err := node.Err(); err != nil {
			t.Fatal(err)
		}
	}
	received := inbox(t, b)
	if err := a.Publish(t.Context(), signal("hello", 1)); err != nil {
		t.Fatal(err)
	}
	if got := take(t, received); got.Signal.Type != "hello" {
		t.Errorf("received %+v", got)
	}
}

// TestPassword: a user and password may stand in the URL, and are in no log and no error. A wrong one is tried on, as it
// may be the server's that is being changed.
func TestPassword(t *testing.T) {
	server := natstest.Start(t, natstest.Config(`authorization { user: "me", password: "pass/word" }`))
	talks(t, natsbus.Config{URL: "nats://me:pass%2Fword@" + server.Addr()})

	var log bytes.Buffer
	b, err := natsbus.Open(natsbus.Config{URL: "nats://me:other-word@" + server.Addr(), Installation: "test",
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "Err tells why", func() bool { return strings.Contains(strings.ToLower(b.Err().Error()), "authorization") })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if text := log.String() + b.Err().Error(); strings.Contains(text, "word") {
		t.Errorf("a password is in %s", text)
	}
}

// TestSmallPayload: where a server takes little, the numbers of a commit go without its entries, and a signal that does
// not fit is refused.
func TestSmallPayload(t *testing.T) {
	server := natstest.Start(t, natstest.Config("max_payload: 4096"))
	a, b := mustOpen(t, natsbus.Config{URL: server.URL()}), mustOpen(t, natsbus.Config{URL: server.URL()})
	received := inbox(t, b)
	for i, size := range []int{100, 5000} {
		e := &session.ChatEntry{SessionID: "s", Epoch: 1, Seq: int64(i + 1), Body: strings.Repeat("x", size)}
		if err := a.Publish(t.Context(), session.Message{SessionID: "s", Seq: e.Seq, Entries: []*session.ChatEntry{e}}); err != nil {
			t.Fatal(err)
		}
		if got := take(t, received); got.Seq != e.Seq || len(got.Entries) != 1-i {
			t.Errorf("of %d bytes: number %d with %d entries", size, got.Seq, len(got.Entries))
		}
	}
	if err := a.Publish(t.Context(), signal("fits", 3500)); err != nil {
		t.Error(err)
	}
	if err := a.Publish(t.Context(), signal("large", 4096)); session.CodeOf(err) != session.CodeUnavailable {
		t.Errorf("a signal that does not fit: %v, want UNAVAILABLE", err)
	}
	if got := take(t, received); got.Signal.Type != "fits" {
		t.Errorf("received %s", got.Signal.Type)
	}
}

// TestPause: a server that stands still is noticed, and what is published meanwhile waits for nothing.
func TestPause(t *testing.T) {
	server := natstest.Start(t)
	a, b := mustOpen(t, natsbus.Config{URL: server.URL()}), mustOpen(t, natsbus.Config{URL: server.URL()})
	received := inbox(t, b)
	<-a.Lost()
	server.Pause()
	eventually(t, "Err tells of the pause", func() bool {
		// Larger in all than what the network keeps.
		m := session.Message{SessionID: "s", Seq: 1, Entries: []*session.ChatEntry{{SessionID: "s", Seq: 1, Body: strings.Repeat("x", 16<<10)}}}
		_ = a.Publish(t.Context(), m)
		return a.Err() != nil
	})
	if err := a.Publish(t.Context(), signal("x", 1)); session.CodeOf(err) != session.CodeUnavailable {
		t.Errorf("publish during the pause: %v, want UNAVAILABLE", err)
	}
	server.Resume()
	eventually(t, "Err is nil again", func() bool { return a.Err() == nil && b.Err() == nil })
	<-a.Lost()
	if err := a.Publish(t.Context(), signal("after", 1)); err != nil {
		t.Fatal(err)
	}
	for {
		if m := take(t, received); m.Signal != nil {
			if m.Signal.Type != "after" {
				t.Errorf("received %s", m.Signal.Type)
			}
			return
		}
	}
}

// TestSlowConsumer: what a node can't receive fast enough is lost, and Lost says so.
func TestSlowConsumer(t *testing.T) {
	server := natstest.Start(t)
	a, b := mustOpen(t, natsbus.Config{URL: server.URL()}), mustOpen(t, natsbus.Config{URL: server.URL()})
	<-b.Lost()
	blocked := make(chan struct{})
	var newest session.Message
	var mu sync.Mutex
	stop, err := b.Subscribe("s", func(m session.Message) {
		<-blocked
		mu.Lock()
		newest = m
		mu.Unlock()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	seq := int64(0)
	eventually(t, "Lost tells of it", func() bool {
		for range 500 {
			seq++
			_ = a.Publish(t.Context(), session.Message{SessionID: "s", Seq: seq})
		}
		return b.Stats().Lost > 0
	})
	<-b.Lost()
	close(blocked)
	eventually(t, "what is published now is received", func() bool {
		seq++
		_ = a.Publish(t.Context(), session.Message{SessionID: "s", Seq: seq})
		mu.Lock()
		defer mu.Unlock()
		return newest.Seq > seq-100
	})
	if err := b.Err(); err != nil {
		t.Errorf("a slow consumer is no outage: %v", err)
	}
}

// TestInstallations: two installations on one server don't hear each other.
func TestInstallations(t *testing.T) {
	server := natstest.Start(t)
	open := func(installation string) *natsbus.Bus {
		return mustOpen(t, natsbus.Config{URL: server.URL(), Installation: installation})
	}
	a, other, b := open("one"), open("two"), open("one")
	received := inbox(t, b)
	for _, from := range []struct {
		node *natsbus.Bus
		kind string
	}{{other, "other"}, {a, "mine"}} {
		if err := from.node.Publish(t.Context(), signal(from.kind, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := take(t, received); got.Signal.Type != "mine" {
		t.Errorf("received %s", got.Signal.Type)
	}
}

// TestStartsBeforeServer: a node may start before its server.
func TestStartsBeforeServer(t *testing.T) {
	server := natstest.Start(t)
	server.Stop()
	var log bytes.Buffer
	a := mustOpen(t, natsbus.Config{URL: server.URL(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if a.Err() == nil {
		t.Error("no error of a server that is not there")
	}
	// Before the server starts, so that nobody else writes the log; a cause is named, whatever nats.go says.
	if text := log.String(); !strings.Contains(text, "the bus can't be reached") || strings.Contains(text, "nil") {
		t.Errorf("the log says %s", text)
	}
	received := inbox(t, a)
	server.Start()
	eventually(t, "Err is nil", func() bool { return a.Err() == nil })
	if err := mustOpen(t, natsbus.Config{URL: server.URL()}).Publish(t.Context(), signal("hello", 1)); err != nil {
		t.Fatal(err)
	}
	take(t, received)
	if lost := a.Stats().Lost; lost != 0 {
		t.Errorf("at its first connection it has lost %d times", lost)
	}
}

// TestClose: a bus that is closed serves its own node's receivers, and says that it reaches no other.
func TestClose(t *testing.T) {
	server := natstest.Start(t)
	a, b := mustOpen(t, natsbus.Config{URL: server.URL()}), mustOpen(t, natsbus.Config{URL: server.URL()})
	mine, others := inbox(t, a), inbox(t, b)
	const last = 200
	for i := range int64(last) {
		if err := a.Publish(t.Context(), session.Message{SessionID: "s", Seq: i + 1}); err != nil {
			t.Fatal(err)
		}
		take(t, mine)
	}
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	for i := range int64(last) {
		if got := take(t, others); got.Seq != i+1 {
			t.Fatalf("received %d, want %d: what was published before Close is sent", got.Seq, i+1)
		}
	}
	if err := a.Publish(t.Context(), signal("late", 1)); session.CodeOf(err) != session.CodeUnavailable {
		t.Errorf("publish after Close: %v, want UNAVAILABLE", err)
	}
	if got := take(t, mine); got.Signal.Type != "late" {
		t.Errorf("received %+v", got)
	}
	if s := a.Stats(); s.Published != last || s.Refused != 1 {
		t.Errorf("stats %s", fmt.Sprintf("%+v", s))
	}
}

// TestSubscribeIsConfirmed: what another node publishes after Subscribe has returned is received, however long the
// subscription is on its way.
func TestSubscribeIsConfirmed(t *testing.T) {
	server := natstest.Start(t)
	proxy, err := faultproxy.Listen(server.Addr(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	}()
	near, far := mustOpen(t, natsbus.Config{URL: server.URL()}), mustOpen(t, natsbus.Config{URL: "nats://" + proxy.Addr()})
	proxy.Set(faultproxy.Fault{Up: faultproxy.Link{Delay: 200 * time.Millisecond}})
	received := inbox(t, far)
	if err := near.Publish(t.Context(), signal("hello", 1)); err != nil {
		t.Fatal(err)
	}
	take(t, received)
}
