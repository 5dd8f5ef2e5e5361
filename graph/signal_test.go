package graph_test

import (
	"strconv"
	"testing"

	"chattok/internal/await"
)

// received is an event of signalReceived.
type received struct{ SignalReceived signal }

type signal struct {
	Type, Data, To, FromConnectionID string
	Missed                           int
}

const signals = `subscription{signalReceived{type data to fromConnectionId missed}}`

func TestSignals(t *testing.T) {
	w := newWorld(t, options{})
	ann, bob, other := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "SUBSCRIBER"), w.join(t, "elsewhere", "PUBLISHER")
	// Signals sent before a connection's first signalReceived wait for it, so there is no race here.
	send := func(raw, arguments, want string) {
		t.Helper()
		same(t, w.mustDo(t, raw, `mutation{sendSignal(`+arguments+`){type data to fromConnectionId missed}}`, nil), want)
	}
	send(ann.token, `type:"all",data:"1"`, `{"sendSignal":{"type":"all","data":"1","to":null,"fromConnectionId":"`+ann.id+`","missed":0}}`)
	atAnn, atBob, atOther := w.subscribe(t, ann.token, signals, nil), w.subscribe(t, bob.token, signals, nil), w.subscribe(t, other.token, signals, nil)
	send(ann.token, `type:"one",to:"`+bob.id+`"`, `{"sendSignal":{"type":"one","data":null,"to":"`+bob.id+`","fromConnectionId":"`+ann.id+`","missed":0}}`)
	send(ann.token, `type:"self",to:"`+ann.id+`"`, `{"sendSignal":{"type":"self","data":null,"to":"`+ann.id+`","fromConnectionId":"`+ann.id+`","missed":0}}`)
	send(testSecret, `type:"server",data:"",sessionId:"room"`, `{"sendSignal":{"type":"server","data":"","to":null,"fromConnectionId":null,"missed":0}}`)
	send(other.token, `type:"other"`, `{"sendSignal":{"type":"other","data":null,"to":null,"fromConnectionId":"`+other.id+`","missed":0}}`)

	all := signal{Type: "all", Data: "1", FromConnectionID: ann.id}
	for _, want := range []signal{all, {Type: "self", To: ann.id, FromConnectionID: ann.id}, {Type: "server"}} {
		if got := next[received](t, atAnn).SignalReceived; got != want {
			t.Errorf("ann got %+v, want %+v", got, want)
		}
	}
	for _, want := range []signal{all, {Type: "one", To: bob.id, FromConnectionID: ann.id}, {Type: "server"}} {
		if got := next[received](t, atBob).SignalReceived; got != want {
			t.Errorf("bob got %+v, want %+v", got, want)
		}
	}
	if got := next[received](t, atOther).SignalReceived; got.Type != "other" {
		t.Errorf("another session got %+v", got)
	}
	w.mustDo(t, bob.token, `mutation{disconnect{id}}`, nil)
	for name, id := range map[string]string{"one that has gone": bob.id, "another session's": other.id, "nobody": "x"} {
		if code := w.code(t, ann.token, sendSignal, map[string]any{"t": "t", "to": id}); code != "NOT_FOUND" {
			t.Errorf("a signal to %s: %s", name, code)
		}
	}
}

func TestSignalsOfOneType(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", "PUBLISHER")
	for _, kind := range []string{"a", "b", "a"} {
		w.mustDo(t, me.token, sendSignal, map[string]any{"t": kind, "d": kind})
	}
	w.mustDo(t, me.token, sendSignal, map[string]any{"t": "b", "d": "last"})
	s := w.subscribe(t, me.token, `subscription{signalReceived(type:"b"){data missed}}`, nil)
	for _, want := range []string{"b", "last"} {
		if got := next[received](t, s).SignalReceived; got != (signal{Data: want}) {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
	if code := w.firstCode(t, me.token, `subscription{signalReceived(type:"a b"){data}}`, nil); code != "BAD_USER_INPUT" {
		t.Errorf("a type with a space: %s", code)
	}
}

// The newest 64 signals wait for a connection's first signalReceived, and for no further one.
func TestSignalsWait(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", "PUBLISHER")
	const sent = 70
	for i := range sent {
		w.mustDo(t, me.token, sendSignal, map[string]any{"t": "t", "d": strconv.Itoa(i)})
	}
	first := w.subscribe(t, me.token, signals, nil)
	for i := sent - 64; i < sent; i++ {
		if got := next[received](t, first).SignalReceived; got.Data != strconv.Itoa(i) {
			t.Fatalf("got %+v, want %d", got, i)
		}
	}
	second := w.subscribe(t, me.token, signals, nil)
	await.True(t, "the second subscription is under way", func() bool {
		_, subscriptions := w.sockets()
		return subscriptions == 2
	})
	got := make(chan signal, 1)
	go func() {
		defer close(got)
		var r received
		if second.Next(&r) == nil {
			got <- r.SignalReceived
		}
	}()
	await.True(t, "the second subscription has begun", func() bool {
		w.mustDo(t, me.token, sendSignal, map[string]any{"t": "later"})
		select {
		case s := <-got:
			if s.Type != "later" {
				t.Errorf("the second subscription got %+v, which was sent before it", s)
			}
			return true
		default:
			return false
		}
	})
}
