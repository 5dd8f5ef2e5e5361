package session

import (
	"context"
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
