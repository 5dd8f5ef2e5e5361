package graph

import (
	"reflect"
	"slices"
	"testing"

	"chattok/graph/event"
	"chattok/session"
)

// A kind of event that is added to a union is one of laterKind's, so that clients which were written before do not get it.
func TestKindsOfTheFirstReleases(t *testing.T) {
	first := map[string][]string{
		"SessionEvent": {"SessionState", "ConnectionCreated", "ConnectionUpdated", "ConnectionDestroyed", "ConnectionsChanged", "StreamCreated",
			"StreamUpdated", "StreamDestroyed", "StreamsChanged", "MuteForced"},
		"LogEvent":  {"EntryAdded", "EntryChanged", "LogTruncated"}, // the last ends a subscription that has no fragment on it
		"UserEvent": {"ReadMarked", "ReactionsChanged"},
	}
	events := []any{&session.SessionState{}, &session.ConnectionCreated{}, &session.ConnectionUpdated{}, &session.ConnectionDestroyed{},
		&session.ConnectionsChanged{}, &session.StreamCreated{}, &session.StreamUpdated{}, &session.StreamDestroyed{}, &session.StreamsChanged{},
		&session.MuteForced{Active: true}, &session.SessionChanged{}, &event.EntryAdded{}, &event.EntryChanged{}, &event.LogTruncated{}, &event.ReadMarked{}, &event.ReactionsChanged{}}
	byName := make(map[string]any)
	for _, e := range events {
		byName[reflect.TypeOf(e).Elem().Name()] = e
	}
	for union, kinds := range first {
		for _, member := range executed.PossibleTypes[union] {
			e, ok := byName[member.Name]
			if !ok {
				t.Errorf("the test knows no event of type %s", member.Name)
				continue
			}
			want := member.Name
			if slices.Contains(kinds, member.Name) {
				want = ""
			}
			if got := laterKind(e); got != want {
				t.Errorf("the later kind of %s is %q, want %q", member.Name, got, want)
			}
		}
	}
}
