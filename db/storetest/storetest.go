// Package storetest is the contract of session.Store as tests: every engine passes it.
//
// Nothing in it sleeps. Leases and idle times are hours, and a Clock moves the database's time past them; the seconds
// that a slow machine spends between two steps decide nothing.
package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"chattok/session"
)

// Clock is how far a store's clock is ahead of the database's. It is safe for concurrent use.
type Clock struct{ offset atomic.Int64 }

// Offset returns the difference.
func (c *Clock) Offset() time.Duration { return time.Duration(c.offset.Load()) }

// Advance moves the clock forward.
func (c *Clock) Advance(by time.Duration) { c.offset.Add(int64(by)) }

// The durations of the suite's leases. They are so far apart that a minute either way is never in doubt.
const (
	idle   = 10 * time.Hour
	grace  = 2 * time.Hour
	lease  = time.Hour
	minute = time.Minute
)

// Run checks the stores that open makes: each call returns an empty one, whose clock is the database's plus the
// Clock's offset, and which is closed by t.Cleanup.
func Run(t *testing.T, open func(t testing.TB, clock *Clock) session.Store) {
	for _, c := range []struct {
		name string
		test func(s *suite)
	}{
		{"AppendEntries/numbers", testNumbers},
		{"AppendEntries/concurrent", testConcurrentAppends},
		{"AppendEntries/idempotency", testIdempotency},
		{"AppendEntries/one that fails fails alone", testFailsAlone},
		{"AppendEntries/guests", testGuests},
		{"AppendEntries/cancelled", testCancelled},
		{"AppendEntries/large group", testLargeGroup},
		{"Entries/every window", testWindows},
		{"Entries/fields", testEntryFields},
		{"Heads", testHeads},
		{"CreateSession", testCreateSession},
		{"CreateConnections", testCreateConnections},
		{"Connections", testConnections},
		{"DestroyConnection", testDestroyConnection},
		{"Roster", testRoster},
		{"RosterChanges/without a hole", testRosterChanges},
		{"RenewNode", testRenewNode},
		{"Attach", testAttach},
		{"Attach/refused", testAttachRefused},
		{"Detach", testDetach},
		{"Detach/two nodes", testTwoNodes},
		{"Touch", testTouch},
		{"ExtendAll", testExtendAll},
		{"Sweep/idle", testSweepIdle},
		{"Sweep/limit", testSweepLimit},
		{"Sweep/lapsed node", testSweepLapsed},
		{"Sweep/returned node", testSweepReturned},
		{"Sweep/empty sessions", testSweepSessions},
		{"Ping", testPing},
		{"cancelled context", testCancelledContext},
		{"strange texts", testStrangeTexts},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := new(Clock)
			c.test(&suite{TB: t, Store: open(t, clock), clock: clock})
		})
	}
}

// suite is one test's store.
type suite struct {
	testing.TB
	session.Store
	clock *Clock
}

// connect makes live connections of a session, which is made where need be; their ids are the names given.
func (s *suite) connect(sessionID string, ids ...string) []session.ConnectionResult {
	s.Helper()
	var connections []session.NewConnection
	for _, id := range ids {
		connections = append(connections, newConnection(sessionID, id))
	}
	results := s.CreateConnections(s.Context(), connections, idle)
	for _, r := range results {
		s.must(r.Err)
	}
	return results
}

func newConnection(sessionID, id string) session.NewConnection {
	return session.NewConnection{
		ID: id, SessionID: sessionID, Role: session.RolePublisher, MakeSession: true, NewEpoch: session.Epoch(len(sessionID)) << 60,
	}
}

// post appends one entry, which must pass.
func (s *suite) post(sessionID, connectionID, body, key string) session.EntryResult {
	s.Helper()
	r := s.AppendEntries(s.Context(), []session.NewEntry{newEntry(sessionID, connectionID, body, key)})[0]
	s.must(r.Err)
	return r
}

func newEntry(sessionID, connectionID, body, key string) session.NewEntry {
	return session.NewEntry{SessionID: sessionID, ConnectionID: connectionID, Body: body, IdempotencyKey: key}
}

// log returns all of a session's entries.
func (s *suite) log(sessionID string) []*session.ChatEntry {
	s.Helper()
	entries, err := s.Entries(s.Context(), session.EntryQuery{SessionID: sessionID, Limit: 1 << 20})
	s.must(err)
	return entries
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// wantError checks an error's code and reason.
func (s *suite) wantError(what string, err error, code session.Code, reason string) {
	s.Helper()
	e, ok := err.(*session.Error)
	if !ok || e.Code != code || e.Reason != reason {
		s.Fatalf("%s: got error %#v, want code %s and reason %q", what, err, code, reason)
	}
}

// wantLive checks who is in a session, in order.
func (s *suite) wantLive(sessionID string, want ...string) {
	s.Helper()
	roster, err := s.Roster(s.Context(), sessionID)
	s.must(err)
	got := make([]string, 0, len(roster.Connections))
	for _, c := range roster.Connections {
		got = append(got, c.ID)
	}
	wantEqual(s, "the roster", got, append([]string{}, want...))
}

// sweep runs Sweep and returns the ids of those whose time had come.
func (s *suite) sweep() []string {
	s.Helper()
	changes, err := s.Sweep(s.Context(), grace, idle, 1000)
	s.must(err)
	ids := []string{}
	for _, c := range changes {
		if c.Reason != session.NetworkDisconnected {
			s.Fatalf("swept %s with reason %q", c.Connection.ID, c.Reason)
		}
		ids = append(ids, c.Connection.ID)
	}
	return ids
}

// wantEnd checks that a connection is live until its time, a minute less than after, and swept a minute later than that.
func (s *suite) wantEnd(id string, after time.Duration) {
	s.Helper()
	s.clock.Advance(after - minute)
	wantEqual(s, "swept a minute before "+after.String(), s.sweep(), []string{})
	s.clock.Advance(2 * minute)
	wantEqual(s, "swept a minute after "+after.String(), s.sweep(), []string{id})
}
