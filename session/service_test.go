package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestLostAllTheTime: where a bus loses messages all the time, the open rooms are compared with the Store once a second at most.
func TestLostAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &stubStore{}
		bus := &stubBus{receive: make(chan func(Message), 1), lost: make(chan struct{})}
		s := NewService(Config{Store: store, Bus: bus, Tick: time.Hour})
		r, err := openRoom(t.Context(), s.rooms.deps, "s")
		if err != nil {
			t.Fatal(err)
		}
		s.rooms.byID["s"] = &roomSlot{room: r}
		store.lastSeqs = 0
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			s.tick(ctx)
			close(done)
		}()
		begun, told := time.Now(), 0
		for time.Since(begun) < 10*time.Second && told < 1000 { // without a bound no time would pass
			select {
			case bus.lost <- struct{}{}:
				told++
			case <-time.After(time.Millisecond):
			}
		}
		cancel()
		<-done
		s.background.end()
		if store.lastSeqs == 0 || store.lastSeqs > 11 || told != store.lastSeqs {
			t.Errorf("%d checks in 10 s", store.lastSeqs)
		}
	})
}

// noTurns are WriteTurns of which none comes.
type noTurns struct{ WriteTurns }

func (noTurns) BeginWrite(context.Context) error { return errNoTurn }

var errNoTurn = errors.New("no turn")

// TestWritesTakeTurns: adds and edits wait for a turn of the caller's before they are in the queue.
func TestWritesTakeTurns(t *testing.T) {
	s := NewService(Config{Store: &stubStore{}, Bus: &stubBus{}})
	defer s.background.end()
	c := Caller{Kind: Member, SessionID: "s", Connection: &Connection{ID: "c"}, Turns: noTurns{}}
	if _, err := s.addEntry(t.Context(), c, NewEntry{SessionID: "s"}); err != errNoTurn {
		t.Errorf("an add: %v", err)
	}
	if _, err := s.storeChange(t.Context(), c, NewChange{SessionID: "s", Kind: EntryEdited}); err != errNoTurn {
		t.Errorf("an edit: %v", err)
	}
	if n := s.log.waiting(); n != 0 {
		t.Errorf("%d writes are in the queue", n)
	}
}
