package session

import (
	"testing"
)

// TestRoomThatLoadsSlowly: a room keeps few of the thousands of messages that come before the Store has answered, and has the
// whole log all the same.
func TestRoomThatLoadsSlowly(t *testing.T) {
	const length = 3000
	store := &stubStore{length: length, gate: make(chan struct{})}
	bus := &stubBus{receive: make(chan func(Message), 1)}
	s := NewService(Config{Store: store, Bus: bus})
	defer s.background.end()

	var early earlyMessages
	var c catchUp
	for seq := int64(1); seq <= length; seq++ {
		early.add(&c, Message{SessionID: "s", Seq: seq, Log: stubRun(seq)})
		if len(early.list) > earlyLimit || early.bytes > earlyBytes {
			t.Fatalf("%d messages of %d bytes are kept", len(early.list), early.bytes)
		}
	}
	if oldest := early.list[0].Seq; c.announced.Place != oldest-1 {
		t.Errorf("of the messages before %d number %d is announced", oldest, c.announced.Place)
	}

	opened := make(chan *room)
	go func() {
		r, err := openRoom(t.Context(), s.rooms.deps, "s")
		if err != nil {
			t.Error(err)
		}
		opened <- r
	}()
	receive := <-bus.receive
	for seq := int64(1); seq <= length; seq++ {
		receive(Message{SessionID: "s", Seq: seq, Log: stubRun(seq)})
	}
	close(store.gate)
	r := <-opened
	if r == nil {
		return
	}
	for {
		r.mu.Lock()
		done, changed := r.feed.Newest() == length, r.catchUp.watch()
		r.mu.Unlock()
		if done {
			return
		}
		if err := <-changed; err != nil {
			t.Fatal(err)
		}
	}
}

// stubRun is the run of a log that has the one entry with this seq.
func stubRun(seq int64) LogRun {
	return LogRun{After: seq - 1, Through: seq, Events: []*LogEvent{{Place: seq, Entry: stubEntry(seq)}}}
}
