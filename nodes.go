package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"

	"chattok/bus"
	"chattok/bus/natsbus"
	"chattok/bus/pgbus"
	"chattok/db"
	"chattok/session"
)

// natsFiles are the files that NATS servers may ask for.
type natsFiles struct{ creds, ca, cert, key string }

func (n *natsFiles) flags(f *flag.FlagSet) {
	f.StringVar(&n.creds, "nats-creds", "", "`file` of the NATS user's credentials, as nsc writes it")
	f.StringVar(&n.ca, "nats-ca", "", "`file` of the certificates to trust NATS servers by; the system's where it is not set")
	f.StringVar(&n.cert, "nats-cert", "", "`file` of this node's certificate for NATS servers")
	f.StringVar(&n.key, "nats-key", "", "`file` of the certificate's key")
}

// natsFlags names the flag of each field of a natsbus.Config.
var natsFlags = map[string]string{"URL": "-bus", "CredentialsFile": "-nats-creds", "CAFile": "-nats-ca",
	"CertFile": "-nats-cert", "KeyFile": "-nats-key"}

func (c config) natsConfig(installation string, log *slog.Logger) natsbus.Config {
	return natsbus.Config{URL: c.bus, Installation: installation, CredentialsFile: c.nats.creds, CAFile: c.nats.ca,
		CertFile: c.nats.cert, KeyFile: c.nats.key, Logger: log}
}

func (c config) validateBus() error {
	if c.bus == "" || isPostgres(c.bus) {
		if c.nats != (natsFiles{}) {
			return fmt.Errorf("%w: -nats-creds, -nats-ca, -nats-cert and -nats-key need a -bus of NATS", errUsage)
		}
		return nil // what is wrong with a database is told when it is opened
	}
	err := c.natsConfig("", nil).Validate()
	if e, ok := errors.AsType[*natsbus.FieldError](err); ok {
		return fmt.Errorf("%w: %s %w", errUsage, natsFlags[e.Field], e.Err)
	}
	return err
}

// nodeBus is a bus that reaches other nodes.
type nodeBus interface {
	session.Bus
	Stats() bus.Stats
	Close() error
}

// busURL returns where the bus is: the configuration's, else the database where nodes can share that, else nowhere.
func (c config) busURL() string {
	if c.bus == "" && isPostgres(c.database) {
		return c.database
	}
	return c.bus
}

func isPostgres(name string) bool { return db.IsPostgres(name) }

// openBus opens the bus between nodes; it is nil where this node has no others.
func (s *server) openBus(ctx context.Context) (nodeBus, error) {
	url := s.config.busURL()
	if url == "" {
		return nil, nil
	}
	if !isPostgres(s.config.database) {
		s.log.Warn("the bus has nobody to talk to: a SQLite database is this node's alone", "database", s.config.database)
	}
	// The lobby is made with the database, and its epoch is random.
	lobby, err := s.store.Session(ctx, session.Lobby)
	if err != nil {
		return nil, err
	}
	installation := fmt.Sprintf("%016x", uint64(lobby.Epoch))
	if isPostgres(url) {
		return opened(pgbus.Open(ctx, pgbus.Config{URL: url, Installation: installation, Logger: s.log}))
	}
	return opened(natsbus.Open(s.config.natsConfig(installation, s.log)))
}

// opened keeps a nil of a type from being taken for a bus.
func opened[B nodeBus](b B, err error) (nodeBus, error) {
	if err != nil {
		return nil, err
	}
	return b, nil
}
