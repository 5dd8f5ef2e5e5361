package certificates

import (
	"crypto/tls"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// fromACME returns certificates that the authority issues when a name is first asked for, and renews.
func fromACME(c Config) *Certificates {
	manager := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(c.Folder),
		HostPolicy: autocert.HostWhitelist(c.Domains...),
		Email:      c.Email,
		Client:     &acme.Client{DirectoryURL: c.Directory, UserAgent: "chattok"},
	}
	encryption := manager.TLSConfig()
	encryption.GetCertificate = warning(c.Log, manager.GetCertificate, c.Domains)
	return &Certificates{TLS: encryption, plain: manager.HTTPHandler, Domains: c.Domains}
}

// warnEvery is the least time between two warnings that the authority issues no certificate.
const warnEvery = time.Minute

// warning wraps get with a line in the log when one of the server's own domains gets no certificate. A browser shows such a
// failure as a failed handshake and nothing else, so the operator needs to be told.
func warning(log *slog.Logger, get getCertificate, domains []string) getCertificate {
	var last atomic.Int64 // Unix nanoseconds
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		certificate, err := get(hello)
		if err != nil && slices.Contains(domains, strings.ToLower(hello.ServerName)) {
			now := time.Now().UnixNano()
			if before := last.Load(); now-before >= int64(warnEvery) && last.CompareAndSwap(before, now) {
				log.Warn("the ACME authority issued no certificate; the domain must lead to this server's port 443 or 80", "domain", hello.ServerName, "error", err)
			}
		}
		return certificate, err
	}
}

type getCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error)
