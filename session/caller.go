package session

import "time"

// CallerKind says how a caller identified itself.
type CallerKind uint8

const (
	Nobody   CallerKind = iota // without a token, in closed mode
	Guest                      // without a token, in open mode: confined to the lobby
	Member                     // with a connection's access token
	Operator                   // with the API secret
)

// Caller is who an operation runs for. Its zero value is Nobody.
type Caller struct {
	Kind       CallerKind
	SessionID  string // of a Member, or Lobby for a Guest
	Connection *Connection
}

// AccessGrant is what an access token says: its holder is this connection.
type AccessGrant struct {
	SessionID    string
	ConnectionID string
	Role         Role
	ExpiresAt    time.Time
}

// SessionGrant is what a session token says: its holder may connect to this session.
type SessionGrant struct {
	SessionID string
	Role      Role
	Data      *string
	ExpiresAt time.Time
}
