package session

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chattok/internal/await"
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

// countedTurns are WriteTurns that never wait.
type countedTurns struct{ begun, ended atomic.Int64 }

func (t *countedTurns) BeginWrite(context.Context) error { t.begun.Add(1); return nil }
func (t *countedTurns) EndWrite()                        { t.ended.Add(1) }

// refusingStore stores nothing that is written to a log.
type refusingStore struct{ stubStore }

func (*refusingStore) AppendEntries(_ context.Context, entries []NewEntry) []EntryResult {
	return slices.Repeat([]EntryResult{{Err: errNoTurn}}, len(entries))
}

func (*refusingStore) ChangeEntries(_ context.Context, changes []NewChange) []ChangeResult {
	return slices.Repeat([]ChangeResult{{Err: errNoTurn}}, len(changes))
}

// TestTurnsEndWithTheCommit: the turn of a write whose caller has gone ends when the write is committed, and each turn ends once.
func TestTurnsEndWithTheCommit(t *testing.T) {
	s := NewService(Config{Store: &refusingStore{}, Bus: &stubBus{}, Log: slog.New(slog.DiscardHandler)})
	defer s.background.end()
	turns := new(countedTurns)
	c := Caller{Kind: Member, SessionID: "s", Connection: &Connection{ID: "c", SessionID: "s", Role: RolePublisher}, Turns: turns}
	write := func(ctx context.Context, want error) {
		t.Helper()
		_, add := s.addEntry(ctx, c, NewEntry{SessionID: "s"})
		_, edit := s.storeChange(ctx, c, NewChange{SessionID: "s", Kind: EntryEdited})
		_, deletion := s.DeleteChatEntry(ctx, c, EntryID(7, 1))
		for i, err := range []error{add, edit, deletion} {
			if !errors.Is(err, want) {
				t.Errorf("write %d: %v, want %v", i, err, want)
			}
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	write(gone, context.Canceled)
	if begun, ended := turns.begun.Load(), turns.ended.Load(); begun != 3 || ended != 0 {
		t.Errorf("%d turns have begun and %d ended, before a commit", begun, ended)
	}
	done := make(chan struct{})
	go func() { s.log.run(); close(done) }()
	await.True(t, "the turns end", func() bool { return turns.ended.Load() == 3 })
	write(t.Context(), errNoTurn)
	if begun, ended := turns.begun.Load(), turns.ended.Load(); begun != 6 || ended != 6 {
		t.Errorf("%d turns have begun and %d ended", begun, ended)
	}
	s.log.close()
	<-done
	if _, err := s.addEntry(t.Context(), c, NewEntry{SessionID: "s"}); err == nil || turns.ended.Load() != 7 {
		t.Errorf("%v, and %d turns have ended", err, turns.ended.Load())
	}
}
