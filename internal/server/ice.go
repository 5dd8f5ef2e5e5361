package server

import (
	"fmt"

	"chattok/internal/config"
	"chattok/media"
	"chattok/session"
)

// openICE returns the part that names ICE servers to clients, nil for none. The built-in server begins to listen in listen.
func (s *server) openICE(secrets config.Secrets) (session.ICE, error) {
	c := s.ICE
	switch {
	case c.Outside != nil:
		return c.Outside, nil
	case c.TURN == "":
		return nil, nil
	}
	c.BuiltIn.Secret, c.BuiltIn.OldSecrets, c.BuiltIn.Log = secrets.Present, secrets.Old, s.Log
	c.BuiltIn.Ended = func(id string) bool { return s.service.Ended(id) }
	turn, err := media.New(c.BuiltIn)
	if err != nil {
		return nil, fmt.Errorf("CHATTOK_TURN: %w", err)
	}
	s.turn = turn
	s.metrics.ObserveTURN(turn)
	return turn, nil
}
