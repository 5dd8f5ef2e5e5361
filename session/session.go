package session

import "time"

// Lobby is the session that always exists, where guests act in open mode.
const Lobby = "lobby"

// Session is a room that people and their data share.
type Session struct {
	ID            string
	Epoch         Epoch // random; part of every cursor, so that a cursor of an earlier session with this id is refused
	MediaMode     MediaMode
	TokenRequired bool          // a backend made it: connecting always takes a token
	SlowMode      time.Duration // how long after an entry its user can't add another; 0 for no such limit
	ReadOnly      bool          // only moderators and the holder of the API secret add entries, edit and react
	Data          *string       // for its backend and its pages; nil for none
	// Retention is for how long entries are kept: nil as the server is set, 0 for as long as the session.
	Retention *time.Duration
	// SettingsRevision is the roster's revision at which SlowMode, ReadOnly, Data and Retention became what they are; 0 for the session's
	// first. Of two values with the same Epoch, the one with the higher SettingsRevision is the newer.
	SettingsRevision int64
	CreatedAt        time.Time
}

// MaxSessionDataBytes is the largest Data of a session.
const MaxSessionDataBytes = 4096

// MaxSlowMode is the longest SlowMode.
const MaxSlowMode = 24 * time.Hour

// Limits of a Retention other than 0.
const (
	MinRetention = time.Second
	MaxRetention = 50 * 365 * 24 * time.Hour
)

// SessionUpdate are new settings of a session; nil for those that stay as they are.
type SessionUpdate struct {
	SlowMode *time.Duration
	ReadOnly *bool
	SetData  bool // Data replaces the session's data; else that stays
	Data     *string
	// SetRetention says that Retention replaces the session's; else that stays.
	SetRetention bool
	Retention    *time.Duration
	ModeratorID  string // who changes them; empty for the holder of the API secret
}

// SessionSize is how much a session has stored.
type SessionSize struct {
	Entries int64 // that are in its log, deleted ones too
	Bytes   int64 // of the log, as ChatEntry.QuotaBytes counts
}

// RosterSize is how many connections and streams are in a session.
type RosterSize struct{ Connections, Streams int }

// MediaMode is how a session's video travels.
type MediaMode string

const (
	MediaRelayed MediaMode = "RELAYED" // from browser to browser
	MediaRouted  MediaMode = "ROUTED"  // through a media router
)

// Valid says whether m is one of the media modes.
func (m MediaMode) Valid() bool { return m == MediaRelayed || m == MediaRouted }
