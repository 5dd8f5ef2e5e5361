package session

import "slices"

// FeedEventKind is what an event of the feed tells, as a webhook selects it.
type FeedEventKind string

const (
	EventEntryAdded          FeedEventKind = "ENTRY_ADDED"
	EventEntryChanged        FeedEventKind = "ENTRY_CHANGED"
	EventConnectionCreated   FeedEventKind = "CONNECTION_CREATED"
	EventConnectionUpdated   FeedEventKind = "CONNECTION_UPDATED"
	EventConnectionDestroyed FeedEventKind = "CONNECTION_DESTROYED"
	EventStreamCreated       FeedEventKind = "STREAM_CREATED"
	EventStreamUpdated       FeedEventKind = "STREAM_UPDATED"
	EventStreamDestroyed     FeedEventKind = "STREAM_DESTROYED"
	EventMuteForced          FeedEventKind = "MUTE_FORCED"
	EventSessionCreated      FeedEventKind = "SESSION_CREATED"
	EventSessionChanged      FeedEventKind = "SESSION_CHANGED"
	EventSessionDeleted      FeedEventKind = "SESSION_DELETED"
	EventUserErased          FeedEventKind = "USER_ERASED"
	EventFeedTruncated       FeedEventKind = "FEED_TRUNCATED"
	EventLogTruncated        FeedEventKind = "LOG_TRUNCATED"
)

// FeedEventKinds are all of them.
var FeedEventKinds = []FeedEventKind{EventEntryAdded, EventEntryChanged, EventConnectionCreated, EventConnectionUpdated,
	EventConnectionDestroyed, EventStreamCreated, EventStreamUpdated, EventStreamDestroyed, EventMuteForced, EventSessionCreated,
	EventSessionChanged, EventSessionDeleted, EventUserErased, EventFeedTruncated, EventLogTruncated}

// Valid says whether k is one of the kinds.
func (k FeedEventKind) Valid() bool { return slices.Contains(FeedEventKinds, k) }

// EventKind is what the event tells.
func (e *FeedEvent) EventKind() FeedEventKind {
	switch c := e.Change().(type) {
	case *LogEvent:
		switch {
		case c.Truncated():
			return EventLogTruncated
		case c.Added():
			return EventEntryAdded
		}
		return EventEntryChanged
	case *ConnectionCreated:
		return EventConnectionCreated
	case *ConnectionUpdated:
		return EventConnectionUpdated
	case *ConnectionDestroyed:
		return EventConnectionDestroyed
	case *StreamCreated:
		return EventStreamCreated
	case *StreamUpdated:
		return EventStreamUpdated
	case *StreamDestroyed:
		return EventStreamDestroyed
	case *MuteForced:
		return EventMuteForced
	case *SessionCreated:
		return EventSessionCreated
	case *SessionChanged:
		return EventSessionChanged
	case *SessionDeleted:
		return EventSessionDeleted
	case *UserErasure:
		return EventUserErased
	default:
		return EventFeedTruncated
	}
}
