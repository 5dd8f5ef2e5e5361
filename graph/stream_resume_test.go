package graph_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Members of one group join at different cursors and leave at random while entries are posted, in a log longer than a
// feed keeps. Each gets every entry once, in order.
func TestMembersComeAndGo(t *testing.T) {
	const members, old, length = 20, 1300, 2000
	w := newWorld(t, options{grace: time.Minute})
	me := w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 0)
	w.post(t, me, old, "old")
	cursors := w.cursors(t, address, me, old)
	var work sync.WaitGroup
	work.Go(func() { w.post(t, me, length-old, "new") })
	for i := range members {
		work.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			// Some begin in the old part, which only the store has, and go on from the last cursor they saw.
			at := 0
			for at < length {
				to := min(at+1+random.IntN(400), length)
				if to > old {
					to = length // the cursors of new entries are not known beforehand
				}
				if err := followFrom(address, me.token, cursors[at], at+1, to, random.IntN(2) == 0); err != nil {
					t.Errorf("member %d: %v", i, err)
					return
				}
				at = to
			}
		})
	}
	work.Wait()
	w.leftNothing(t)
}

// followFrom reads the entries from … to after a cursor and ends by complete, or by closing the connection.
func followFrom(address, raw, cursor string, from, to int, politely bool) error {
	s, err := dialStream(address, raw)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if err := s.subscribe("1", follow, map[string]any{"a": cursor}); err != nil {
		return err
	}
	if err := s.expectSeqs(from, to); err != nil {
		return err
	}
	if politely {
		return s.send(map[string]any{"id": "1", "type": "complete"})
	}
	return nil
}

// cursors returns the cursors of the first n entries, and at index 0 the log's beginning.
func (w *world) cursors(t testing.TB, address string, p person, n int) []string {
	t.Helper()
	s := w.subscribe(t, p.token, `subscription{entryAdded(after:"0"){seq cursor}}`, nil)
	all := []string{"0"}
	for range n {
		all = append(all, next[added](t, s).EntryAdded.Cursor)
	}
	_ = s.Close()
	return all
}

// The last member of a group leaves in the middle of a replay, in every way. Nothing is left of it, its complete is not
// answered by another, and the socket's other subscriptions go on.
func TestLeavingWhileCatchingUp(t *testing.T) {
	const length, rounds = 1200, 60
	w := newWorld(t, options{grace: time.Minute})
	me := w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 0)
	w.post(t, me, length, "x")
	for i := range rounds {
		s := mustDial(t, address, me.token)
		query := fmt.Sprintf(`subscription{entryAdded(after:"0"){seq a%d:body connection{id}}}`, i) // a different selection, so a group of its own
		if err := s.subscribe("1", query, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.expectSeqs(1, 1+i); err != nil {
			t.Fatal(err)
		}
		switch i % 4 {
		case 0:
			_ = s.Close()
		case 1:
			_ = s.Conn.(*net.TCPConn).SetLinger(0)
			_ = s.Close()
		case 2:
			err := errors.Join(s.send(map[string]any{"id": "1", "type": "complete"}), s.subscribe("2", follow, map[string]any{"a": "0"}))
			if err != nil {
				t.Fatal(err)
			}
			m, err := s.read()
			for ; err == nil && m.ID == "1" && m.Type == "next"; m, err = s.read() { // a message that was on its way
			}
			if err != nil || m.ID != "2" {
				t.Fatalf("after complete: %s %v", s.payload, err)
			}
			if err := s.expectSeqs(2, length); err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
		case 3:
			if err := s.send(map[string]any{"type": "garbage"}); err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
		}
	}
	w.leftNothing(t)
}
