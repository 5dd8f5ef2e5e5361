package session

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"chattok/internal/budget"
)

// told is what a follower knows by a snapshot and the events after it.
type told struct {
	t           *testing.T
	connections map[string]bool
	streams     map[string]string // by id, as describe writes them
	lines       []string          // one for each event
}

func newTold(t *testing.T, state *SessionState) *told {
	w := &told{t: t, connections: map[string]bool{}, streams: map[string]string{}}
	for _, c := range state.Connections {
		w.connections[c.ID] = true
	}
	for _, s := range state.Streams {
		w.streams[s.ID] = describe(s)
	}
	return w
}

func describe(s *Stream) string {
	name := ""
	if s.Name != nil {
		name = *s.Name
	}
	return fmt.Sprintf("%s audio=%t", name, s.HasAudio)
}

// hear applies an event as a client does, and checks that it fits what came before.
func (w *told) hear(e SessionEvent) {
	w.t.Helper()
	line := ""
	switch e := e.(type) {
	case *ConnectionCreated:
		w.comes(e.Connection)
		line = "created " + e.Connection.ID
	case *ConnectionDestroyed:
		w.goes(e.Connection)
		line = string(e.Reason) + " " + e.Connection.ID
	case *ConnectionsChanged:
		for _, c := range e.Created {
			w.comes(c)
		}
		for _, d := range e.Destroyed {
			delete(w.connections, d.Connection.ID)
		}
		line = fmt.Sprintf("connections +%d -%d", len(e.Created), len(e.Destroyed))
	case *StreamCreated:
		w.published(e.Stream)
		line = "published " + e.Stream.ID
	case *StreamUpdated:
		w.updated(e.Stream)
		line = "updated " + e.Stream.ID + " " + describe(e.Stream)
	case *StreamDestroyed:
		w.ended(e.Stream)
		line = string(e.Reason) + " stream " + e.Stream.ID
	case *StreamsChanged:
		for _, s := range e.Created {
			w.published(s)
		}
		for _, s := range e.Updated {
			w.updated(s)
		}
		for _, d := range e.Destroyed {
			w.ended(d.Stream)
		}
		if e.StreamCount != len(w.streams) && !e.Truncated {
			w.t.Errorf("%d streams, but the event says %d", len(w.streams), e.StreamCount)
		}
		line = fmt.Sprintf("streams +%d ~%d -%d", len(e.Created), len(e.Updated), len(e.Destroyed))
	case *MuteForced:
		line = "muted"
		if e.StreamID != nil {
			line += " " + *e.StreamID
		}
		line += " except " + strings.Join(e.Except, ",") + " by " + e.Moderator.ID
	}
	w.lines = append(w.lines, line)
}

func (w *told) comes(c *Connection) {
	if w.connections[c.ID] {
		w.t.Errorf("%s comes twice", c.ID)
	}
	w.connections[c.ID] = true
}

func (w *told) goes(c *Connection) {
	if !w.connections[c.ID] {
		w.t.Errorf("%s goes, but was not there", c.ID)
	}
	delete(w.connections, c.ID)
	for id := range w.streams {
		if strings.HasPrefix(id, c.ID+"/") {
			w.t.Errorf("%s goes before its stream %s", c.ID, id)
		}
	}
}

func (w *told) published(s *Stream) {
	if _, there := w.streams[s.ID]; there || !w.connections[s.Connection.ID] {
		w.t.Errorf("stream %s is published twice, or by nobody", s.ID)
	}
	w.streams[s.ID] = describe(s)
}

func (w *told) updated(s *Stream) {
	if _, there := w.streams[s.ID]; !there {
		w.t.Errorf("stream %s is updated, but was not there", s.ID)
	}
	w.streams[s.ID] = describe(s)
}

func (w *told) ended(s *Stream) {
	if _, there := w.streams[s.ID]; !there {
		w.t.Errorf("stream %s ends, but was not there", s.ID)
	}
	delete(w.streams, s.ID)
}

// writer makes changes as a Store does, one after the other.
type writer struct {
	o        *liveRoster
	revision int64
}

func (w *writer) connection(id string, reason DisconnectReason) {
	w.revision++
	w.o.apply([]RosterChange{change(w.revision, id, reason)})
}

func (w *writer) stream(c StreamChange) {
	w.revision++
	w.o.apply([]RosterChange{{SessionID: "s", Revision: w.revision, Stream: &c}})
}

// streamOf is a stream whose id begins with its connection's.
func streamOf(connectionID string, n int) *Stream {
	return &Stream{ID: fmt.Sprintf("%s/%d", connectionID, n), SessionID: "s", Connection: &Connection{ID: connectionID}, HasAudio: true}
}

func TestRosterStreams(t *testing.T) {
	o := newLiveRoster(budget.New(0), Roster{Revision: 0, Connections: []*Connection{{ID: "mod"}}, Streams: []*Stream{streamOf("mod", 1)}})
	defer o.close()
	state, position := o.snapshot()
	heard := newTold(t, state)
	w := &writer{o: o}
	w.connection("ann", "")
	w.stream(StreamChange{Kind: StreamPublished, Stream: streamOf("ann", 1)})
	w.stream(StreamChange{Kind: StreamPublished, Stream: streamOf("ann", 2)})
	named := *streamOf("ann", 1)
	name := "camera"
	named.Name = &name
	w.stream(StreamChange{Kind: StreamChanged, Stream: &named})
	w.stream(StreamChange{Kind: StreamsMuted, Stream: streamOf("ann", 2), Moderator: &Connection{ID: "mod"}})
	w.stream(StreamChange{Kind: StreamsMuted, Except: []string{"mod/1"}, Moderator: &Connection{ID: "mod"}}) // ann/2 is silent already
	w.stream(StreamChange{Kind: StreamsMuted, Stream: streamOf("nobody", 1), Moderator: &Connection{ID: "mod"}})
	w.stream(StreamChange{Kind: StreamEnded, Stream: streamOf("ann", 2), Reason: ForceUnpublished})
	w.stream(StreamChange{Kind: StreamPublished, Stream: streamOf("ann", 3)})
	w.stream(StreamChange{Kind: "of a later version"})
	w.connection("ann", ForceDisconnected)
	w.stream(StreamChange{Kind: StreamEnded, Stream: streamOf("mod", 1), Reason: ClientDisconnected})

	events, _ := o.events.Read(nil, position, 100)
	for _, e := range events {
		heard.hear(e)
	}
	want := []string{"created ann", "published ann/1", "published ann/2", "updated ann/1 camera audio=true",
		"muted ann/2 except  by mod", "updated ann/2  audio=false",
		"muted except mod/1 by mod", "updated ann/1 camera audio=false",
		"forceUnpublished stream ann/2", "published ann/3",
		"forceDisconnected stream ann/1", "forceDisconnected stream ann/3", "forceDisconnected ann",
		"clientDisconnected stream mod/1"}
	if !reflect.DeepEqual(heard.lines, want) {
		t.Errorf("got  %q\nwant %q", heard.lines, want)
	}
	if o.lastRevision() != w.revision || len(o.published) != 0 {
		t.Errorf("head %d, %d connections with streams", o.lastRevision(), len(o.published))
	}
}

// TestMuteOfManyIsOneEvent: muting a hundred streams gives one event for the mute and one for all streams.
func TestMuteOfManyIsOneEvent(t *testing.T) {
	o := newLiveRoster(budget.New(0), Roster{})
	defer o.close()
	w := &writer{o: o}
	const size = 100
	for i := range size {
		id := fmt.Sprint("c", i)
		w.connection(id, "")
		w.stream(StreamChange{Kind: StreamPublished, Stream: streamOf(id, 1)})
	}
	state, position := o.snapshot()
	heard := newTold(t, state)
	w.stream(StreamChange{Kind: StreamsMuted, Except: []string{"c7/1"}, Moderator: &Connection{ID: "c7"}})
	events, _ := o.events.Read(nil, position, 100)
	for _, e := range events {
		heard.hear(e)
	}
	if want := []string{"muted except c7/1 by c7", "streams +0 ~99 -0"}; !reflect.DeepEqual(heard.lines, want) {
		t.Errorf("got %q", heard.lines)
	}
	for id, says := range heard.streams {
		if want := fmt.Sprintf(" audio=%t", id == "c7/1"); says != want {
			t.Errorf("%s is%s, want%s", id, says, want)
		}
	}
}

// TestLargeRosterCombinesStreams: in a large session, few events lead a follower to the streams that there are, and a mute is
// told at once.
func TestLargeRosterCombinesStreams(t *testing.T) {
	o := newLiveRoster(budget.New(0), Roster{})
	defer o.close()
	w := &writer{o: o}
	const size = 1500
	for i := range size {
		w.connection(fmt.Sprint("c", i), "")
	}
	for i := range 300 {
		w.stream(StreamChange{Kind: StreamPublished, Stream: streamOf(fmt.Sprint("c", i), 1)})
	}
	o.snapshot() // publishes what is pending
	before := newTold(t, &SessionState{Connections: o.members.First(size), Streams: o.streams.First(size)})
	position := o.events.Newest()
	for i := range 100 {
		id := fmt.Sprint("c", i)
		w.stream(StreamChange{Kind: StreamChanged, Stream: &Stream{ID: id + "/1", SessionID: "s", Connection: &Connection{ID: id}, Name: &id}})
		w.stream(StreamChange{Kind: StreamPublished, Stream: streamOf(id, 2)})
		w.stream(StreamChange{Kind: StreamEnded, Stream: streamOf(id, 2), Reason: ClientDisconnected}) // a blip
		w.stream(StreamChange{Kind: StreamPublished, Stream: streamOf(id, 3)})
		w.connection(fmt.Sprint("c", 200+i), NetworkDisconnected) // with its stream
	}
	w.stream(StreamChange{Kind: StreamsMuted, Stream: streamOf("c1", 3), Moderator: &Connection{ID: "c2"}})
	told, _ := o.events.Read(nil, position, 100)
	if _, ok := told[len(told)-1].(*MuteForced); !ok {
		t.Errorf("the mute waits: the newest event is %T", told[len(told)-1])
	}
	if last, ok := told[len(told)-2].(*StreamsChanged); !ok || last.Created[1].ID != "c1/3" {
		t.Errorf("the mute comes before the stream that it mutes: before it is %+v", told[len(told)-2])
	}
	o.snapshot()
	events, gone := o.events.Read(nil, position, 1000)
	if gone || len(events) > 20 {
		t.Fatalf("%d events for 501 changes, gone %v", len(events), gone)
	}
	for _, e := range events {
		before.hear(e)
	}
	after := newTold(t, &SessionState{Connections: o.members.First(size), Streams: o.streams.First(size)})
	if !reflect.DeepEqual(before.streams, after.streams) || !reflect.DeepEqual(before.connections, after.connections) {
		t.Errorf("after the events %d streams of %d connections, but there are %d of %d", len(before.streams), len(before.connections),
			len(after.streams), len(after.connections))
	}
	if len(after.streams) != 300 || after.streams["c1/3"] != " audio=false" || after.streams["c2/3"] != " audio=true" {
		t.Errorf("%d streams, c1/3%s, c2/3%s", len(after.streams), after.streams["c1/3"], after.streams["c2/3"])
	}
}

// TestSnapshotIsBounded: a snapshot lists MaxListStreams streams at most, and says that there are more.
func TestSnapshotIsBounded(t *testing.T) {
	o := newLiveRoster(budget.New(0), Roster{})
	defer o.close()
	w := &writer{o: o}
	w.connection("a", "")
	for i := range MaxListStreams + 1 {
		w.stream(StreamChange{Kind: StreamPublished, Stream: streamOf("a", i)})
	}
	state, _ := o.snapshot()
	if len(state.Streams) != MaxListStreams || state.StreamCount != MaxListStreams+1 || !state.Truncated {
		t.Errorf("%d streams of %d, truncated %t", len(state.Streams), state.StreamCount, state.Truncated)
	}
	w.stream(StreamChange{Kind: StreamEnded, Stream: streamOf("a", 5), Reason: ClientDisconnected})
	if state, _ = o.snapshot(); len(state.Streams) != MaxListStreams || state.Truncated {
		t.Errorf("%d streams, truncated %t", len(state.Streams), state.Truncated)
	}
}

// TestPendingChanges: of all changes to a stream, the combined event has the last, in one of its lists.
func TestPendingChanges(t *testing.T) {
	made := func(id string, audio bool) *Stream {
		return &Stream{ID: id, Connection: &Connection{ID: "c"}, HasAudio: audio}
	}
	end := func(id string) *StreamDestroyed { return &StreamDestroyed{made(id, true), ForceUnpublished} }
	p := new(pendingChanges)
	for _, e := range []SessionEvent{
		&StreamCreated{made("new", true)}, &StreamUpdated{made("new", false)},
		&StreamUpdated{made("old", true)}, &StreamUpdated{made("old", false)},
		&StreamUpdated{made("gone", true)}, end("gone"),
		&StreamCreated{made("blip", true)}, &StreamUpdated{made("blip", false)}, end("blip"),
	} {
		p.add(e)
	}
	want := []SessionEvent{&StreamsChanged{Created: []*Stream{made("new", false)}, Updated: []*Stream{made("old", false)},
		Destroyed: []*StreamDestroyed{end("gone")}, StreamCount: 7}}
	if got := p.combined(5, 7); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got[0])
	}
	want = []SessionEvent{&StreamCreated{made("new", false)}, &StreamUpdated{made("old", false)}, end("gone")}
	if got := p.singly(); !reflect.DeepEqual(got, want) {
		t.Errorf("singly %+v", got)
	}
}
