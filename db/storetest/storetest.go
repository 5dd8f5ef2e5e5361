// Package storetest is the suite that every implementation of session.Store must pass. It waits for nothing: time moves
// by the Clock alone, in steps of hours, so that the seconds that a slow machine takes never matter.
package storetest

import (
	"context"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chattok/session"
)

// Clock is added to the database's clock. It is safe for concurrent use.
type Clock struct{ offset atomic.Int64 }

// Offset returns how far the clock was moved in all.
func (c *Clock) Offset() time.Duration { return time.Duration(c.offset.Load()) }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }

// The durations of the suite.
const (
	grace = 10 * time.Hour
	idle  = 100 * time.Hour
	lease = 30 * time.Hour
	bit   = time.Hour // far less than any of them
)

// many is a limit that is never reached.
const many = 1000

// Run runs the suite. open opens a store on a new and empty database, adds the clock to the database's, and closes the
// store when the test ends.
func Run(t *testing.T, open func(t testing.TB, clock *Clock) session.Store) {
	for name, test := range map[string]func(*suite){
		"Sessions":               (*suite).testSessions,
		"SessionUnknown":         (*suite).testSessionUnknown,
		"SessionTakenOver":       (*suite).testSessionTakenOver,
		"LastSeqs":               (*suite).testLastSeqs,
		"Ping":                   (*suite).testPing,
		"Append":                 (*suite).testAppend,
		"AppendFailsAlone":       (*suite).testAppendFailsAlone,
		"AppendSizes":            (*suite).testAppendSizes,
		"AppendBytes":            (*suite).testAppendBytes,
		"AppendConcurrently":     (*suite).testAppendConcurrently,
		"AppendCancelled":        (*suite).testAppendCancelled,
		"Idempotency":            (*suite).testIdempotency,
		"IdempotencyInBatch":     (*suite).testIdempotencyInBatch,
		"PostedBody":             (*suite).testPostedBody,
		"StoredEntry":            (*suite).testStoredEntry,
		"StoredChange":           (*suite).testStoredChange,
		"Guests":                 (*suite).testGuests,
		"GuestNameRefused":       (*suite).testGuestNameRefused,
		"GuestReplay":            (*suite).testGuestReplay,
		"Entries":                (*suite).testEntries,
		"EntriesTied":            (*suite).testEntriesTied,
		"EntriesUnknown":         (*suite).testEntriesUnknown,
		"Edit":                   (*suite).testEdit,
		"Delete":                 (*suite).testDelete,
		"ChangesTogether":        (*suite).testChangesTogether,
		"Reactions":              (*suite).testReactions,
		"ReactionPause":          (*suite).testReactionPause,
		"ChangeKeys":             (*suite).testChangeKeys,
		"KeysOfUsers":            (*suite).testKeysOfUsers,
		"Replies":                (*suite).testReplies,
		"QuotaOfChanges":         (*suite).testQuotaOfChanges,
		"DeleteEntries":          (*suite).testDeleteEntries,
		"LogEvents":              (*suite).testLogEvents,
		"LogEventsAtRandom":      (*suite).testLogEventsAtRandom,
		"LogEventsWhileChanging": (*suite).testLogEventsWhileChanging,
		"LogEventsOfOneState":    (*suite).testLogEventsOfOneState,
		"ChangeConcurrently":     (*suite).testChangeConcurrently,
		"CreateConnections":      (*suite).testCreateConnections,
		"CreateFailsAlone":       (*suite).testCreateFailsAlone,
		"SetConnectionData":      (*suite).testSetConnectionData,
		"Destroy":                (*suite).testDestroy,
		"Roster":                 (*suite).testRoster,
		"RosterChanges":          (*suite).testRosterChanges,
		"RosterConcurrently":     (*suite).testRosterConcurrently,
		"SessionQuota":           (*suite).testSessionQuota,
		"QuotaOfData":            (*suite).testQuotaOfData,
		"QuotaOfStreams":         (*suite).testQuotaOfStreams,
		"QuotaOfReactions":       (*suite).testQuotaOfReactions,
		"QuotaOfLongIDs":         (*suite).testQuotaOfLongIDs,
		"Holders":                (*suite).testHolders,
		"ListConnections":        (*suite).testListConnections,
		"ListSessions":           (*suite).testListSessions,
		"ListSessionsOfUser":     (*suite).testListSessionsOfUser,
		"ListSessionsChanging":   (*suite).testListSessionsWhileChanging,
		"Summaries":              (*suite).testSummaries,
		"Publish":                (*suite).testPublish,
		"PublishRefused":         (*suite).testPublishRefused,
		"UpdateStream":           (*suite).testUpdateStream,
		"DestroyStream":          (*suite).testDestroyStream,
		"StreamsEnd":             (*suite).testStreamsEndWithConnection,
		"MuteStreams":            (*suite).testMuteStreams,
		"MuteStays":              (*suite).testMuteStays,
		"TakeTokens":             (*suite).testTakeTokens,
		"StreamChanges":          (*suite).testStreamChanges,
		"StreamsConcurrently":    (*suite).testStreamsConcurrently,
		"RenewNode":              (*suite).testRenewNode,
		"Nodes":                  (*suite).testNodes,
		"Attach":                 (*suite).testAttach,
		"Detach":                 (*suite).testDetach,
		"DetachFromOneOfTwo":     (*suite).testDetachFromOneOfTwo,
		"DetachBesideDeadNode":   (*suite).testDetachBesideDeadNode,
		"Touch":                  (*suite).testTouch,
		"NodeLost":               (*suite).testNodeLost,
		"NodeLostAndTouched":     (*suite).testNodeLostAndTouched,
		"NodeReturns":            (*suite).testNodeReturns,
		"BanUser":                (*suite).testBanUser,
		"BanAddress":             (*suite).testBanAddress,
		"BanRefused":             (*suite).testBanRefused,
		"BanKept":                (*suite).testBanKept,
		"BanGuest":               (*suite).testBanGuest,
		"ReadMarks":              (*suite).testReadMarks,
		"SlowMode":               (*suite).testSlowMode,
		"SlowModeConcurrently":   (*suite).testSlowModeConcurrently,
		"UpdateSession":          (*suite).testUpdateSession,
		"ReadOnly":               (*suite).testReadOnly,
		"SessionSizes":           (*suite).testSessionSizes,
		"DeleteSession":          (*suite).testDeleteSession,
		"DeleteSessionAtOnce":    (*suite).testDeleteSessionAtOnce,
		"SetRole":                (*suite).testSetRole,
		"SetRoleRefused":         (*suite).testSetRoleRefused,
		"SetRoleAtOnce":          (*suite).testSetRoleAtOnce,
		"ServerConnection":       (*suite).testServerConnection,
		"NamedLease":             (*suite).testNamedLease,
		"SequenceNeedsLease":     (*suite).testSequenceNeedsLease,
		"Feed":                   (*suite).testFeed,
		"FeedAtRandom":           (*suite).testFeedAtRandom,
		"FeedLongLog":            (*suite).testFeedLongLog,
		"FeedOfGoneSession":      (*suite).testFeedOfGoneSession,
		"FeedPurged":             (*suite).testFeedPurged,
		"FeedFromBefore":         (*suite).testFeedFromBefore,
		"Webhooks":               (*suite).testWebhooks,
		"WebhookProgress":        (*suite).testWebhookProgress,
		"WebhookLimit":           (*suite).testWebhookLimit,
		"ServiceConnections":     (*suite).testServiceConnections,
		"ServiceConcurrently":    (*suite).testServiceConnectionConcurrently,
		"ServiceEntries":         (*suite).testServiceEntries,
		"ServiceBanned":          (*suite).testServiceBanned,
		"Retention":              (*suite).testRetention,
		"RetentionAtRandom":      (*suite).testRetentionAtRandom,
		"RetentionOnce":          (*suite).testRetentionOnce,
		"RetentionOfMany":        (*suite).testRetentionOfMany,
		"RetentionAhead":         (*suite).testRetentionAhead,
		"RetentionOfSenders":     (*suite).testRetentionOfSenders,
		"RetentionFeed":          (*suite).testRetentionFeed,
		"RetentionWhileReading":  (*suite).testRetentionWhileReading,
		"SweepIdle":              (*suite).testSweepIdle,
		"SweepLimit":             (*suite).testSweepLimit,
		"SweepAfterAbsence":      (*suite).testSweepOfANodeThatWasAway,
		"SweepSessions":          (*suite).testSweepSessions,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := new(Clock)
			test(&suite{T: t, clock: clock, store: open(t, clock)})
		})
	}
}

// suite is one test with its store.
type suite struct {
	*testing.T
	clock *Clock
	store session.Store
}

func (s *suite) ctx() context.Context { return s.Context() }

func equal[T any](s *suite, what string, got, want T) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Fatalf("%s:\n got %s\nwant %s", what, show(got), show(want))
	}
}

// ok fails the test where err is not nil.
func (s *suite) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// fails checks the code and the reason of err, and that its message reveals nothing internal.
func (s *suite) fails(what string, err error, code session.Code, reason string) {
	s.Helper()
	e, isError := err.(*session.Error)
	if !isError {
		s.Fatalf("%s: error is %T %v, want a *session.Error with %s", what, err, err, code)
	}
	if e.Code != code || e.Reason != reason {
		s.Fatalf("%s: error is %s %q (%v), want %s %q", what, e.Code, e.Reason, e, code, reason)
	}
	for _, word := range []string{"sql", "constraint", "lock", "database", "disk"} {
		if e.Message == "" || strings.Contains(strings.ToLower(e.Message), word) {
			s.Fatalf("%s: message %q is not for a client", what, e.Message)
		}
	}
}

// connect creates connections in a session, and the session where it does not exist.
func (s *suite) connect(sessionID string, ids ...string) []*session.Connection {
	s.Helper()
	return s.connectRole(sessionID, session.RolePublisher, ids...)
}

// connectRole is connect for connections of any role.
func (s *suite) connectRole(sessionID string, role session.Role, ids ...string) []*session.Connection {
	s.Helper()
	wanted := make([]session.NewConnection, len(ids))
	for i, id := range ids {
		wanted[i] = session.NewConnection{
			ID: id, SessionID: sessionID, Role: role, MakeSession: true, NewEpoch: 7, TokenPresented: true,
		}
	}
	made := make([]*session.Connection, len(ids))
	for i, r := range s.store.CreateConnections(s.ctx(), wanted, idle) {
		s.ok(r.Err)
		made[i] = r.Change.Connection
	}
	return made
}

// add appends one entry, which must succeed.
func (s *suite) add(e session.NewEntry) *session.ChatEntry {
	s.Helper()
	r := s.store.AppendEntries(s.ctx(), []session.NewEntry{e})
	s.ok(r[0].Err)
	return r[0].Entry
}

// all returns the whole log of a session.
func (s *suite) all(sessionID string) []*session.ChatEntry {
	s.Helper()
	entries, err := s.store.Entries(s.ctx(), session.EntryQuery{SessionID: sessionID, Epoch: 7, Limit: 100_000})
	s.ok(err)
	return entries
}

// lastSeqs returns the latest numbers of a session.
func (s *suite) lastSeqs(sessionID string) session.LastSeqs {
	s.Helper()
	last, err := s.store.LastSeqs(s.ctx(), []string{sessionID})
	s.ok(err)
	return session.LastSeqs{Seq: last[sessionID].Seq, Place: last[sessionID].Place, Revision: last[sessionID].Revision, Front: last[sessionID].Front}
}

// lastPlace returns the place of the newest event of a session's log.
func (s *suite) lastPlace(sessionID string) int64 {
	s.Helper()
	return s.lastSeqs(sessionID).Place
}

// present returns the ids in a session's roster.
func (s *suite) present(sessionID string) []string {
	s.Helper()
	roster, err := s.store.Roster(s.ctx(), sessionID)
	s.ok(err)
	ids := make([]string, len(roster.Connections))
	for i, c := range roster.Connections {
		ids[i] = c.ID
	}
	return ids
}

// sweeps sweeps, and checks which connections the sweep ends.
func (s *suite) sweeps(want ...string) []session.RosterChange {
	s.Helper()
	changes, err := s.store.Sweep(s.ctx(), "", grace, idle, many)
	s.ok(err)
	var got []string
	for _, c := range changes {
		if c.Reason != session.NetworkDisconnected {
			s.Fatalf("swept %s with reason %q", c.Connection.ID, c.Reason)
		}
		got = append(got, c.Connection.ID)
	}
	equal(s, "swept", got, want)
	return changes
}

func (s *suite) renew(node string, held bool) {
	s.Helper()
	got, err := s.store.RenewNode(s.ctx(), node, lease, session.NodeReport{})
	s.ok(err)
	equal(s, "lease of "+node+" held", got, held)
}

func (s *suite) attach(node string, ids ...string) {
	s.Helper()
	refused, err := s.store.Attach(s.ctx(), node, ids)
	s.ok(err)
	equal(s, "refused", len(refused), 0)
}
