package storetest

import (
	"fmt"

	"chattok/session"
)

func (s *suite) testSweepIdle() {
	made := s.connect("a", "a1")
	s.clock.Advance(idle - bit)
	s.sweeps()
	s.clock.Advance(2 * bit)
	changes := s.sweeps("a1")
	equal(s, "change", changes[0], session.RosterChange{
		SessionID: "a", Revision: 2, Connection: made[0], Reason: session.NetworkDisconnected,
	})
	s.sweeps()
	states, err := s.store.Connections(s.ctx(), []string{"a1"})
	s.ok(err)
	equal(s, "state", states["a1"], session.ConnectionState{Connection: made[0], Destroyed: true})
	r := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: "late"}})
	s.fails("append", r[0].Err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
}

// testSweepOfANodeThatWasAway lets the only node stand still past its lease, as a suspended machine does: the node must
// not end the connections that were attached to it before it has renewed its lease.
func (s *suite) testSweepOfANodeThatWasAway() {
	s.connect("a", "a1")
	_, err := s.store.RenewNode(s.ctx(), "n", grace, session.NodeReport{})
	s.ok(err)
	refused, err := s.store.Attach(s.ctx(), "n", []string{"a1"})
	s.ok(err)
	equal(s, "refused", len(refused), 0)
	s.clock.Advance(10 * (grace + idle))
	_, err = s.store.Sweep(s.ctx(), "n", grace, idle, many)
	s.fails("sweep", err, session.CodeUnavailable, "")
	held, err := s.store.RenewNode(s.ctx(), "n", 100*grace, session.NodeReport{})
	s.ok(err)
	equal(s, "held", held, false)
	s.attach("n", "a1")
	changes, err := s.store.Sweep(s.ctx(), "n", grace, idle, many)
	s.ok(err)
	equal(s, "swept", len(changes), 0)
}

func (s *suite) testSweepLimit() {
	for i := range 5 {
		s.connect(fmt.Sprintf("s%d", i%2), fmt.Sprintf("c%d", i))
	}
	s.clock.Advance(idle + bit)
	ended := map[string]bool{}
	for _, want := range []int{2, 2, 1, 0} {
		changes, err := s.store.Sweep(s.ctx(), "", grace, idle, 2)
		s.ok(err)
		equal(s, "swept", len(changes), want)
		for _, c := range changes {
			ended[c.Connection.ID] = true
		}
	}
	equal(s, "ended", len(ended), 5)
	for id, made := range map[string]int64{"s0": 3, "s1": 2} {
		equal(s, "last numbers of "+id, s.lastSeqs(id), session.LastSeqs{Revision: 2 * made})
		changes, err := s.store.RosterChanges(s.ctx(), id, made, many)
		s.ok(err)
		equal(s, "changes of "+id, len(changes), int(made))
	}
}

func (s *suite) testSweepSessions() {
	_, err := s.store.CreateSession(s.ctx(), session.Session{ID: "asked", Epoch: 1, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.ok(err)
	s.publish("s", s.connect("empty", "e1")[0]) // changes of streams don't keep it either
	s.connect("written", "w1")
	s.connect("held", "h1")
	s.add(session.NewEntry{SessionID: "written", ConnectionID: "w1", Body: "x"})
	s.renew("n1", false)
	s.attach("n1", "h1")
	for _, id := range []string{"e1", "w1"} {
		_, err := s.store.DestroyConnection(s.ctx(), id, "", session.ClientDisconnected)
		s.ok(err)
	}
	there := func(want map[string]bool) {
		s.Helper()
		for id, want := range want {
			_, err := s.store.Session(s.ctx(), id)
			if want {
				s.ok(err)
			} else {
				s.fails(id, err, session.CodeNotFound, "")
			}
		}
	}
	for range 4 {
		s.clock.Advance((idle - bit) / 4)
		s.renew("n1", true)
	}
	s.connect("young", "y1")
	_, err = s.store.DestroyConnection(s.ctx(), "y1", "", session.ClientDisconnected)
	s.ok(err)
	s.sweeps()
	there(map[string]bool{"empty": true, "written": true, "held": true, "young": true, "asked": true, session.Lobby: true})
	s.clock.Advance(2 * bit)
	s.renew("n1", true)
	s.sweeps()
	there(map[string]bool{"empty": false, "written": true, "held": true, "young": true, "asked": true, session.Lobby: true})
	last, err := s.store.LastSeqs(s.ctx(), []string{"empty"})
	s.ok(err)
	equal(s, "last numbers of a removed session", len(last), 0)

	// Its id is free again.
	r := s.store.CreateConnections(s.ctx(), []session.NewConnection{
		{ID: "e2", SessionID: "empty", Role: session.RolePublisher, MakeSession: true, NewEpoch: 99},
	}, idle)
	s.ok(r[0].Err)
	equal(s, "epoch", r[0].Session.Epoch, 99)
}
