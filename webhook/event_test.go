package webhook

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"chattok/session"
)

func pointer[T any](v T) *T { return &v }

// examples is one event of each kind.
func examples() []*session.FeedEvent {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	const id, epoch = "support-17", session.Epoch(7)
	ann := &session.Connection{ID: "MFZWIZLTOQQGC3TEEBWG6Z3PON", SessionID: id, UserID: pointer("user-9"), Data: pointer("Ann"), Role: session.RolePublisher, CreatedAt: at}
	mod := &session.Connection{ID: "ONUG65LMMQQGEZJAORUGKIDUOJ", SessionID: id, Role: session.RoleModerator, CreatedAt: at}
	entry := &session.ChatEntry{SessionID: id, Epoch: epoch, Seq: 2, Place: 2, ConnectionID: ann.ID, UserID: ann.UserID, Body: "Hello <all> & 👋",
		ReplyTo: 1, CreatedAt: at, Version: 1}
	deleted := &session.ChatEntry{SessionID: id, Epoch: epoch, Seq: 1, Place: 1, ConnectionID: ann.ID, UserID: ann.UserID, CreatedAt: at, Version: 4,
		Changed: 3, EditedAt: pointer(at.Add(time.Minute)), DeletedAt: pointer(at.Add(time.Hour)), DeletedBy: mod.ID}
	reacted := *entry
	reacted.Version, reacted.Changed, reacted.Data = 2, 4, pointer(`{"card":1}`)
	reacted.Reactions = []session.ReactionCount{{Name: "👍", Count: 2}}
	stream := &session.Stream{ID: "KN2HEZLBNUQGSZBAN5TCAYLMNR", SessionID: id, Connection: ann, Name: pointer("camera"), HasAudio: true, HasVideo: true,
		VideoType: session.VideoCamera, Width: pointer(int64(1280)), Height: pointer(int64(720)), CreatedAt: at}
	room := &session.Session{ID: id, Epoch: epoch, MediaMode: session.MediaRelayed, SlowMode: 10 * time.Second, CreatedAt: at}
	roster := []session.RosterChange{{Connection: ann}, {Connection: ann, Updated: true}, {Connection: ann, Reason: session.NetworkDisconnected},
		{Stream: &session.StreamChange{Kind: session.StreamPublished, Stream: stream}},
		{Stream: &session.StreamChange{Kind: session.StreamChanged, Stream: stream}},
		{Stream: &session.StreamChange{Kind: session.StreamEnded, Stream: stream, Reason: session.ForceUnpublished}},
		{Stream: &session.StreamChange{Kind: session.StreamsMuted, Except: []string{stream.ID}, Moderator: mod}}, {Session: room}}
	events := []*session.FeedEvent{{Kind: session.FeedLog, Log: &session.LogEvent{Place: 2, Entry: entry}},
		{Kind: session.FeedLog, Log: &session.LogEvent{Place: 3, Change: session.EntryDeleted, Entry: deleted}},
		{Kind: session.FeedLog, Log: &session.LogEvent{Place: 4, Change: session.EntryReacted, Entry: &reacted}}}
	for i := range roster {
		roster[i].SessionID, roster[i].Revision = id, int64(i+1)
		events = append(events, &session.FeedEvent{Kind: session.FeedRoster, Roster: &roster[i]})
	}
	events = append(events, &session.FeedEvent{Kind: session.FeedSessionCreated, Session: room}, &session.FeedEvent{Kind: session.FeedSessionDeleted},
		&session.FeedEvent{Kind: session.FeedLogTruncated, Log: session.NewTruncation(id, epoch, session.LogFront{Seq: 4, Place: 9})})
	for i, e := range events {
		e.Place, e.SessionID, e.Epoch, e.At = int64(i+1), id, epoch, at.Add(500*time.Millisecond)
	}
	erasure := &session.Erasure{ID: "GEZDGNBVGY3TQOJQGEZDGNBVGY", State: session.ErasureDone, Entries: 41, CreatedAt: at, DoneAt: pointer(at.Add(3 * time.Second))}
	return append(events, &session.FeedEvent{Place: 15, Kind: session.FeedUserErased, Epoch: epoch, Erasure: erasure, At: at.Add(4 * time.Second)},
		&session.FeedEvent{Kind: session.FeedTruncated, Epoch: epoch, At: at})
}

// TestEventsAsDocumented: docs/webhooks.md has one event of each kind, exactly as it is sent.
func TestEventsAsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []session.FeedEventKind
	for _, e := range examples() {
		kinds = append(kinds, e.EventKind())
		var written, indented bytes.Buffer
		if err := writeEvent(&written, e, session.Cursor(7, max(1, e.Place))); err != nil {
			t.Fatal(err)
		}
		if err := json.Indent(&indented, written.Bytes(), "", "  "); err != nil {
			t.Fatalf("%v: %s", err, written.Bytes())
		}
		if !strings.Contains(string(page), "```json\n"+indented.String()+"\n```") {
			t.Errorf("docs/webhooks.md does not have\n%s", indented.String())
		}
	}
	for _, kind := range session.FeedEventKinds {
		if !slices.Contains(kinds, kind) || names[kind] == "" {
			t.Errorf("there is no example of %s, or no name", kind)
		}
	}
}
