package session

import "time"

// Limits of a connection.
const (
	MaxDataBytes       = 1024 // of a connection's data
	MaxListConnections = 1000 // in a snapshot or a list
)

// Connection is one participant's membership in a session, however many sockets it has. It is immutable.
type Connection struct {
	ID        string
	SessionID string
	Data      *string
	Role      Role
	Guest     bool // a name that a guest chose: no lease, no token, in no presence list
	CreatedAt time.Time
}

// NewConnection is a connection that is to be stored.
type NewConnection struct {
	ID        string
	SessionID string
	Data      *string
	Role      Role
	// MakeSession has the session made, with NewEpoch, where it does not exist; else that is NOT_FOUND.
	MakeSession bool
	NewEpoch    Epoch
	// TokenPresented says that the caller showed a session token; a session that asks for one refuses others with
	// UNAUTHENTICATED.
	TokenPresented bool
}
