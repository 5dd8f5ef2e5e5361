package session

// SessionEvent is what sessionEvents carries.
type SessionEvent interface{ IsSessionEvent() }

// SessionState is a snapshot of who is there; it replaces what the reader had.
type SessionState struct {
	Connections     []*Connection // oldest first, MaxListConnections at most
	ConnectionCount int
	Truncated       bool
}

// ConnectionCreated says that a connection has come.
type ConnectionCreated struct{ Connection *Connection }

// ConnectionDestroyed says that a connection has gone, for good.
type ConnectionDestroyed struct {
	Connection *Connection
	Reason     DisconnectReason
}

// ConnectionsChanged gathers the changes of a large session.
type ConnectionsChanged struct {
	Created         []*Connection
	Destroyed       []*ConnectionDestroyed
	ConnectionCount int
	Truncated       bool
}

func (*SessionState) IsSessionEvent()        {}
func (*ConnectionCreated) IsSessionEvent()   {}
func (*ConnectionDestroyed) IsSessionEvent() {}
func (*ConnectionsChanged) IsSessionEvent()  {}
