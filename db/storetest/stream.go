package storetest

import (
	"fmt"
	"sync"

	"chattok/session"
)

// publish publishes a stream, which must succeed.
func (s *suite) publish(id string, publisher *session.Connection) *session.Stream {
	s.Helper()
	change, err := s.store.PublishStream(s.ctx(), newStream(id, publisher), many)
	s.ok(err)
	return change.Stream.Stream
}

func newStream(id string, publisher *session.Connection) session.NewStream {
	return session.NewStream{ID: id, SessionID: publisher.SessionID, ConnectionID: publisher.ID, HasAudio: true, VideoType: session.VideoCamera}
}

// streamsOf returns the ids of a session's streams.
func (s *suite) streamsOf(sessionID string) []string {
	s.Helper()
	roster, err := s.store.Roster(s.ctx(), sessionID)
	s.ok(err)
	ids := []string{}
	for _, stream := range roster.Streams {
		ids = append(ids, stream.ID)
	}
	return ids
}

func pointer[T any](v T) *T { return &v }

func (s *suite) testPublish() {
	made := s.connect("a", "a1", "a2")
	want := &session.Stream{
		ID: "s1", SessionID: "a", Connection: made[1], Name: pointer("it's ?0 \u20ac"), HasAudio: true, HasVideo: true,
		VideoType: session.VideoScreen, Width: pointer(int64(1920)), Height: pointer(int64(1080)),
	}
	change, err := s.store.PublishStream(s.ctx(), session.NewStream{ID: "s1", SessionID: "a", ConnectionID: "a2", Name: want.Name,
		HasAudio: true, HasVideo: true, VideoType: session.VideoScreen, Width: want.Width, Height: want.Height}, many)
	s.ok(err)
	want.CreatedAt = change.Stream.Stream.CreatedAt
	if want.CreatedAt.Before(made[1].CreatedAt) {
		s.Errorf("published at %v, before its connection was made at %v", want.CreatedAt, made[1].CreatedAt)
	}
	equal(s, "change", change, session.RosterChange{
		SessionID: "a", Revision: 3, Stream: &session.StreamChange{Kind: session.StreamPublished, Stream: want},
	})
	read, err := s.store.Stream(s.ctx(), "s1")
	s.ok(err)
	equal(s, "read", read, want)
	bare := s.publish("s0", made[0])
	equal(s, "bare", bare, &session.Stream{ID: "s0", SessionID: "a", Connection: made[0], HasAudio: true,
		VideoType: session.VideoCamera, CreatedAt: bare.CreatedAt})
	s.publish("other", s.connect("b", "b1")[0])
	roster, err := s.store.Roster(s.ctx(), "a")
	s.ok(err)
	equal(s, "roster", roster, session.Roster{Revision: 4, Connections: made, Streams: []*session.Stream{want, bare}})
	equal(s, "last numbers", s.lastSeqs("a"), session.LastSeqs{Revision: 4})
}

func (s *suite) testPublishRefused() {
	made := s.connect("a", "a1", "gone")
	elsewhere := s.connect("b", "b1")[0]
	_, err := s.store.DestroyConnection(s.ctx(), "gone", "", session.ClientDisconnected)
	s.ok(err)
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "guest", Guest: true, Body: "x"})
	before := s.lastSeqs("a")
	for name, id := range map[string]string{"ended": "gone", "guest": "guest", "unknown": "nope", "unstorable": "nul\x00", "elsewhere": "b1"} {
		_, err := s.store.PublishStream(s.ctx(), session.NewStream{ID: "s", SessionID: "a", ConnectionID: id, VideoType: session.VideoCamera}, many)
		s.fails(name, err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	}
	_, err = s.store.PublishStream(s.ctx(), session.NewStream{ID: "s", SessionID: "nope", ConnectionID: "a1"}, many)
	s.fails("no session", err, session.CodeNotFound, "")

	for i := range 3 {
		_, err := s.store.PublishStream(s.ctx(), newStream(fmt.Sprint("s", i), made[0]), 3)
		s.ok(err)
	}
	_, err = s.store.PublishStream(s.ctx(), newStream("s3", made[0]), 3)
	s.fails("one too many", err, session.CodeRateLimited, session.ReasonTooManyStreams)
	_, err = s.store.PublishStream(s.ctx(), newStream("t", elsewhere), 3) // each connection has a limit of its own
	s.ok(err)
	_, err = s.store.DestroyStream(s.ctx(), "s1", "", session.ClientDisconnected)
	s.ok(err)
	_, err = s.store.PublishStream(s.ctx(), newStream("s4", made[0]), 3)
	s.ok(err)
	equal(s, "streams", s.streamsOf("a"), []string{"s0", "s2", "s4"})
	equal(s, "last numbers", s.lastSeqs("a"), session.LastSeqs{Seq: before.Seq, Place: before.Place, Revision: before.Revision + 5})
}

func (s *suite) testUpdateStream() {
	publisher := s.connect("a", "a1")[0]
	stream := *s.publish("s", publisher)
	steps := []session.StreamUpdate{
		{Name: pointer("named")}, {HasAudio: pointer(false)}, {HasVideo: pointer(true)}, {VideoType: pointer(session.VideoCustom)},
		{Width: pointer(int64(640)), Height: pointer(int64(480))}, {Name: pointer("")},
	}
	for i, u := range steps {
		stream = *u.Apply(stream)
		want := session.RosterChange{
			SessionID: "a", Revision: int64(3 + i), Stream: &session.StreamChange{Kind: session.StreamChanged, Stream: &stream},
		}
		for _, changes := range []bool{true, false} { // the second time nothing is stored
			change, changed, err := s.store.UpdateStream(s.ctx(), "s", u, 0)
			s.ok(err)
			equal(s, "changed", changed, changes)
			equal(s, "change", change, want)
			read, err := s.store.Stream(s.ctx(), "s")
			s.ok(err)
			equal(s, "read", read, &stream)
			want.Revision = 0
		}
	}
	equal(s, "last numbers", s.lastSeqs("a"), session.LastSeqs{Revision: int64(2 + len(steps))})
	s.streamUnknown("nope", "", "nul\x00", "S")
}

// streamUnknown checks that none of these ids is a stream's.
func (s *suite) streamUnknown(ids ...string) {
	s.Helper()
	for _, id := range ids {
		_, err := s.store.Stream(s.ctx(), id)
		s.fails("read "+id, err, session.CodeNotFound, "")
		_, _, err = s.store.UpdateStream(s.ctx(), id, session.StreamUpdate{HasAudio: pointer(true)}, 0)
		s.fails("update "+id, err, session.CodeNotFound, "")
		_, err = s.store.DestroyStream(s.ctx(), id, "", session.ForceUnpublished)
		s.fails("destroy "+id, err, session.CodeNotFound, "")
	}
}

func (s *suite) testDestroyStream() {
	publisher := s.connect("a", "a1")[0]
	for i, reason := range []session.DisconnectReason{session.ClientDisconnected, session.ForceUnpublished} {
		stream := s.publish("s", publisher) // an id is free again after the end of its stream
		change, err := s.store.DestroyStream(s.ctx(), "s", "", reason)
		s.ok(err)
		equal(s, "change", change, session.RosterChange{
			SessionID: "a", Revision: int64(3 + 2*i), Stream: &session.StreamChange{Kind: session.StreamEnded, Stream: stream, Reason: reason},
		})
		s.streamUnknown("s")
	}
	equal(s, "streams", s.streamsOf("a"), []string{})
}

// Streams end with their connection, in the connection's own change, however it ends.
func (s *suite) testStreamsEndWithConnection() {
	made := s.connect("a", "a1", "a2", "idle")
	s.publish("s1", made[0])
	kept := s.publish("s2", made[1])
	s.publish("s3", made[0])
	s.publish("s4", made[2])
	change, err := s.store.DestroyConnection(s.ctx(), "a1", "", session.ForceDisconnected)
	s.ok(err)
	equal(s, "change", change, session.RosterChange{SessionID: "a", Revision: 8, Connection: made[0], Reason: session.ForceDisconnected})
	equal(s, "streams", s.streamsOf("a"), []string{"s2", "s4"})
	s.renew("n", false)
	s.attach("n", "a2")
	for range 2 * idle / lease * 2 {
		s.clock.Advance(lease / 2)
		s.renew("n", true)
	}
	s.sweeps("idle")
	equal(s, "streams", s.streamsOf("a"), []string{"s2"})
	s.streamUnknown("s1", "s3", "s4")
	_, _, err = s.store.UpdateStream(s.ctx(), kept.ID, session.StreamUpdate{HasAudio: pointer(false)}, 0)
	s.ok(err)
	equal(s, "last numbers", s.lastSeqs("a"), session.LastSeqs{Revision: 10})
}

func (s *suite) testMuteStreams() {
	made := append(s.connect("a", "a1", "a2"), s.connectRole("a", session.RoleModerator, "mod")...)
	elsewhere := s.connect("b", "b1")[0]
	for i, id := range []string{"s1", "s2", "s3"} {
		s.publish(id, made[i])
	}
	s.publish("t1", elsewhere)
	audio := func() map[string]bool {
		on := map[string]bool{}
		for _, sessionID := range []string{"a", "b"} {
			roster, err := s.store.Roster(s.ctx(), sessionID)
			s.ok(err)
			for _, stream := range roster.Streams {
				on[stream.ID] = stream.HasAudio
			}
		}
		return on
	}
	one := session.Mute{SessionID: "a", ModeratorID: "mod", StreamID: "s2"}
	for i := range 2 { // the second time its audio is off already, and the change is made all the same
		change, muted, err := s.store.MuteStreams(s.ctx(), one)
		s.ok(err)
		equal(s, "muted", len(muted), 1)
		equal(s, "change", change, session.RosterChange{SessionID: "a", Revision: int64(7 + i),
			Stream: &session.StreamChange{Kind: session.StreamsMuted, Stream: muted[0], Moderator: made[2]}})
		equal(s, "stream", muted[0].ID, "s2")
		equal(s, "audio", audio(), map[string]bool{"s1": true, "s2": false, "s3": true, "t1": true})
	}
	except := []string{"s1", "nope", "t1"}
	change, muted, err := s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: "mod", Except: except})
	s.ok(err)
	equal(s, "change", change, session.RosterChange{SessionID: "a", Revision: 9,
		Stream: &session.StreamChange{Kind: session.StreamsMuted, Except: except, Moderator: made[2]}})
	equal(s, "muted", []string{muted[0].ID, muted[1].ID}, []string{"s2", "s3"})
	equal(s, "audio", audio(), map[string]bool{"s1": true, "s2": false, "s3": false, "t1": true})
	_, muted, err = s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: "mod"})
	s.ok(err)
	equal(s, "muted", len(muted), 3)
	equal(s, "audio", audio(), map[string]bool{"s1": false, "s2": false, "s3": false, "t1": true})

	for _, id := range []string{"nope", "t1", "nul\x00"} {
		_, _, err = s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: "mod", StreamID: id})
		s.fails("mute "+id, err, session.CodeNotFound, "")
	}
	_, _, err = s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "nope", ModeratorID: "mod"})
	s.fails("no session", err, session.CodeNotFound, "")
	for _, id := range []string{"nope", "b1"} {
		_, _, err = s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: id})
		s.fails("moderator "+id, err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	}
	equal(s, "last numbers", s.lastSeqs("a"), session.LastSeqs{Revision: 10})
}

// Changes of streams and connections have one sequence of revisions, which can be read from any revision and is purged
// as one.
func (s *suite) testStreamChanges() {
	var want []session.RosterChange
	made := append(s.connect("a", "a1"), s.connectRole("a", session.RoleModerator, "a2")...)
	for i, c := range made {
		want = append(want, session.RosterChange{SessionID: "a", Revision: int64(i) + 1, Connection: c})
	}
	took := func(change session.RosterChange, err error) {
		s.Helper()
		s.ok(err)
		want = append(want, change)
	}
	took(s.store.PublishStream(s.ctx(), newStream("s1", made[0]), many))
	took(s.store.PublishStream(s.ctx(), newStream("s2", made[1]), many))
	updated, _, err := s.store.UpdateStream(s.ctx(), "s1", session.StreamUpdate{Name: pointer("n"), Width: pointer(int64(3))}, 0)
	took(updated, err)
	muted, _, err := s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: "a2", StreamID: "s1"})
	took(muted, err)
	muted, _, err = s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: "a2", Except: []string{"s2"}})
	took(muted, err)
	took(s.store.DestroyStream(s.ctx(), "s1", "", session.ForceUnpublished))
	took(s.store.DestroyConnection(s.ctx(), "a2", "", session.ClientDisconnected)) // its stream s2 ends with it
	for after := range len(want) + 1 {
		for limit := range len(want) + 2 {
			got, err := s.store.RosterChanges(s.ctx(), "a", int64(after), limit)
			s.ok(err)
			part := want[after:min(after+limit, len(want))]
			equal(s, fmt.Sprintf("%d changes after %d", limit, after), append([]session.RosterChange{}, got...), append([]session.RosterChange{}, part...))
		}
	}
	s.clock.Advance(session.FeedKept + 2*bit) // longer than ended connections are kept
	s.sweeps("a1")
	got, err := s.store.RosterChanges(s.ctx(), "a", 2, many)
	s.ok(err)
	equal(s, "changes after the purge", len(got), 0)
}

// Concurrent changes are numbered without a hole, and no connection gets more streams than the limit.
func (s *suite) testStreamsConcurrently() {
	const turns, limit = 8, 2
	made := s.connect("a", "a1", "a2", "a3")
	var wg sync.WaitGroup
	for _, publisher := range made {
		for worker := range 3 {
			wg.Go(func() {
				for i := range turns {
					id := fmt.Sprintf("%s-%d-%d", publisher.ID, worker, i)
					_, err := s.store.PublishStream(s.ctx(), newStream(id, publisher), limit)
					if session.CodeOf(err) == session.CodeRateLimited {
						continue
					}
					if err != nil {
						s.Error(err)
						return
					}
					if _, err := s.store.DestroyStream(s.ctx(), id, "", session.ClientDisconnected); err != nil {
						s.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	head := s.lastSeqs("a").Revision
	changes, err := s.store.RosterChanges(s.ctx(), "a", 0, many)
	s.ok(err)
	equal(s, "changes", int64(len(changes)), head)
	there, most := map[string]int{}, 0
	for i, c := range changes {
		equal(s, "revision", c.Revision, int64(i)+1)
		switch {
		case c.Stream == nil:
		case c.Stream.Kind == session.StreamPublished:
			there[c.Stream.Stream.Connection.ID]++
			most = max(most, there[c.Stream.Stream.Connection.ID])
		default:
			there[c.Stream.Stream.Connection.ID]--
		}
	}
	if most > limit {
		s.Errorf("%d streams of one connection at once, over the limit of %d", most, limit)
	}
	equal(s, "left", s.streamsOf("a"), []string{})
}
