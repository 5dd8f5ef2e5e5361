package storetest

import (
	"time"

	"chattok/session"
)

func (s *suite) testRenewNode() {
	s.renew("n1", false)
	s.renew("n1", true)
	s.renew("n2", false)
	s.clock.Advance(lease - bit)
	s.renew("n1", true)
	s.clock.Advance(2 * bit)
	s.renew("n1", true)
	s.renew("n2", false) // its lease ran out
	s.renew("n2", true)
}

// Nodes that hold a lease are told of as they last reported, by id; a node whose lease has run out is not.
func (s *suite) testNodes() {
	report := func(name string, uptime time.Duration, sockets int) {
		s.Helper()
		_, err := s.store.RenewNode(s.ctx(), name, lease, session.NodeReport{Version: "v of " + name, Uptime: uptime, Connections: sockets + 3,
			NodeLoad: session.NodeLoad{Sockets: sockets, HTTPStreams: sockets + 1, Subscriptions: sockets + 2}})
		s.ok(err)
	}
	list := func() []*session.Node {
		s.Helper()
		nodes, err := s.store.Nodes(s.ctx())
		s.ok(err)
		return nodes
	}
	equal(s, "nodes at first", len(list()), 0)
	report("b", bit, 10)
	report("a", 0, 20)
	s.clock.Advance(bit)
	report("b", 2*bit, 30) // the time of its start stays
	nodes := list()
	var names []string
	for _, n := range nodes {
		names = append(names, n.ID)
	}
	equal(s, "nodes", names, []string{"a", "b"})
	b := nodes[1]
	equal(s, "version", *b.Version, "v of b")
	equal(s, "what is open", []int64{*b.Sockets, *b.HTTPStreams, *b.Subscriptions, *b.Connections}, []int64{30, 31, 32, 33})
	equal(s, "time since the start", b.ReportedAt.Sub(*b.StartedAt).Round(bit/10), 2*bit)
	equal(s, "time between reports", b.ReportedAt.Sub(*nodes[0].ReportedAt).Round(bit/10), bit)
	s.clock.Advance(lease - bit/2)
	nodes = list()
	equal(s, "nodes that are left", len(nodes), 1)
	equal(s, "node that is left", nodes[0].ID, "b")
	report("a", time.Hour, 1)
	equal(s, "nodes with one that came back", len(list()), 2)
}

func (s *suite) testAttach() {
	s.connect("a", "a1", "ended")
	s.add(session.NewEntry{SessionID: session.Lobby, ConnectionID: "guest", Guest: true, Body: "hi"})
	_, err := s.store.DestroyConnection(s.ctx(), "ended", "", session.ClientDisconnected)
	s.ok(err)
	s.renew("n1", false)
	refused, err := s.store.Attach(s.ctx(), "n1", []string{"a1", "ended", "unknown", "guest", "nul\x00"})
	s.ok(err)
	equal(s, "refused", len(refused), 4)
	for _, id := range []string{"ended", "unknown", "guest", "nul\x00"} {
		s.fails("attach "+id, refused[id], session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	}
	// The connection lives as long as the lease is renewed, and attaching it again changes nothing.
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
	// A second detachment does not begin the grace time again.
	s.ok(s.store.Detach(s.ctx(), "n1", []string{"goes"}, grace))
	s.clock.Advance(2 * bit)
	s.sweeps("goes")
	s.clock.Advance(grace)
	s.sweeps()
	equal(s, "roster", s.present("a"), []string{"returns", "stays"})
	equal(s, "last numbers", s.lastSeqs("a"), session.LastSeqs{Revision: 4})
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

// A socket on a node whose lease ran out does not keep a connection.
func (s *suite) testDetachBesideDeadNode() {
	s.connect("a", "a1")
	s.renew("dies", false)
	s.attach("dies", "a1")
	s.clock.Advance(bit)
	s.renew("lives", false)
	s.attach("lives", "a1")
	s.clock.Advance(lease - bit/2) // the lease of "dies" has run out, and no sweep has seen it yet
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

	s.clock.Advance(grace - bit) // now "had" has a bit left, and "never" has idle less that
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
	// A touch never brings an end forward.
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

// The connections of a node that is lost have the grace time from the end of its lease, however late the sweep is.
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
	s.sweeps() // releases n1's connections
	s.clock.Advance(grace - 2*bit)
	s.sweeps()
	s.clock.Advance(2 * bit)
	s.sweeps("lost")
	s.clock.Advance(lease + grace)
	s.sweeps("both") // released and ended by one sweep
	equal(s, "last numbers", s.lastSeqs("a"), session.LastSeqs{Revision: 4})
}

// A request after a node was lost counts, though the sweep sees the loss later.
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

// A node that comes back after its lease ran out has nothing attached. Its earlier connections end as if it had not
// come back.
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
