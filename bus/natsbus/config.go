package natsbus

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Limits of the connection to the server. A silent server is given up after pingInterval times pingsOutstanding+1,
// about 6 s.
const (
	connectTimeout   = 2 * time.Second
	writeTimeout     = 2 * time.Second // for bytes that the server does not read
	pingInterval     = 2 * time.Second
	pingsOutstanding = 2
	reconnectWait    = 250 * time.Millisecond // between two rounds over the servers, and up to as much again at random
)

// Config names the servers, and says how to connect to them.
type Config struct {
	// URL is nats://host:port or tls://host:port, or several of one cluster, separated by commas. user:password@ or
	// token@ before a host logs in. tls asks for TLS, which a server may ask for too.
	URL string
	// Installation tells this installation's nodes from others' that use the same servers. It is part of every subject,
	// so it has A-Z, a-z, 0-9, '-' and '_' alone.
	Installation string

	CredentialsFile string // with a user's JWT and NKey, as nsc writes them; "" for none
	CAFile          string // certificates to trust instead of the system's, in PEM; "" for the system's
	CertFile        string // this node's certificate, in PEM; "" for none
	KeyFile         string // its key, in PEM

	Logger *slog.Logger // nil for slog.Default
}

// FieldError says which field of a Config is not valid, and why.
type FieldError struct {
	Field string // its name in Config
	Err   error
}

func (e *FieldError) Error() string { return e.Field + " " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

func invalid(field, format string, args ...any) error {
	return &FieldError{field, fmt.Errorf(format, args...)}
}

// Validate checks URL and reads the files, so that a mistake is an error at the start and not an endless wait. The
// error is a *FieldError and holds no password.
func (c Config) Validate() error {
	for _, server := range strings.Split(c.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		switch {
		case err != nil:
			return invalid("URL", "must be nats://host:port, with special characters of a password as %%XX")
		case u.Scheme != "nats" && u.Scheme != "tls":
			return invalid("URL", "must begin with nats:// or tls://, but begins with %q", u.Scheme)
		case u.Hostname() == "":
			return invalid("URL", "must name a host")
		case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
			return invalid("URL", "must end with the host and port")
		}
	}
	switch {
	case c.CertFile == "" && c.KeyFile != "":
		return invalid("CertFile", "must be given with its key")
	case c.CertFile != "" && c.KeyFile == "":
		return invalid("KeyFile", "must be given with its certificate")
	}
	if c.CredentialsFile != "" {
		text, err := os.ReadFile(c.CredentialsFile)
		if err != nil {
			return invalid("CredentialsFile", "can't be read: %w", err)
		}
		if err := checkCredentials(text); err != nil {
			return invalid("CredentialsFile", "%s is not a user's credentials: %w", c.CredentialsFile, err)
		}
	}
	_, err := c.tls()
	return err
}

// checkCredentials checks that a text has a JWT and a user's seed in it.
func checkCredentials(text []byte) error {
	if _, err := nkeys.ParseDecoratedJWT(text); err != nil {
		return err
	}
	_, err := nkeys.ParseDecoratedUserNKey(text)
	return err
}

// tls returns the settings of TLS; nil where none is given.
func (c Config) tls() (*tls.Config, error) {
	if c.CAFile == "" && c.CertFile == "" {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, invalid("CAFile", "can't be read: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(text) {
			return nil, invalid("CAFile", "%s has no certificate in it", c.CAFile)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, invalid("CertFile", "%s does not work with %s: %w", c.CertFile, c.KeyFile, err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// options returns the options of the connection, without its callbacks.
func (c Config) options() ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name("chattok"),
		nats.NoEcho(),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a password may be about to change, which must not end the node's bus for good
		nats.ReconnectBufSize(-1),   // a message that can't be sent now is refused, and not sent late
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.Timeout(connectTimeout),
		nats.FlusherTimeout(writeTimeout),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsOutstanding),
	}
	if c.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(c.CredentialsFile))
	}
	t, err := c.tls()
	if err != nil {
		return nil, err
	}
	if t != nil {
		options = append(options, nats.Secure(t))
	}
	return options, nil
}
