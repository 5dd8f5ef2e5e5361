package server

import (
	"context"
	"fmt"

	"chattok/bus/natsbus"
	"chattok/bus/pgbus"
	"chattok/db"
	"chattok/internal/metrics"
	"chattok/session"
)

// nodeBus is a bus that reaches other nodes.
type nodeBus interface {
	session.Bus
	metrics.Bus
	Close() error
}

// openBus opens the bus between nodes. It returns nil where this node has no others.
func (s *server) openBus(ctx context.Context) (nodeBus, error) {
	url := s.BusURL()
	if url == "" {
		return nil, nil
	}
	if !db.IsPostgres(s.Database) {
		s.Log.Warn("the bus has nobody to talk to: a SQLite database is this node's alone", "database", s.Database)
	}
	// The lobby's epoch, random and made with the database, tells installations apart that share NATS servers.
	lobby, err := s.store.Session(ctx, session.Lobby)
	if err != nil {
		return nil, err
	}
	installation := fmt.Sprintf("%016x", uint64(lobby.Epoch))
	if db.IsPostgres(url) {
		return opened(pgbus.Open(ctx, pgbus.Config{URL: url, Installation: installation, Logger: s.Log}))
	}
	return opened(natsbus.Open(s.NATSConfig(installation, s.Log)))
}

// opened returns a nil interface after an error, not one that holds a nil pointer.
func opened[B nodeBus](b B, err error) (nodeBus, error) {
	if err != nil {
		return nil, err
	}
	return b, nil
}
