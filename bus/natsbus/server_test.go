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
	"chattok/internal/await"
	"chattok/internal/faultproxy"
	"chattok/internal/natstest"
	"chattok/session"
)

// inbox subscribes to session "s". The channel gets the messages that are received.
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

// signal returns a message with a signal whose data has this size.
func signal(kind string, bytes int) session.Message {
	data := strings.Repeat("x", bytes)
	return session.Message{SessionID: "s", Signal: &session.Signal{Type: kind, Data: &data}}
}

// talks checks that two nodes with this Config hear each other.
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
	if got := await.Value(t, "a message", received); got.Signal.Type != "hello" {
		t.Errorf("received %+v", got)
	}
}

// TestPassword: a user and password may be part of the URL, and are in no log and no error. With a wrong password the
// bus keeps trying, since the server's may be about to change.
func TestPassword(t *testing.T) {
	server := natstest.Start(t, natstest.Config(`authorization { user: "me", password: "pass/word" }`))
	talks(t, natsbus.Config{URL: "nats://me:pass%2Fword@" + server.Addr()})

	var log bytes.Buffer
	b, err := natsbus.Open(natsbus.Config{URL: "nats://me:other-word@" + server.Addr(), Installation: "test",
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	await.True(t, "Err tells why", func() bool { return strings.Contains(strings.ToLower(b.Err().Error()), "authorization") })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if text := log.String() + b.Err().Error(); strings.Contains(text, "word") {
		t.Errorf("a password is in %s", text)
	}
}

// added is the message of one entry that was added.
func added(seq int64, body string) session.Message {
	e := &session.ChatEntry{SessionID: "s", Epoch: 1, Seq: seq, Place: seq, Version: 1, Body: body}
	return session.Message{SessionID: "s", Seq: seq,
		Log: session.LogRun{After: seq - 1, Through: seq, Events: []*session.LogEvent{{Place: seq, Entry: e}}}}
}

// TestSmallPayload: with a server that takes only small messages, the numbers of a commit go without its entries, and a
// signal that does not fit is refused.
func TestSmallPayload(t *testing.T) {
	server := natstest.Start(t, natstest.Config("max_payload: 4096"))
	a, b := mustOpen(t, natsbus.Config{URL: server.URL()}), mustOpen(t, natsbus.Config{URL: server.URL()})
	received := inbox(t, b)
	for i, size := range []int{100, 5000} {
		m := added(int64(i+1), strings.Repeat("x", size))
		if err := a.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if got := await.Value(t, "a message", received); got.Seq != m.Seq || got.Log.Through != m.Seq || len(got.Log.Events) != 1-i {
			t.Errorf("of %d bytes: number %d with %d entries", size, got.Seq, len(got.Log.Events))
		}
	}
	if err := a.Publish(t.Context(), signal("fits", 3500)); err != nil {
		t.Error(err)
	}
	if err := a.Publish(t.Context(), signal("large", 4096)); session.CodeOf(err) != session.CodeUnavailable {
		t.Errorf("a signal that does not fit: %v, want UNAVAILABLE", err)
	}
	if got := await.Value(t, "a message", received); got.Signal.Type != "fits" {
		t.Errorf("received %s", got.Signal.Type)
	}
}

// TestPause: a server that stands still is noticed, and Publish does not wait for it.
func TestPause(t *testing.T) {
	server := natstest.Start(t)
	a, b := mustOpen(t, natsbus.Config{URL: server.URL()}), mustOpen(t, natsbus.Config{URL: server.URL()})
	received := inbox(t, b)
	<-a.Lost()
	server.Pause()
	await.True(t, "Err tells of the pause", func() bool {
		// More in all than the network's buffers hold.
		_ = a.Publish(t.Context(), added(1, strings.Repeat("x", 16<<10)))
		return a.Err() != nil
	})
	if err := a.Publish(t.Context(), signal("x", 1)); session.CodeOf(err) != session.CodeUnavailable {
		t.Errorf("publish during the pause: %v, want UNAVAILABLE", err)
	}
	server.Resume()
	await.True(t, "Err is nil again", func() bool { return a.Err() == nil && b.Err() == nil })
	<-a.Lost()
	if err := a.Publish(t.Context(), signal("after", 1)); err != nil {
		t.Fatal(err)
	}
	for {
		if m := await.Value(t, "a message", received); m.Signal != nil {
			if m.Signal.Type != "after" {
				t.Errorf("received %s", m.Signal.Type)
			}
			return
		}
	}
}

// TestSlowConsumer: messages that a node does not receive fast enough are lost, and Lost says so.
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
	await.True(t, "Lost tells of it", func() bool {
		for range 500 {
			seq++
			_ = a.Publish(t.Context(), session.Message{SessionID: "s", Seq: seq})
		}
		return b.Stats().Lost > 0
	})
	<-b.Lost()
	close(blocked)
	await.True(t, "what is published now is received", func() bool {
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
	if got := await.Value(t, "a message", received); got.Signal.Type != "mine" {
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
	// Read before the server starts, since the bus writes the log after that. The log names a cause even where nats.go
	// has none.
	if text := log.String(); !strings.Contains(text, "the bus can't be reached") || strings.Contains(text, "nil") {
		t.Errorf("the log says %s", text)
	}
	received := inbox(t, a)
	server.Start()
	await.True(t, "Err is nil", func() bool { return a.Err() == nil })
	if err := mustOpen(t, natsbus.Config{URL: server.URL()}).Publish(t.Context(), signal("hello", 1)); err != nil {
		t.Fatal(err)
	}
	await.Value(t, "a message", received)
	if lost := a.Stats().Lost; lost != 0 {
		t.Errorf("at its first connection it has lost %d times", lost)
	}
}

// TestClose: a closed bus serves its own node's subscribers, and says that it reaches no other node.
func TestClose(t *testing.T) {
	server := natstest.Start(t)
	a, b := mustOpen(t, natsbus.Config{URL: server.URL()}), mustOpen(t, natsbus.Config{URL: server.URL()})
	mine, others := inbox(t, a), inbox(t, b)
	const last = 200
	for i := range int64(last) {
		if err := a.Publish(t.Context(), session.Message{SessionID: "s", Seq: i + 1}); err != nil {
			t.Fatal(err)
		}
		await.Value(t, "a message", mine)
	}
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	for i := range int64(last) {
		if got := await.Value(t, "a message", others); got.Seq != i+1 {
			t.Fatalf("received %d, want %d: what was published before Close is sent", got.Seq, i+1)
		}
	}
	if err := a.Publish(t.Context(), signal("late", 1)); session.CodeOf(err) != session.CodeUnavailable {
		t.Errorf("publish after Close: %v, want UNAVAILABLE", err)
	}
	if got := await.Value(t, "a message", mine); got.Signal.Type != "late" {
		t.Errorf("received %+v", got)
	}
	if s := a.Stats(); s.Published != last || s.Refused != 1 {
		t.Errorf("stats %s", fmt.Sprintf("%+v", s))
	}
}

// TestSubscribeIsConfirmed: a message that another node publishes after Subscribe has returned is received, however
// long the subscription takes to reach the server.
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
	await.Value(t, "a message", received)
}
