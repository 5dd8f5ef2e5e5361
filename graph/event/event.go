// Package event binds GraphQL's unions of events to the domain's event types, which are one struct for all members of a union. A
// member is the same value under another type, so nothing is copied.
package event

import "chattok/session"

// Log is an event of `logEvents`: an *EntryAdded, an *EntryChanged or a *LogTruncated.
type Log interface{ isLog() }

// EntryAdded is a session.LogEvent that is the addition of its entry.
type EntryAdded session.LogEvent

// EntryChanged is a session.LogEvent that is a change of its entry.
type EntryChanged session.LogEvent

// LogTruncated is a session.LogEvent that says that all before it was removed.
type LogTruncated session.LogEvent

func (*EntryAdded) isLog()   {}
func (*EntryChanged) isLog() {}
func (*LogTruncated) isLog() {}

// To is where the log begins.
func (e *LogTruncated) To() string { return session.Cursor(e.Entry.Epoch, e.Place) }

// Cursor is the event's place in the log.
func (e *EntryAdded) Cursor() string { return session.Cursor(e.Entry.Epoch, e.Place) }

// Cursor is the event's place in the log.
func (e *EntryChanged) Cursor() string { return session.Cursor(e.Entry.Epoch, e.Place) }

// OfLog returns an event of a log as the member of the union that it is.
func OfLog(e *session.LogEvent) Log {
	switch {
	case e.Added():
		return (*EntryAdded)(e)
	case e.Truncated():
		return (*LogTruncated)(e)
	}
	return (*EntryChanged)(e)
}

// User is an event of `userEvents`: a *ReadMarked or a *ReactionsChanged.
type User interface{ isUser() }

// ReadMarked is a session.UserEvent that says how far the user has read.
type ReadMarked session.UserEvent

// ReactionsChanged is a session.UserEvent that carries the user's reactions to an entry.
type ReactionsChanged session.UserEvent

func (*ReadMarked) isUser()       {}
func (*ReactionsChanged) isUser() {}

// ReadCursor is the place up to which the user has read.
func (e *ReadMarked) ReadCursor() string { return session.Cursor(e.Epoch, e.Place) }

// EntryID is the id of the entry.
func (e *ReactionsChanged) EntryID() string { return session.EntryID(e.Epoch, e.Seq) }

// MyReactions are the names of the user's reactions to the entry.
func (e *ReactionsChanged) MyReactions() []string { return e.Reactions }

// OfUser returns an event of a user as the member of the union that it is.
func OfUser(e *session.UserEvent) User {
	if e.Seq != 0 {
		return (*ReactionsChanged)(e)
	}
	return (*ReadMarked)(e)
}

// Feed is what happened, in an event of `feed`: a type of this package or of session.
type Feed any

// OfFeed returns what happened as the member of the union that it is.
func OfFeed(e *session.FeedEvent) Feed {
	change := e.Change()
	if logged, ok := change.(*session.LogEvent); ok {
		return OfLog(logged)
	}
	return change
}
