package link

import (
	"errors"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"chattok/bus"
	"chattok/bus/wire"
	"chattok/internal/await"
	"chattok/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLink() *Link { return New(slog.New(slog.DiscardHandler)) }

var (
	wakeUp = session.Message{SessionID: "s", Seq: 1}
	signal = session.Message{SessionID: "s", Signal: &session.Signal{Type: "x"}}
)

func nothing() {}

// TestLost: the first connection asks for a comparison and is no loss; each later one is a loss.
func TestLost(t *testing.T) {
	l := newLink()
	if l.Err() == nil || len(l.Lost()) != 0 {
		t.Fatal("it is up before Up")
	}
	for connection, losses := range []int64{0, 1, 2} {
		l.Up("server")
		await.Value(t, "a comparison", l.Lost())
		if got := l.Stats(); l.Err() != nil || got != (bus.Stats{Lost: losses}) {
			t.Errorf("after connection %d: %+v, %v", connection+1, got, l.Err())
		}
		l.Down(errors.New("cut"))
		if err := l.Err(); err == nil || err.Error() != "the bus is cut off: cut" {
			t.Errorf("%v", err)
		}
	}
}

// TestAnswers: a message without numbers waits for its answer, and a wake-up for none.
func TestAnswers(t *testing.T) {
	l := newLink()
	q := NewQueue[string](l)
	if err := q.Add(t.Context(), wakeUp, "too early", nothing); err == nil {
		t.Error("a message was taken before the link was up")
	}
	l.Up("server")
	failure := errors.New("the server does not take it")
	for _, want := range []error{nil, failure} {
		answer := make(chan error)
		go func() { answer <- q.Add(t.Context(), signal, "signal", nothing) }()
		await.True(t, "it waits to be sent", func() bool { return q.Len() == 1 })
		item, ok := q.Take()
		if !ok || item.Value != "signal" {
			t.Fatalf("took %+v", item)
		}
		q.Answer(item, want)
		if err := await.Value(t, "an answer", answer); err != want {
			t.Errorf("answered %v, want %v", err, want)
		}
	}
	if err := q.Add(t.Context(), wakeUp, "wake-up", nothing); err != nil {
		t.Error(err)
	}
	q.Refuse(failure)
	if refused := l.Stats().Refused; refused != 1 || q.Len() != 0 {
		t.Errorf("%d refused, %d wait", refused, q.Len())
	}
}

// TestFull: a wake-up that finds the queue full is refused at once.
func TestFull(t *testing.T) {
	l := newLink()
	l.Up("server")
	q := NewQueue[int](l)
	for n := range queueMessages {
		if err := q.Add(t.Context(), wakeUp, n, nothing); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Add(t.Context(), wakeUp, 0, nothing); err == nil {
		t.Error("more were taken than may wait")
	}
	for n := range queueMessages {
		if item, ok := q.Take(); !ok || item.Value != n {
			t.Fatalf("took %+v, want %d", item, n)
		}
	}
}

// TestLateToSend: a message that was published before an outage is refused after it, as its sender was told.
func TestLateToSend(t *testing.T) {
	l := newLink()
	l.Up("server")
	q := NewQueue[string](l)
	answer := make(chan error)
	go func() { answer <- q.Add(t.Context(), signal, "before", nothing) }()
	await.True(t, "it waits to be sent", func() bool { return q.Len() == 1 })
	l.Down(errors.New("cut"))
	l.Up("server")
	if err := q.Add(t.Context(), wakeUp, "after", nothing); err != nil {
		t.Fatal(err)
	}
	if item, ok := q.Take(); !ok || item.Value != "after" {
		t.Errorf("took %+v", item)
	}
	if err := await.Value(t, "an answer", answer); !errors.Is(err, errLate) {
		t.Errorf("answered %v", err)
	}
}

// TestReceive: a node's own messages, late signals and what can't be read are not handed over; a late wake-up is.
func TestReceive(t *testing.T) {
	l := newLink()
	var got []session.Message
	stop, err := l.Subscribe("s", func(m session.Message) { got = append(got, m) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	sequences := Sequences{}
	receive := func(node, sequence uint64, m session.Message) {
		t.Helper()
		payload, err := wire.Marshal(wire.Envelope{Node: node, Sequence: sequence, Message: m}, 1<<10)
		if err != nil {
			t.Fatal(err)
		}
		l.Receive(payload, sequences.Late)
	}
	other := l.Node() + 1
	receive(l.Node(), 1, signal)
	receive(other, 2, signal)
	receive(other, 1, signal)
	receive(other, 1, wakeUp)
	receive(other, 0, signal)
	l.Receive([]byte("no message"), sequences.Late)
	if len(got) != 3 || got[0].Signal == nil || got[1].Seq != 1 || got[2].Signal == nil {
		t.Errorf("received %+v", got)
	}
	if s := l.Stats(); s.Received != 4 || s.Lost != 1 {
		t.Errorf("%+v", s)
	}
}
