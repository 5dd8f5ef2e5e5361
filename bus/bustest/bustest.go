// Package bustest is the suite that every implementation of session.Bus must pass. It waits for messages that must
// come, and for nothing else: a later message of the same publisher shows that a message did not come, or did not come
// twice.
package bustest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/session"
)

// Net connects nodes: a server, or a process.
type Net struct {
	// Node returns the Bus of another node, which the test closes at its end. Within one process it may be the same Bus
	// each time.
	Node func() session.Bus
	// Down cuts every node off from the others, and Up ends that; both are nil where nodes can't be cut off.
	Down, Up func()
}

// Run runs the suite; open makes a Net of its own for each test.
func Run(t *testing.T, open func(t *testing.T) Net) {
	tests := map[string]func(*testing.T, Net){
		"EveryNode":   testEveryNode,
		"OwnAtOnce":   testOwnAtOnce,
		"Sessions":    testSessions,
		"Order":       testOrder,
		"OneAtATime":  testOneAtATime,
		"Stop":        testStop,
		"Churn":       testChurn,
		"Content":     testContent,
		"Newest":      testNewest,
		"LargeSignal": testLargeSignal,
		"LargeOffer":  testLargeNegotiation,
		"LargeGroup":  testLargeGroup,
		"Err":         testErr,
		"Outage":      testOutage,
		"OutageLater": testSubscribedInOutage,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := open(t)
			if strings.HasPrefix(name, "Outage") && n.Down == nil {
				return // there is nothing to be cut off from
			}
			test(t, n)
		})
	}
}

// inbox keeps the messages that a subscription received.
type inbox struct {
	mu       sync.Mutex
	messages []session.Message
	more     chan struct{} // has room for one
}

// listen subscribes. stop is called when the test ends, unless the test has called it.
func listen(t testing.TB, b session.Bus, sessionID string) (in *inbox, stop func()) {
	t.Helper()
	in = &inbox{more: make(chan struct{}, 1)}
	stop, err := b.Subscribe(sessionID, in.receive)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(stop)
	t.Cleanup(stop)
	return in, stop
}

func (in *inbox) receive(m session.Message) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.messages = append(in.messages, m)
	select {
	case in.more <- struct{}{}:
	default:
	}
}

func (in *inbox) all() []session.Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.messages)
}

// until waits until the messages received satisfy done.
func (in *inbox) until(t testing.TB, what string, done func([]session.Message) bool) []session.Message {
	t.Helper()
	timeout := time.After(await.Patience)
	for {
		got := in.all()
		if done(got) {
			return got
		}
		select {
		case <-in.more:
		case <-timeout:
			t.Fatalf("%s: not so after %v, with %d messages: %s", what, await.Patience, len(got), types(got))
		}
	}
}

// types returns the types of the signals in the messages, in their order.
func types(messages []session.Message) string {
	var s []string
	for _, m := range messages {
		if m.Signal != nil {
			s = append(s, m.Signal.Type)
		} else {
			s = append(s, fmt.Sprintf("%d/%d", m.Seq, m.Revision))
		}
	}
	return strings.Join(s, " ")
}

// signal is a message that carries a signal of a type.
func signal(sessionID, kind string) session.Message {
	return session.Message{SessionID: sessionID, Signal: &session.Signal{Type: kind}}
}

func send(t testing.TB, b session.Bus, m session.Message) {
	t.Helper()
	if err := b.Publish(t.Context(), m); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

// expect waits until these signals were received, no others, and in this order.
func (in *inbox) expect(t testing.TB, want ...string) {
	t.Helper()
	text := strings.Join(want, " ")
	got := in.until(t, "signals "+text, func(m []session.Message) bool { return len(m) >= len(want) })
	if types(got) != text {
		t.Fatalf("received %s, want %s", types(got), text)
	}
}
