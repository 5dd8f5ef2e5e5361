package config

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"

	"chattok/bus/natsbus"
	"chattok/db"
)

// NATSFiles are the files that NATS servers may ask a client for; each may be empty.
type NATSFiles struct{ Creds, CA, Cert, Key string }

func (n *NATSFiles) flags(f *flag.FlagSet) {
	f.StringVar(&n.Creds, "nats-creds", "", "`file` of the NATS user's credentials, as nsc writes it")
	f.StringVar(&n.CA, "nats-ca", "", "`file` of the certificates to trust NATS servers by; the system's where it is not set")
	f.StringVar(&n.Cert, "nats-cert", "", "`file` of this node's certificate for NATS servers")
	f.StringVar(&n.Key, "nats-key", "", "`file` of the certificate's key")
}

// natsFlags names the flag of each field of a natsbus.Config.
var natsFlags = map[string]string{"URL": "-bus", "CredentialsFile": "-nats-creds", "CAFile": "-nats-ca",
	"CertFile": "-nats-cert", "KeyFile": "-nats-key"}

// NATSConfig returns the settings of a bus over NATS. Nodes of the same installation hear each other.
func (c Config) NATSConfig(installation string, log *slog.Logger) natsbus.Config {
	return natsbus.Config{URL: c.Bus, Installation: installation, CredentialsFile: c.NATS.Creds, CAFile: c.NATS.CA,
		CertFile: c.NATS.Cert, KeyFile: c.NATS.Key, Logger: log}
}

func (c Config) validateBus() error {
	if c.Bus == "" || db.IsPostgres(c.Bus) {
		if c.NATS != (NATSFiles{}) {
			return fmt.Errorf("%w: -nats-creds, -nats-ca, -nats-cert and -nats-key need a -bus of NATS", ErrUsage)
		}
		return nil // a PostgreSQL URL is checked when it is opened
	}
	err := c.NATSConfig("", nil).Validate()
	if e, ok := errors.AsType[*natsbus.FieldError](err); ok {
		return fmt.Errorf("%w: %s %w", ErrUsage, natsFlags[e.Field], e.Err)
	}
	return err
}

// BusURL returns the URL of the bus: Bus, or the database where that is PostgreSQL, which nodes can share. It is empty where
// this node has no others.
func (c Config) BusURL() string {
	if c.Bus == "" && db.IsPostgres(c.Database) {
		return c.Database
	}
	return c.Bus
}
