package storetest

import "chattok/session"

func (s *suite) testRenewNode() {
	s.renew("n1", false)
	s.renew("n1", true)
	s.renew("n2", false)
	s.clock.Advance(lease - bit)
	s.renew("n1", true)
	s.clock.Advance(2 * bit)
	s.renew("n1", true)
	s.renew("n2", false) // ran out
	s.renew("n2", true)
}

func (s *suite) testAttach() {
	s.connect("a", "a1", "ended")
	s.add(session.NewEntry{SessionID: session.Lobby, ConnectionID: "guest", Guest: true, Body: "hi"})
	_, err := s.store.DestroyConnection(s.ctx(), "ended", session.ClientDisconnected)
	s.ok(err)
	s.renew("n1", false)
	refused, err := s.store.Attach(s.ctx(), "n1", []string{"a1", "ended", "unknown", "guest", "nul\x00"})
	s.ok(err)
	equal(s, "refused", len(refused), 4)
	for _, id := range []string{"ended", "unknown", "guest", "nul\x00"} {
		s.fails("attach "+id, refused[id], session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	}
	// It lives as long as the lease is renewed, and attaching again changes nothing.
	for range 20 {
		s.clock.Advance(lease - bit)
		s.renew("n1", true)
		s.attach("n1", "a1", "a1")
		s.sweeps()
	}
	equal(s, "roster", s.present("a"), []string{"a1"})
	s.ok(s.store.Detach(s.ctx(), "n1", []string{"a1"}, grace)) // once, however often it was attached
	s.clock.Advance(grace + bit)
	s.sweeps("a1")
	refused, err = s.store.Attach(s.ctx(), "n1", []string{"a1"})
	s.ok(err)
	s.fails("attach after the end", refused["a1"], session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
}

func (s *suite) testDetach() {
	s.connect("a", "goes", "returns", "stays")
	s.renew("n1", false)
	s.attach("n1", "goes", "returns", "stays")
	s.clock.Advance(bit)
	s.ok(s.store.Detach(s.ctx(), "n1", []string{"goes", "returns", "unknown", "nul\x00"}, grace))
	s.clock.Advance(grace - bit)
	s.sweeps()
	s.attach("n1", "returns")
	// A second goodbye does not begin the grace again.
	s.ok(s.store.Detach(s.ctx(), "n1", []string{"goes"}, grace))
	s.clock.Advance(2 * bit)
	s.sweeps("goes")
	s.clock.Advance(grace)
	s.sweeps()
	equal(s, "roster", s.present("a"), []string{"returns", "stays"})
	equal(s, "head", s.head("a"), session.Head{Revision: 4})
}

func (s *suite) testDetachFromOneOfTwo() {
	s.connect("a", "a1")
	s.renew("n1", false)
	s.renew("n2", false)
	s.attach("n1", "a1")
	s.attach("n2", "a1")
	s.ok(s.store.Detach(s.ctx(), "n1", []string{"a1"}, grace))
	s.clock.Advance(grace + bit)
	s.sweeps()
	s.ok(s.store.Detach(s.ctx(), "n2", []string{"a1"}, grace))
	s.clock.Advance(grace - bit)
	s.sweeps()
	s.clock.Advance(2 * bit)
	s.sweeps("a1")
}

// A socket on a node that is gone holds nobody.
func (s *suite) testDetachBesideDeadNode() {
	s.connect("a", "a1")
	s.renew("dies", false)
	s.attach("dies", "a1")
	s.clock.Advance(bit)
	s.renew("lives", false)
	s.attach("lives", "a1")
	s.clock.Advance(lease - bit/2) // "dies" is gone, and not swept yet
	s.ok(s.store.Detach(s.ctx(), "lives", []string{"a1"}, grace))
	s.clock.Advance(grace - bit)
	s.sweeps()
	s.clock.Advance(2 * bit)
	s.sweeps("a1")
}

func (s *suite) testTouch() {
	s.connect("a", "never", "had", "untouched", "open")
	s.renew("n1", false)
	s.attach("n1", "had", "open")
	s.ok(s.store.Detach(s.ctx(), "n1", []string{"had"}, grace))

	s.clock.Advance(grace - bit) // now "had" has a bit left, "never" idle less that
	touch := func() {
		s.ok(s.store.Touch(s.ctx(), []string{"never", "had", "open", "unknown", "nul\x00"}, idle, grace))
	}
	touch()
	s.renew("n1", true)
	s.clock.Advance(grace - bit)
	s.sweeps()
	s.clock.Advance(2 * bit)
	s.renew("n1", true)
	s.sweeps("had") // grace after the touch
	// A touch never shortens: an end that is further away stays.
	s.ok(s.store.Touch(s.ctx(), []string{"never"}, bit, bit))
	for range 8 {
		s.clock.Advance(grace)
		s.renew("n1", true)
	}
	s.clock.Advance(bit)
	s.sweeps("untouched")          // it is 101 h, and idle is 100 h
	s.clock.Advance(grace - 3*bit) // 108 h, and "never" was touched at 9 h
	s.renew("n1", true)
	s.sweeps()
	s.clock.Advance(2 * bit)
	s.sweeps("never")
	equal(s, "roster", s.present("a"), []string{"open"})
}

// A node that is lost gives its connections grace from the end of its lease, however late the sweep is.
func (s *suite) testNodeLost() {
	s.connect("a", "lost", "both")
	s.renew("n1", false)
	s.renew("n2", false)
	s.attach("n1", "lost", "both")
	s.attach("n2", "both")
	s.clock.Advance(lease - bit)
	s.renew("n2", true)
	s.sweeps()
	s.clock.Advance(2 * bit)
	s.sweeps() // takes n1
	s.clock.Advance(grace - 2*bit)
	s.sweeps()
	s.clock.Advance(2 * bit)
	s.sweeps("lost")
	s.clock.Advance(lease + grace)
	s.sweeps("both") // taken and ended by one sweep
	equal(s, "head", s.head("a"), session.Head{Revision: 4})
}

// A request made after the node's loss counts, though the sweep learns of the loss later.
func (s *suite) testNodeLostAndTouched() {
	s.connect("a", "touched", "quiet")
	s.renew("n1", false)
	s.attach("n1", "touched", "quiet")
	s.clock.Advance(lease + 5*bit)
	s.ok(s.store.Touch(s.ctx(), []string{"touched"}, idle, grace))
	s.clock.Advance(grace - 4*bit)
	s.sweeps("quiet")
	s.clock.Advance(3 * bit)
	s.sweeps()
	s.clock.Advance(2 * bit)
	s.sweeps("touched")
}

// A node that comes back after its lease ran out has nothing attached; what it had ends as if it had not come back.
func (s *suite) testNodeReturns() {
	s.connect("a", "again", "gone")
	s.renew("n1", false)
	s.attach("n1", "again", "gone")
	s.clock.Advance(lease + bit)
	s.renew("n1", false)
	s.attach("n1", "again")
	s.sweeps()
	s.clock.Advance(grace - 2*bit)
	s.sweeps()
	s.clock.Advance(2 * bit)
	s.renew("n1", true)
	s.sweeps("gone")
	s.clock.Advance(lease - bit)
	s.sweeps()
	equal(s, "roster", s.present("a"), []string{"again"})
}
