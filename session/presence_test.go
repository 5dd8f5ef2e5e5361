package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// presenceStore is a Store that notes what it is told of attachments. during, where set, is called once within the next call,
// and its error is the call's.
type presenceStore struct {
	Store
	told    []string
	refused map[string]error
	during  func() error
}

func (s *presenceStore) ParallelCommits() int { return 1 }

func (s *presenceStore) Attach(_ context.Context, _ string, ids []string) (map[string]error, error) {
	return s.refused, s.tell("attach", ids)
}

func (s *presenceStore) Detach(_ context.Context, _ string, ids []string, _ time.Duration) error {
	return s.tell("detach", ids)
}

func (s *presenceStore) tell(what string, ids []string) error {
	s.told = append(s.told, fmt.Sprint(what, " ", ids))
	if during := s.during; during != nil {
		s.during = nil
		return during()
	}
	return nil
}

// presenceWorld is the presence of one connection, c, which is written when the test says so.
type presenceWorld struct {
	*testing.T
	store    *presenceStore
	p        *presence
	as       *attachments
	ends     chan *Error // of its sockets
	released int
}

func newPresenceWorld(t *testing.T) *presenceWorld {
	w := &presenceWorld{T: t, store: &presenceStore{}, ends: make(chan *Error, 10)}
	s := NewService(Config{Store: w.store, Bus: &stubBus{}})
	t.Cleanup(s.background.end)
	w.p, w.as = s.presence, s.presence.attachments
	return w
}

// open opens a socket; the channel is answered when the Store has the connection attached.
func (w *presenceWorld) open() (*Attachment, <-chan error) {
	w.Helper()
	a, stored, err := w.as.open(&Connection{ID: "c"}, time.Time{}, func(e *Error) { w.ends <- e }, func() { w.released++ })
	if err != nil {
		w.Fatal(err)
	}
	return a, stored
}

// is checks the state of the connection, whether it is queued, and what the Store was told since the last check.
func (w *presenceWorld) is(state attachState, queued bool, told ...string) {
	w.Helper()
	l := w.as.local["c"]
	if l == nil || l.state != state || (w.as.queued["c"] != nil) != queued || !slices.Equal(w.store.told, told) {
		w.Errorf("the connection is %+v, queued %t, and the store was told %q", l, w.as.queued["c"] != nil, w.store.told)
	}
	w.store.told = nil
}

// answered checks how a socket was answered.
func (w *presenceWorld) answered(stored <-chan error, want error) {
	w.Helper()
	select {
	case err := <-stored:
		if err != want {
			w.Errorf("a socket is answered %v, want %v", err, want)
		}
	default:
		w.Error("a socket is not answered")
	}
}

// waits checks that a socket is not answered yet.
func (w *presenceWorld) waits(stored <-chan error) {
	w.Helper()
	select {
	case err := <-stored:
		w.Errorf("a socket is answered %v, and should wait", err)
	default:
	}
}

// TestPresenceStates walks through the table in the comment of localConnection.
func TestPresenceStates(t *testing.T) {
	down := errors.New("down")

	t.Run("a socket opens, another joins, both close", func(t *testing.T) {
		w := newPresenceWorld(t)
		first, stored := w.open()
		w.is(unattached, true)
		w.waits(stored)
		w.p.write()
		w.is(attached, false, "attach [c]")
		w.answered(stored, nil)
		second, stored := w.open()
		w.is(attached, false)
		w.answered(stored, nil)
		first.Detach()
		first.Detach()
		w.is(attached, false)
		second.Detach()
		w.is(attached, true)
		w.p.write()
		if !slices.Equal(w.store.told, []string{"detach [c]"}) || w.as.count() != 0 || len(w.as.queued) != 0 || w.released != 2 {
			t.Errorf("told %q, %d connections, released %d times", w.store.told, w.as.count(), w.released)
		}
	})
	t.Run("the last closes and one opens before that is written", func(t *testing.T) {
		w := newPresenceWorld(t)
		a, _ := w.open()
		w.p.write()
		w.is(attached, false, "attach [c]")
		a.Detach()
		_, stored := w.open()
		w.is(attached, true)
		w.waits(stored)
		w.p.write()
		w.is(attached, false, "attach [c]")
		w.answered(stored, nil)
	})
	t.Run("one opens while the last one's close is written", func(t *testing.T) {
		w := newPresenceWorld(t)
		a, _ := w.open()
		w.p.write()
		w.is(attached, false, "attach [c]")
		a.Detach()
		var stored <-chan error
		w.store.during = func() error {
			_, stored = w.open()
			w.is(detaching, true, "detach [c]")
			return nil
		}
		w.p.write()
		w.is(unattached, true)
		w.waits(stored)
		w.p.write()
		w.is(attached, false, "attach [c]")
		w.answered(stored, nil)
	})
	t.Run("one opens while the first is written", func(t *testing.T) {
		w := newPresenceWorld(t)
		_, first := w.open()
		var second <-chan error
		w.store.during = func() error {
			_, second = w.open()
			w.is(unattached, true, "attach [c]")
			return nil
		}
		w.p.write()
		w.is(attached, true)
		w.answered(first, nil)
		w.answered(second, nil)
		w.p.write()
		w.is(attached, false, "attach [c]")
	})
	t.Run("the store refuses", func(t *testing.T) {
		w := newPresenceWorld(t)
		a, stored := w.open()
		gone := endedError(ForceDisconnected)
		w.store.refused = map[string]error{"c": gone}
		w.p.write()
		w.is(unattached, false, "attach [c]")
		w.answered(stored, gone)
		if e := <-w.ends; e != gone {
			t.Errorf("the socket is told %v", e)
		}
		a.Detach()
		w.is(unattached, true)
		w.p.write()
		if w.as.count() != 0 || w.released != 1 {
			t.Errorf("%d connections, released %d times", w.as.count(), w.released)
		}
	})
	t.Run("an attach fails", func(t *testing.T) {
		w := newPresenceWorld(t)
		_, stored := w.open()
		w.store.during = func() error { return down }
		if w.p.write() {
			t.Error("write goes on after an error")
		}
		w.is(unattached, true, "attach [c]")
		w.answered(stored, down)
		w.p.write()
		w.is(attached, false, "attach [c]")
	})
	t.Run("a detach fails", func(t *testing.T) {
		w := newPresenceWorld(t)
		a, _ := w.open()
		w.p.write()
		a.Detach()
		w.store.told = nil
		w.store.during = func() error { return down }
		w.p.write()
		w.is(attached, true, "detach [c]")
		_, stored := w.open()
		w.waits(stored)
		w.p.write()
		w.is(attached, false, "attach [c]")
		w.answered(stored, nil)
	})
	t.Run("the node's lease has run out", func(t *testing.T) {
		w := newPresenceWorld(t)
		w.open()
		w.p.write()
		w.is(attached, false, "attach [c]")
		w.as.queueAll()
		w.is(unattached, true)
		_, stored := w.open()
		w.waits(stored)
		w.p.write()
		w.is(attached, false, "attach [c]")
		w.answered(stored, nil)
	})
}

// TestPresenceAfterClose: a socket that opens after close is refused, and its room released.
func TestPresenceAfterClose(t *testing.T) {
	w := newPresenceWorld(t)
	w.as.close()
	if _, _, err := w.as.open(&Connection{ID: "c"}, time.Time{}, nil, func() { w.released++ }); CodeOf(err) != CodeUnavailable || w.released != 1 {
		t.Errorf("%v, released %d times", err, w.released)
	}
}

// TestPresenceGoesInGroups: sockets of many connections that open or close at once, and requests of as many, are told to the
// Store in groups of presenceGroup at most.
func TestPresenceGoesInGroups(t *testing.T) {
	const number = 3*presenceGroup + 1
	store := &stubStore{attached: make(map[string]bool)}
	s := NewService(Config{Store: store, Bus: &stubBus{}})
	defer s.background.end()
	p := s.presence
	attachments := make([]*Attachment, number)
	for i := range attachments {
		a, _, err := p.attachments.open(&Connection{ID: fmt.Sprint("c", i)}, time.Time{}, nil, func() {})
		if err != nil {
			t.Fatal(err)
		}
		attachments[i] = a
	}
	for p.write() {
	}
	if len(store.attached) != number || store.largest != presenceGroup {
		t.Errorf("%d of %d are attached, at most %d at once", len(store.attached), number, store.largest)
	}
	for _, a := range attachments {
		a.Detach()
	}
	for p.write() {
	}
	if len(store.attached) != 0 || p.attachments.count() != 0 || store.largest != presenceGroup {
		t.Errorf("%d are still attached, at most %d at once", len(store.attached), store.largest)
	}
	for i := range number {
		p.touch(fmt.Sprint("c", i))
	}
	if err := p.requests.flush(t.Context()); err != nil || store.touched != number || store.largest != presenceGroup {
		t.Errorf("%d of %d are touched, at most %d at once, %v", store.touched, number, store.largest, err)
	}
}
