package webhook

import (
	"bytes"
	"encoding/json"
	"time"

	"chattok/session"
)

// timeLayout is how the API writes times: RFC 3339 in UTC, with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

func timeText(t time.Time) string { return t.UTC().Format(timeLayout) }

func timeOrNil(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := timeText(*t)
	return &text
}

// head begins every event.
type head struct {
	ID        string `json:"id"`        // the same whenever the event is sent
	Cursor    string `json:"cursor"`    // of the feed
	SessionID string `json:"sessionId"` // empty for UserErased and FeedTruncated
	At        string `json:"at"`
	Type      string `json:"type"` // the name that GraphQL has for it
}

// names are what GraphQL calls the kinds of events.
var names = map[session.FeedEventKind]string{
	session.EventEntryAdded:          "EntryAdded",
	session.EventEntryChanged:        "EntryChanged",
	session.EventConnectionCreated:   "ConnectionCreated",
	session.EventConnectionUpdated:   "ConnectionUpdated",
	session.EventConnectionDestroyed: "ConnectionDestroyed",
	session.EventStreamCreated:       "StreamCreated",
	session.EventStreamUpdated:       "StreamUpdated",
	session.EventStreamDestroyed:     "StreamDestroyed",
	session.EventMuteForced:          "MuteForced",
	session.EventSessionCreated:      "SessionCreated",
	session.EventSessionChanged:      "SessionChanged",
	session.EventSessionDeleted:      "SessionDeleted",
	session.EventUserErased:          "UserErased",
	session.EventFeedTruncated:       "FeedTruncated",
	session.EventLogTruncated:        "LogTruncated",
}

// writeEvent writes an event as JSON.
func writeEvent(b *bytes.Buffer, e *session.FeedEvent, cursor string) error {
	record := recordOf(e.Change(), head{ID: e.ID(), Cursor: cursor, SessionID: e.SessionID, At: timeText(e.At), Type: names[e.EventKind()]})
	to := json.NewEncoder(b)
	to.SetEscapeHTML(false)
	if err := to.Encode(record); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the line's end
	return nil
}

// recordOf returns an event as it is written.
func recordOf(change any, h head) any {
	switch c := change.(type) {
	case *session.LogEvent:
		if c.Truncated() {
			return logTruncation{h, logCursor(c)}
		}
		return logEvent{h, logCursor(c), string(c.Change), fromEntry(c.Entry)}
	case *session.ConnectionCreated:
		return connectionEvent{h, "", fromConnection(c.Connection)}
	case *session.ConnectionUpdated:
		return connectionEvent{h, "", fromConnection(c.Connection)}
	case *session.ConnectionDestroyed:
		return connectionEvent{h, string(c.Reason), fromConnection(c.Connection)}
	case *session.StreamCreated:
		return streamEvent{h, "", fromStream(c.Stream)}
	case *session.StreamUpdated:
		return streamEvent{h, "", fromStream(c.Stream)}
	case *session.StreamDestroyed:
		return streamEvent{h, string(c.Reason), fromStream(c.Stream)}
	case *session.MuteForced:
		return muteEvent{h, c.StreamID, c.Except, c.Active, fromConnection(c.Moderator)}
	case *session.SessionCreated:
		return sessionEvent{h, fromSession(c.Session)}
	case *session.SessionChanged:
		return sessionEvent{h, fromSession(c.Session)}
	case *session.UserErasure:
		return erasureEvent{h, erasure{c.Erasure.ID, string(c.Erasure.State), c.Erasure.Entries, timeText(c.Erasure.CreatedAt), timeOrNil(c.Erasure.DoneAt)}}
	case *session.Truncation:
		return truncationEvent{h, c.KeptDays}
	default: // its kind says it all
		return h
	}
}
