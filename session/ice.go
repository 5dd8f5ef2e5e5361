package session

import "time"

// ICE names the servers that help browsers to reach each other.
type ICE interface {
	// Servers returns those for a connection, with credentials of its own. It does not wait.
	Servers(c *Connection) []*ICEServer
}

// ICEServer is an RTCIceServer.
type ICEServer struct {
	URLs       []string // RFC 7064 and RFC 7065
	Username   *string
	Credential *string
	ExpiresAt  *time.Time // when the credential ends; nil where it does not
}

// ICEServers returns the ICE servers for the caller. Errors: UNAUTHENTICATED, FORBIDDEN.
func (s *Service) ICEServers(c Caller) ([]*ICEServer, error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	if s.cfg.ICE == nil {
		return nil, nil
	}
	return s.cfg.ICE.Servers(c.Connection), nil
}
