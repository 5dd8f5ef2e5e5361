package bustest

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/session"
)

// testEveryNode: every subscriber on every node receives each message once, also on the publisher's own node.
func testEveryNode(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	var inboxes []*inbox
	for _, node := range []session.Bus{a, b, a, b} {
		in, _ := listen(t, node, "s")
		inboxes = append(inboxes, in)
	}
	send(t, a, signal("s", "one"))
	for _, in := range inboxes { // so that b's message comes later
		in.expect(t, "one")
	}
	send(t, b, signal("s", "two"))
	for _, in := range inboxes {
		in.expect(t, "one", "two")
	}
}

// testOwnAtOnce: a node's own subscribers have a message when Publish returns.
func testOwnAtOnce(t *testing.T, n Net) {
	a := n.Node()
	in, _ := listen(t, a, "s")
	for i := range 100 {
		send(t, a, session.Message{SessionID: "s", Seq: int64(i + 1)})
		if got := in.all(); len(got) != i+1 || got[i].Seq != int64(i+1) {
			t.Fatalf("after %d messages: %s", i+1, types(got))
		}
	}
}

// testSessions: a message reaches the subscribers of its session alone, whatever characters the session's id has.
func testSessions(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	ids := []string{"s", "S", "s.s", "s.", ".s", "..", ".", "s..s", "~", "-", "_", "s-s", "s_s", "s~s", "2E", "s2Es",
		strings.Repeat("a", session.MaxNameBytes), strings.Repeat(".", session.MaxNameBytes)}
	inboxes := make([]*inbox, len(ids))
	for i, id := range ids {
		inboxes[i], _ = listen(t, b, id)
	}
	for i, id := range ids {
		send(t, a, signal(id, fmt.Sprint("to-", i)))
		send(t, a, signal(id, "end"))
	}
	for i, in := range inboxes {
		in.expect(t, fmt.Sprint("to-", i), "end")
		for _, m := range in.all() {
			if m.SessionID != ids[i] {
				t.Errorf("session %q received a message of %q", ids[i], m.SessionID)
			}
		}
	}
}

// testOrder: the messages of one publisher and session arrive in their order, each once, also beside other publishers.
func testOrder(t *testing.T, n Net) {
	const each = 300
	nodes := []session.Bus{n.Node(), n.Node(), n.Node()}
	var inboxes []*inbox
	for _, node := range nodes {
		in, _ := listen(t, node, "s")
		inboxes = append(inboxes, in)
	}
	var publishers sync.WaitGroup
	for p, node := range nodes {
		publishers.Go(func() {
			for i := range each {
				if err := node.Publish(t.Context(), signal("s", fmt.Sprintf("%d-%d", p, i))); err != nil {
					t.Errorf("publish: %v", err)
				}
			}
		})
	}
	publishers.Wait()
	for i, in := range inboxes {
		got := in.until(t, "all messages", func(m []session.Message) bool { return len(m) >= each*len(nodes) })
		next := make([]int, len(nodes))
		for _, m := range got {
			var p, number int
			if _, err := fmt.Sscanf(m.Signal.Type, "%d-%d", &p, &number); err != nil {
				t.Fatal(err)
			}
			if number != next[p] {
				t.Fatalf("node %d received %s after %d of its publisher's", i, m.Signal.Type, next[p])
			}
			next[p]++
		}
	}
}

// testOneAtATime: receive is never called twice at the same time for one subscription, however many publish.
func testOneAtATime(t *testing.T, n Net) {
	const each = 200
	nodes := []session.Bus{n.Node(), n.Node()}
	var under, received atomic.Int32
	stop, err := nodes[0].Subscribe("s", func(session.Message) {
		if under.Add(1) != 1 {
			t.Error("two messages at the same time")
		}
		received.Add(1)
		under.Add(-1)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var publishers sync.WaitGroup
	for p := range 8 {
		publishers.Go(func() {
			for range each {
				if err := nodes[p%2].Publish(t.Context(), signal("s", "x")); err != nil {
					t.Errorf("publish: %v", err)
				}
			}
		})
	}
	publishers.Wait()
	await.True(t, "all received", func() bool { return received.Load() == 8*each })
}

// testStop: after stop has returned nothing is received, other subscribers go on, and a new subscription receives
// again.
func testStop(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	var stopped atomic.Bool
	stop, err := b.Subscribe("s", func(session.Message) {
		if stopped.Load() {
			t.Error("received after stop had returned")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	other, _ := listen(t, b, "s")
	publishing := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-publishing:
				return
			default:
				if err := a.Publish(t.Context(), signal("s", "x")); err != nil {
					t.Errorf("publish: %v", err)
				}
			}
		}
	})
	other.until(t, "the first", func(m []session.Message) bool { return len(m) > 0 })
	stop()
	stopped.Store(true)
	before := len(other.all())
	other.until(t, "the other subscriber goes on", func(m []session.Message) bool { return len(m) > before+10 })
	close(publishing)
	publisher.Wait()
	again, _ := listen(t, b, "s")
	send(t, a, signal("s", "end"))
	got := again.until(t, "the end", func(m []session.Message) bool { return len(m) > 0 && m[len(m)-1].Signal.Type == "end" })
	for _, m := range got[:len(got)-1] { // a message on its way may still come
		if m.Signal.Type != "x" {
			t.Errorf("received %s", types(got))
		}
	}
}

// testChurn: a subscription receives every message that is published after Subscribe returned, however fast
// subscriptions come and go.
func testChurn(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			id := fmt.Sprint("s", w%4) // two goroutines for each session
			for i := range 25 {
				kind := fmt.Sprintf("%d-%d", w, i)
				got := make(chan struct{})
				once := sync.OnceFunc(func() { close(got) })
				stop, err := b.Subscribe(id, func(m session.Message) {
					if m.Signal.Type == kind {
						once()
					}
				})
				if err != nil {
					t.Error(err)
					return
				}
				if err := a.Publish(t.Context(), signal(id, kind)); err != nil {
					t.Errorf("publish: %v", err)
				}
				select {
				case <-got:
				case <-time.After(await.Patience):
					t.Errorf("%s was not received", kind)
				}
				stop()
			}
		})
	}
	workers.Wait()
}

// testContent: every part of a message that is carried at all arrives unchanged.
func testContent(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	in, _ := listen(t, b, "s")
	text := func(s string) *string { return &s }
	at := time.UnixMilli(1_700_000_000_123).UTC()
	sent := []session.Message{
		{SessionID: "s", Seq: 8, Log: session.LogRun{After: 9, Through: 13, Events: []*session.LogEvent{
			{Place: 10, Entry: &session.ChatEntry{SessionID: "s", Epoch: 1<<63 + 5, Seq: 7, Place: 10, ConnectionID: "c", UserID: text("u"),
				Body: "héllo\n\"'\\\t€", Data: text("{}"), ReplyTo: 3, CreatedAt: at, Version: 1}},
			{Place: 11, Change: session.EntryDeleted, Superseded: 6, Entry: &session.ChatEntry{SessionID: "s", Epoch: 1<<63 + 5, Seq: 2, Place: 2,
				ConnectionID: "c", CreatedAt: at, Version: 3, Changed: 11, EditedAt: &at, DeletedAt: &at, DeletedBy: "m"}},
			{Place: 13, Entry: &session.ChatEntry{SessionID: "s", Epoch: 1<<63 + 5, Seq: 8, Place: 13, ConnectionID: "d", Body: "😀",
				IdempotencyKey: "k", CreatedAt: at, Version: 2, Reactions: []session.ReactionCount{{Name: "👍", Count: 2}}}}}}},
		{SessionID: "s", User: &session.UserEvent{UserID: "u", Seq: 3, Version: 2, Reactions: []string{"👍"}}},
		{SessionID: "s", Revision: 4, Changes: []session.RosterChange{
			{SessionID: "s", Revision: 4, Connection: &session.Connection{ID: "c", SessionID: "s", Data: text(""),
				Role: session.RolePublisher, CreatedAt: at}, Reason: session.ForceDisconnected}}},
		{SessionID: "s", Signal: &session.Signal{Type: "t", Data: text("€ 'x' \\u0001 \x01"), FromConnectionID: text("c"), To: text("d")}},
		{SessionID: "s", Signal: &session.Signal{Type: "bare"}},
		{SessionID: "s", Negotiation: &session.Negotiation{StreamID: "v", FromConnectionID: "c", To: "d",
			Description: &session.SessionDescription{Type: session.SDPOffer, SDP: "v=0\r\n"}}},
	}
	for i, m := range sent {
		send(t, a, m)
		got := in.until(t, "the next message", func(got []session.Message) bool { return len(got) > i })[i]
		if got.Log.Events == nil {
			m.Log.Events, m.Log.After = nil, m.Log.Through
		}
		if got.Changes == nil {
			m.Changes = nil
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("message %d: got %+v, want %+v", i, got, m)
		}
	}
}

// testNewest: of wake-ups that come faster than they are sent, a bus may leave out all but the last, with the newest place.
func testNewest(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	in, _ := listen(t, b, "s")
	for place := range int64(500) { // changes of one entry
		send(t, a, session.Message{SessionID: "s", Seq: 1, Log: session.LogRun{After: place + 1, Through: place + 2}})
	}
	in.until(t, "place 501", func(m []session.Message) bool { return len(m) > 0 && m[len(m)-1].Log.Through == 501 })
}

// testLargeSignal: the largest signal arrives, whatever characters it has.
func testLargeSignal(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	in, _ := listen(t, b, "s")
	name := strings.Repeat("n", session.MaxNameBytes)
	for i, data := range []string{strings.Repeat("x", session.MaxSignalDataBytes), strings.Repeat("€", session.MaxSignalDataBytes/3),
		strings.Repeat("\x01", session.MaxSignalDataBytes), strings.Repeat(`\"`, session.MaxSignalDataBytes/2)} {
		m := session.Message{SessionID: "s", Signal: &session.Signal{Type: name, Data: &data, FromConnectionID: &name, To: &name}}
		send(t, a, m)
		got := in.until(t, "the signal", func(got []session.Message) bool { return len(got) > i })[i]
		if !reflect.DeepEqual(got, m) {
			t.Errorf("signal %d is not what was sent", i)
		}
	}
}

// testLargeNegotiation does the same with a session description.
func testLargeNegotiation(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	in, _ := listen(t, b, "s")
	m := session.Message{SessionID: "s", Negotiation: &session.Negotiation{StreamID: "v", FromConnectionID: "c", To: "d",
		Description: &session.SessionDescription{Type: session.SDPAnswer, SDP: strings.Repeat("\r\n", session.MaxNegotiationBytes/2)}}}
	send(t, a, m)
	send(t, a, signal("s", "end"))
	got := in.until(t, "both", func(got []session.Message) bool { return len(got) > 1 })
	if !reflect.DeepEqual(got[0], m) || got[1].Signal == nil {
		t.Error("what was received is not what was sent, in its order")
	}
}

// testLargeGroup: the number of the largest commit arrives, with all of its entries or with none.
func testLargeGroup(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	in, _ := listen(t, b, "s")
	body := strings.Repeat("b", session.MaxBodyBytes)
	seq := int64(0)
	for i, size := range []int{1, 256, 1, 4096} {
		m := session.Message{SessionID: "s"}
		for range size {
			seq++
			m.Log.Events = append(m.Log.Events, &session.LogEvent{Place: seq,
				Entry: &session.ChatEntry{SessionID: "s", Epoch: 7, Seq: seq, Place: seq, ConnectionID: "c", Body: body, Version: 1}})
		}
		m.Seq, m.Log.Through, m.Log.After = seq, seq, seq-int64(size)
		send(t, a, m)
		got := in.until(t, "the number", func(got []session.Message) bool { return len(got) > i })[i]
		if got.Log.Events != nil && !reflect.DeepEqual(got.Log, m.Log) || got.Seq != seq || got.Log.Through != seq {
			t.Errorf("group of %d: seq %d with %d entries", size, got.Seq, len(got.Log.Events))
		}
	}
}
