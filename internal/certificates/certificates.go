// Package certificates encrypts the server's listeners: with a certificate in files, which are read again when they change, or
// with certificates that an ACME authority (RFC 8555) issues. It also redirects plain HTTP to HTTPS.
//
// Reading order: certificates.go acme.go files.go redirect.go.
package certificates

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
)

// Config names a certificate. CertFile and KeyFile are set, or Domains is, or neither.
type Config struct {
	CertFile, KeyFile string // PEM, the chain included

	Domains   []string // names to get certificates for
	Folder    string   // where these and the account's key are kept
	Directory string   // URL of the ACME authority's directory
	Email     string   // that the authority may write to; may be empty

	Log *slog.Logger
}

// Certificates is how a listener encrypts, and what the plain listener beside it answers.
type Certificates struct {
	// TLS is for the encrypting listener.
	TLS *tls.Config
	// Domains are the names that certificates are issued for; empty where the certificate is in files.
	Domains []string

	plain func(next http.Handler) http.Handler
	named func(name string) bool // nil where Domains says it
}

// New returns nil where c names no certificate. Errors: files that hold no certificate with its key.
func New(c Config) (*Certificates, error) {
	switch {
	case len(c.Domains) > 0:
		return fromACME(c), nil
	case c.CertFile != "":
		f := &files{cert: c.CertFile, key: c.KeyFile, log: c.Log}
		if err := f.load(); err != nil {
			return nil, fmt.Errorf("-tls-cert and -tls-key: %w", err)
		}
		return &Certificates{TLS: &tls.Config{GetCertificate: f.get}, named: f.named,
			plain: func(next http.Handler) http.Handler { return next }}, nil
	}
	return nil, nil
}

// Plain returns the handler for plain HTTP: next, and the authority's HTTP-01 challenges before it.
func (c *Certificates) Plain(next http.Handler) http.Handler { return c.plain(next) }

// Named says whether the certificate from the files is for a name. It is false for every name where an authority issues
// certificates, and for a nil c.
func (c *Certificates) Named(name string) bool { return c != nil && c.named != nil && c.named(name) }
