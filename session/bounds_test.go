package session

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// boundsStore is a Store with one session, s, whose log has so many entries of 8 KiB. Reading the roster waits for gate.
type boundsStore struct {
	Store
	length int64
	gate   chan struct{}

	mu       sync.Mutex
	largest  int // group of connections
	attached map[string]bool
	touched  int
	heads    int // reads of heads
}

func (s *boundsStore) Lanes() int { return 1 }

func (s *boundsStore) Session(context.Context, string) (*Session, error) {
	return &Session{ID: "s", Epoch: 7, MediaMode: MediaRelayed}, nil
}

func (s *boundsStore) Roster(context.Context, string) (Roster, error) {
	if s.gate != nil {
		<-s.gate
	}
	return Roster{}, nil
}

func (s *boundsStore) Heads(_ context.Context, ids []string) (map[string]Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heads++
	return map[string]Head{"s": {Epoch: 7}}, nil
}

func (s *boundsStore) Entries(_ context.Context, q EntryQuery) (found []*ChatEntry, err error) {
	for seq := q.After + 1; seq <= s.length && (q.Before == 0 || seq < q.Before) && len(found) < q.Limit; seq++ {
		found = append(found, boundsEntry(seq))
	}
	return found, nil
}

func boundsEntry(seq int64) *ChatEntry {
	return &ChatEntry{SessionID: "s", Epoch: 7, Seq: seq, ConnectionID: "c", Body: strings.Repeat("x", 8<<10)}
}

func (s *boundsStore) Attach(_ context.Context, _ string, ids []string) (map[string]error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.largest = max(s.largest, len(ids))
	for _, id := range ids {
		s.attached[id] = true
	}
	return nil, nil
}

func (s *boundsStore) Detach(_ context.Context, _ string, ids []string, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.largest = max(s.largest, len(ids))
	for _, id := range ids {
		delete(s.attached, id)
	}
	return nil
}

func (s *boundsStore) Touch(_ context.Context, ids []string, _, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.largest = max(s.largest, len(ids))
	s.touched += len(ids)
	return nil
}

// boundsBus hands what the test sends to the one room that subscribes.
type boundsBus struct {
	receive chan func(Message) // gets the room's
	lost    chan struct{}
}

func (b *boundsBus) Publish(context.Context, Message) error { return nil }
func (b *boundsBus) Lost() <-chan struct{}                  { return b.lost }
func (b *boundsBus) Err() error                             { return nil }

func (b *boundsBus) Subscribe(_ string, receive func(Message)) (func(), error) {
	b.receive <- receive
	return func() {}, nil
}

// TestRoomThatLoadsSlowly brings a room thousands of messages before the Store has answered: it keeps few of them, and
// has the whole log all the same.
func TestRoomThatLoadsSlowly(t *testing.T) {
	const length = 3000
	store := &boundsStore{length: length, gate: make(chan struct{})}
	bus := &boundsBus{receive: make(chan func(Message), 1)}
	s := NewService(Config{Store: store, Bus: bus})
	defer s.endBackground()

	var early earlyMessages
	r := new(room)
	for seq := int64(1); seq <= length; seq++ {
		early.add(r, Message{SessionID: "s", Seq: seq, Entries: []*ChatEntry{boundsEntry(seq)}})
		if len(early.list) > earlyLimit || early.bytes > earlyBytes {
			t.Fatalf("%d messages of %d bytes are kept", len(early.list), early.bytes)
		}
	}
	if oldest := early.list[0].Seq; r.known.Seq != oldest-1 {
		t.Errorf("of the messages before %d number %d is known", oldest, r.known.Seq)
	}

	opened := make(chan *room)
	go func() {
		r, err := s.openRoom(t.Context(), "s")
		if err != nil {
			t.Error(err)
		}
		opened <- r
	}()
	receive := <-bus.receive
	for seq := int64(1); seq <= length; seq++ {
		receive(Message{SessionID: "s", Seq: seq, Entries: []*ChatEntry{boundsEntry(seq)}})
	}
	close(store.gate)
	if r = <-opened; r == nil {
		return
	}
	for {
		r.mu.Lock()
		if r.feed.Head() == length {
			r.mu.Unlock()
			return
		}
		changed := r.watchLocked()
		r.mu.Unlock()
		if err := <-changed; err != nil {
			t.Fatal(err)
		}
	}
}

// TestPresenceGoesInGroups opens and closes the sockets of many connections at once, and has as many make requests: no
// call of the Store is about more than a group of them.
func TestPresenceGoesInGroups(t *testing.T) {
	const number = 3*presenceGroup + 1
	store := &boundsStore{attached: make(map[string]bool)}
	s := NewService(Config{Store: store, Bus: &boundsBus{}})
	defer s.endBackground()
	attachments := make([]*Attachment, number)
	for i := range attachments {
		attachments[i] = &Attachment{service: s}
		if _, err := s.presence.add(attachments[i], fmt.Sprint("c", i), 1, time.Time{}, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	for s.presence.write(s) {
	}
	if len(store.attached) != number || store.largest != presenceGroup {
		t.Errorf("%d of %d are attached, at most %d at once", len(store.attached), number, store.largest)
	}
	for _, a := range attachments {
		a.Detach()
	}
	for s.presence.write(s) {
	}
	if len(store.attached) != 0 || s.presence.attached() != 0 || store.largest != presenceGroup {
		t.Errorf("%d are still attached, at most %d at once", len(store.attached), store.largest)
	}
	for i := range number {
		s.presence.touch(fmt.Sprint("c", i))
	}
	if err := s.flushTouched(t.Context()); err != nil || store.touched != number || store.largest != presenceGroup {
		t.Errorf("%d of %d are touched, at most %d at once, %v", store.touched, number, store.largest, err)
	}
}

// TestLostAllTheTime has a bus that loses something all the time: what is open is compared with the Store now and then,
// and not as often as that.
func TestLostAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &boundsStore{}
		bus := &boundsBus{receive: make(chan func(Message), 1), lost: make(chan struct{})}
		s := NewService(Config{Store: store, Bus: bus, Tick: time.Hour})
		r, err := s.openRoom(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		s.rooms.byID["s"] = &roomSlot{room: r}
		store.heads = 0
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			s.look(ctx)
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
		s.endBackground()
		if store.heads == 0 || store.heads > 11 || told != store.heads {
			t.Errorf("%d checks in 10 s", store.heads)
		}
	})
}

// pingStore is a Store whose Ping waits for gate, and whose commits of entries fail with fail.
type pingStore struct {
	Store
	gate  chan struct{}
	pings atomic.Int32
	fail  error
}

func (s *pingStore) Lanes() int { return 1 }

func (s *pingStore) Ping(context.Context) error {
	s.pings.Add(1)
	<-s.gate
	return nil
}

func (s *pingStore) AppendEntries(_ context.Context, entries []NewEntry) []EntryResult {
	results := make([]EntryResult, len(entries))
	for i, e := range entries {
		results[i].Err = s.fail
		if s.fail == nil {
			results[i].Entry = &ChatEntry{SessionID: e.SessionID, Seq: 1}
		}
	}
	return results
}

// TestReadyOfASlowStore: probes of a Store that does not answer are answered in time, all by one question.
func TestReadyOfASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &pingStore{gate: make(chan struct{})}
		s := NewService(Config{Store: store, Bus: &boundsBus{}})
		s.ready.Store(true)
		begun := time.Now()
		for range 2 {
			var probes sync.WaitGroup
			for range 10 {
				probes.Go(func() {
					if err := s.Ready(t.Context()); CodeOf(err) != CodeUnavailable {
						t.Errorf("ready while the store does not answer: %v", err)
					}
				})
			}
			probes.Wait()
		}
		if took := time.Since(begun); took != 2*pingWait || store.pings.Load() != 1 {
			t.Errorf("20 probes took %v and asked %d times", took, store.pings.Load())
		}
		close(store.gate)
		synctest.Wait()
		if err := s.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		s.endBackground()
	})
}

// TestReadyAfterAFailedCommit: a Store that failed a commit is not ready, though a Ping passes, until it takes one or a
// while has gone by.
func TestReadyAfterAFailedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &pingStore{gate: make(chan struct{})}
		close(store.gate)
		s := NewService(Config{Store: store, Bus: &boundsBus{}})
		s.ready.Store(true)
		commit := func(err error) {
			store.fail = err
			s.commitEntries([]NewEntry{{SessionID: "s", Body: "x"}})
		}
		ready := func(want Code) {
			t.Helper()
			if err := s.Ready(t.Context()); CodeOf(err) != want {
				t.Errorf("%v, want %q", err, want)
			}
		}
		ready("")
		commit(Unavailable(context.DeadlineExceeded))
		ready(CodeUnavailable)
		commit(Errorf(CodeBadUserInput, "no"))
		ready(CodeUnavailable)
		commit(nil)
		ready("")
		commit(Unavailable(context.DeadlineExceeded))
		time.Sleep(commitFailure)
		ready("")
		s.endBackground()
	})
}
