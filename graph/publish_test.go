package graph_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/client"

	"chattok/session"
)

// publish publishes a stream and returns its id.
func (w *world) publish(t testing.TB, who person, arguments string) string {
	t.Helper()
	data := w.mustDo(t, who.token, `mutation{publishStream(`+arguments+`){id}}`, nil)
	return read[struct{ PublishStream struct{ ID string } }](t, data).PublishStream.ID
}

// unpublish ends a stream; one that has ended is no error.
func (w *world) unpublish(t testing.TB, who person, stream string) {
	t.Helper()
	code := w.code(t, who.token, `mutation($s:ID!){unpublishStream(streamId:$s){id}}`, map[string]any{"s": stream})
	if code != "ok" && code != "NOT_FOUND" {
		t.Errorf("unpublish: %s", code)
	}
}

const streamEvents = `subscription{sessionEvents{__typename
	...on SessionState{connections{id} connectionCount streams{...S} streamCount truncated}
	...on ConnectionCreated{connection{id}} ...on ConnectionDestroyed{connection{id} reason}
	...on StreamCreated{stream{...S}} ...on StreamUpdated{stream{...S}} ...on StreamDestroyed{stream{...S} reason}
	...on MuteForced{streamId except moderator{id}}}}
	fragment S on Stream{id name hasAudio hasVideo videoType width height createdAt connection{id data role}}`

// published is a stream in an event of sessionEvents.
type published struct {
	ID                 string
	Name               *string
	HasAudio, HasVideo bool
	VideoType          string
	Width, Height      *int
	CreatedAt          string
	Connection         struct{ ID, Role, Data string }
}

func (p published) String() string {
	text := p.VideoType
	if p.Name != nil {
		text += " " + *p.Name
	}
	if p.Width != nil && p.Height != nil {
		text += fmt.Sprintf(" %dx%d", *p.Width, *p.Height)
	}
	for word, on := range map[string]bool{"audio": p.HasAudio, "video": p.HasVideo} {
		if !on {
			text += " no " + word
		}
	}
	return text + " of " + p.Connection.ID
}

// nextStreamEvent returns the next event as one line.
func nextStreamEvent(t testing.TB, s *client.Subscription) string {
	t.Helper()
	e := next[struct {
		SessionEvents struct {
			Typename                     string `json:"__typename"`
			Connections                  []struct{ ID string }
			Streams                      []published
			StreamCount, ConnectionCount int
			Truncated                    bool
			Connection                   struct{ ID string }
			Reason                       string
			Stream                       published
			StreamID                     *string
			Except                       []string
			Moderator                    struct{ ID string }
		}
	}](t, s).SessionEvents
	switch e.Typename {
	case "SessionState":
		text := fmt.Sprintf("state of %d:", len(e.Connections))
		for _, p := range e.Streams {
			text += " [" + p.String() + "]"
		}
		if e.StreamCount != len(e.Streams) || e.ConnectionCount != len(e.Connections) || e.Truncated {
			t.Errorf("a snapshot that does not fit itself: %+v", e)
		}
		return text
	case "ConnectionCreated":
		return "created " + e.Connection.ID
	case "ConnectionDestroyed":
		return e.Reason + " " + e.Connection.ID
	case "StreamDestroyed":
		return e.Reason + ": " + e.Stream.String()
	case "MuteForced":
		if e.StreamID == nil {
			return "all muted by " + e.Moderator.ID + " except " + strings.Join(e.Except, " ")
		}
		return fmt.Sprintf("muted %s by %s, except %d", *e.StreamID, e.Moderator.ID, len(e.Except))
	}
	return e.Typename + ": " + e.Stream.String()
}

func wantStreamEvents(t testing.TB, s *client.Subscription, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := nextStreamEvent(t, s); got != w {
			t.Fatalf("got %s\nwant %s", got, w)
		}
	}
}

func TestStreams(t *testing.T) {
	w := newWorld(t, options{})
	mod, ann := w.join(t, "room", "MODERATOR"), w.join(t, "room", "PUBLISHER")
	s := w.subscribe(t, mod.token, streamEvents, nil)
	wantStreamEvents(t, s, "state of 2:")

	data := w.mustDo(t, ann.token, `mutation{publishStream(name:"cam",width:640,height:480){id connection{id} name hasAudio hasVideo videoType width height}}`, nil)
	cam := read[struct{ PublishStream published }](t, data).PublishStream.ID
	same(t, data, `{"publishStream":{"id":"`+cam+`","connection":{"id":"`+ann.id+`"},"name":"cam","hasAudio":true,"hasVideo":true,"videoType":"CAMERA","width":640,"height":480}}`)
	wantStreamEvents(t, s, "StreamCreated: CAMERA cam 640x480 of "+ann.id)
	screen := w.publish(t, ann, `videoType:SCREEN,hasAudio:false`)
	wantStreamEvents(t, s, "StreamCreated: SCREEN no audio of "+ann.id)
	w.publish(t, w.join(t, "elsewhere", "PUBLISHER"), `name:"not here"`)

	w.mustDo(t, ann.token, `mutation($s:ID!){updateStream(streamId:$s,hasVideo:false,name:""){id}}`, map[string]any{"s": cam})
	wantStreamEvents(t, s, "StreamUpdated: CAMERA  640x480 no video of "+ann.id)
	w.mustDo(t, ann.token, `mutation($s:ID!){updateStream(streamId:$s,hasVideo:true,videoType:CUSTOM,width:32,height:16){id}}`, map[string]any{"s": cam})
	wantStreamEvents(t, s, "StreamUpdated: CUSTOM  32x16 of "+ann.id)

	late := w.subscribe(t, ann.token, streamEvents, nil)
	wantStreamEvents(t, late, "state of 2: [CUSTOM  32x16 of "+ann.id+"] [SCREEN no audio of "+ann.id+"]")
	same(t, w.mustDo(t, mod.token, `{session{streams{id} streamCount}}`, nil), `{"session":{"streams":[{"id":"`+cam+`"},{"id":"`+screen+`"}],"streamCount":2}}`)

	same(t, w.mustDo(t, ann.token, `mutation($s:ID!){unpublishStream(streamId:$s){id}}`, map[string]any{"s": screen}), `{"unpublishStream":{"id":"`+screen+`"}}`)
	w.mustDo(t, mod.token, `mutation($s:ID!){forceUnpublish(streamId:$s){id}}`, map[string]any{"s": cam})
	for _, f := range []*client.Subscription{s, late} {
		wantStreamEvents(t, f, "clientDisconnected: SCREEN no audio of "+ann.id, "forceUnpublished: CUSTOM  32x16 of "+ann.id)
	}
	for _, gone := range []string{cam, screen} {
		for _, operation := range []string{"unpublishStream", "forceUnpublish", "forceMute", "updateStream"} {
			if code := w.code(t, mod.token, `mutation($s:ID!){`+operation+`(streamId:$s){id}}`, map[string]any{"s": gone}); code != "NOT_FOUND" {
				t.Errorf("%s of what has ended: %s", operation, code)
			}
		}
	}
	w.publish(t, ann, `name:"again"`)
	wantStreamEvents(t, s, "StreamCreated: CAMERA again of "+ann.id)
}

// A stream that a moderator mutes is silent for all. Its publisher is told, and may switch audio on again.
func TestForceMute(t *testing.T) {
	w := newWorld(t, options{})
	mod, ann := w.join(t, "room", "MODERATOR"), w.join(t, "room", "PUBLISHER")
	mine, hers, silent := w.publish(t, mod, `name:"mine"`), w.publish(t, ann, `name:"hers"`), w.publish(t, ann, `hasAudio:false`)
	s := w.subscribe(t, ann.token, streamEvents, nil)
	wantStreamEvents(t, s, "state of 2: [CAMERA mine of "+mod.id+"] [CAMERA hers of "+ann.id+"] [CAMERA no audio of "+ann.id+"]")

	same(t, w.mustDo(t, mod.token, `mutation($s:ID!){forceMute(streamId:$s){id hasAudio}}`, map[string]any{"s": hers}), `{"forceMute":[{"id":"`+hers+`","hasAudio":false}]}`)
	wantStreamEvents(t, s, "muted "+hers+" by "+mod.id+", except 0", "StreamUpdated: CAMERA hers no audio of "+ann.id)
	w.mustDo(t, ann.token, `mutation($s:ID!){updateStream(streamId:$s,hasAudio:true){id}}`, map[string]any{"s": hers})
	wantStreamEvents(t, s, "StreamUpdated: CAMERA hers of "+ann.id)

	same(t, w.mustDo(t, mod.token, `mutation($e:[ID!]){forceMute(except:$e){id hasAudio}}`, map[string]any{"e": []string{mine, "unknown"}}),
		`{"forceMute":[{"id":"`+hers+`","hasAudio":false},{"id":"`+silent+`","hasAudio":false}]}`)
	wantStreamEvents(t, s, "all muted by "+mod.id+" except "+mine+" unknown", "StreamUpdated: CAMERA hers no audio of "+ann.id)
	same(t, w.mustDo(t, mod.token, `mutation{forceMute{id}}`, nil), `{"forceMute":[{"id":"`+mine+`"},{"id":"`+hers+`"},{"id":"`+silent+`"}]}`)
	wantStreamEvents(t, s, "all muted by "+mod.id+" except ", "StreamUpdated: CAMERA mine no audio of "+mod.id)

	// A subscriber that comes later finds it in the snapshot.
	late := w.subscribe(t, ann.token, streamEvents, nil)
	wantStreamEvents(t, late, "state of 2: [CAMERA mine no audio of "+mod.id+"] [CAMERA hers no audio of "+ann.id+"] [CAMERA no audio of "+ann.id+"]")
	same(t, w.mustDo(t, w.join(t, "empty", "MODERATOR").token, `mutation{forceMute{id}}`, nil), `{"forceMute":[]}`)
}

// A connection has 8 streams at most; one that ends makes room, and other connections have limits of their own.
func TestStreamLimit(t *testing.T) {
	w := newWorld(t, options{})
	ann, bob := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "PUBLISHER")
	var streams []string
	for i := range session.MaxStreams {
		streams = append(streams, w.publish(t, ann, fmt.Sprintf(`name:"%d"`, i)))
	}
	_, failures := w.do(t, ann.token, `mutation{publishStream{id}}`, nil)
	if codeOf(failures) != "RATE_LIMITED TOO_MANY_STREAMS" || !strings.Contains(failures[0].Message, "at most 8 streams") {
		t.Errorf("a ninth: %+v", failures)
	}
	w.publish(t, bob, `name:"bob's"`)
	w.unpublish(t, ann, streams[3])
	w.publish(t, ann, `name:"another"`)
	if code := w.code(t, ann.token, `mutation{publishStream{id}}`, nil); code != "RATE_LIMITED TOO_MANY_STREAMS" {
		t.Errorf("a ninth again: %s", code)
	}
}

// The streams of a connection end with it, however it ends: each once, before it, and for every follower alike.
func TestStreamsEnd(t *testing.T) {
	w := newWorld(t, options{grace: time.Second})
	watcher := w.join(t, "room", "MODERATOR")
	followers := []*client.Subscription{w.subscribe(t, watcher.token, streamEvents, nil), w.subscribe(t, watcher.token, streamEvents, nil)}
	for _, f := range followers {
		wantStreamEvents(t, f, "state of 1:")
	}
	for reason, end := range map[string]func(person){
		"clientDisconnected": func(p person) { w.mustDo(t, p.token, `mutation{disconnect{id}}`, nil) },
		"forceDisconnected": func(p person) {
			w.mustDo(t, watcher.token, `mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`, map[string]any{"c": p.id})
		},
		"networkDisconnected": func(p person) {
			s := w.subscribe(t, p.token, streamEvents, nil)
			nextStreamEvent(t, s) // by this event the connection is attached
			_ = s.Close()
		},
	} {
		ann := w.join(t, "room", "PUBLISHER")
		w.publish(t, ann, `name:"1"`)
		w.publish(t, ann, `name:"2"`)
		for _, f := range followers {
			wantStreamEvents(t, f, "created "+ann.id, "StreamCreated: CAMERA 1 of "+ann.id, "StreamCreated: CAMERA 2 of "+ann.id)
		}
		end(ann)
		for _, f := range followers {
			wantStreamEvents(t, f, reason+": CAMERA 1 of "+ann.id, reason+": CAMERA 2 of "+ann.id, reason+" "+ann.id)
		}
		if code := w.code(t, ann.token, `mutation{publishStream{id}}`, nil); code != "UNAUTHENTICATED CONNECTION_DESTROYED" {
			t.Errorf("published after the end: %s", code)
		}
		same(t, w.mustDo(t, watcher.token, `{session{streamCount streams{id}}}`, nil), `{"session":{"streamCount":0,"streams":[]}}`)
	}
}

// Streams are durable: a client that comes back after a restart finds them.
func TestStreamsOutliveRestarts(t *testing.T) {
	w := newWorld(t, options{})
	ann := w.join(t, "room", "PUBLISHER")
	stream := w.publish(t, ann, `name:"cam"`)
	w.stop()
	again := newWorld(t, options{path: w.path})
	s := again.subscribe(t, ann.token, streamEvents, nil)
	wantStreamEvents(t, s, "state of 1: [CAMERA cam of "+ann.id+"]")
	again.unpublish(t, ann, stream)
	wantStreamEvents(t, s, "clientDisconnected: CAMERA cam of "+ann.id)
}

// One subscription can select everything that sessionEvents has without an alias.
func TestEverySessionEvent(t *testing.T) {
	w := newWorld(t, options{})
	s := w.subscribe(t, w.join(t, "room", "PUBLISHER").token, `subscription{sessionEvents{__typename
		...on SessionState{connections{...C} connectionCount streams{...S} streamCount truncated}
		...on ConnectionCreated{connection{...C}}
		...on ConnectionDestroyed{connection{...C} reason}
		...on ConnectionsChanged{created{...C} destroyed{connection{...C} reason} connectionCount truncated}
		...on StreamCreated{stream{...S}}
		...on StreamUpdated{stream{...S}}
		...on StreamDestroyed{stream{...S} reason}
		...on StreamsChanged{created{...S} updated{...S} destroyed{stream{...S} reason} streamCount truncated}
		...on MuteForced{streamId except moderator{...C}}}}
		fragment C on Connection{id data role createdAt}
		fragment S on Stream{id connection{...C} name hasAudio hasVideo videoType width height createdAt}`, nil)
	if got := next[struct{ SessionEvents map[string]any }](t, s).SessionEvents["__typename"]; got != "SessionState" {
		t.Errorf("got %v", got)
	}
}
