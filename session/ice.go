package session

import "time"

// ICE names the servers that help browsers to reach each other.
type ICE interface {
	// Servers returns the servers for a connection, with credentials of its own. It does not wait.
	Servers(c *Connection) []*ICEServer
}

// ICEServer is an RTCIceServer.
type ICEServer struct {
	URLs       []string // RFC 7064 and RFC 7065
	Username   *string
	Credential *string
	ExpiresAt  *time.Time // when the credential ends; nil where it does not
}
