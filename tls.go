package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// certificateCheck is how often a handshake looks whether the certificate's files have changed.
const certificateCheck = time.Second

// secured is how the server's listener encrypts, and what stands on the plain one beside it.
type secured struct {
	config *tls.Config
	// plain returns what stands on plain HTTP: next, save the challenges of ACME's HTTP-01.
	plain func(next http.Handler) http.Handler
	// named says whether the certificate is for a name; nil where the domains say it.
	named   func(name string) bool
	domains []string // empty where the certificate came as files
}

// tls returns how to encrypt, nil where the server doesn't. Errors: files that are no certificate and its key.
func (c config) tls(log *slog.Logger) (*secured, error) {
	switch {
	case c.domain != "":
		return c.acme(log), nil
	case c.tlsCert != "":
		files := &certificateFiles{cert: c.tlsCert, key: c.tlsKey, log: log}
		if err := files.load(); err != nil {
			return nil, fmt.Errorf("-tls-cert and -tls-key: %w", err)
		}
		return &secured{config: &tls.Config{GetCertificate: files.get}, named: files.named,
			plain: func(next http.Handler) http.Handler { return next }}, nil
	}
	return nil, nil
}

// acme has certificates made, and renewed, by an ACME certificate authority (RFC 8555) when they are first asked for.
func (c config) acme(log *slog.Logger) *secured {
	domains := list(c.domain)
	manager := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(c.acmeDir),
		HostPolicy: autocert.HostWhitelist(domains...),
		Email:      c.acmeEmail,
		Client:     &acme.Client{DirectoryURL: c.acmeDirectory, UserAgent: "chattok"},
	}
	encryption := manager.TLSConfig()
	encryption.GetCertificate = warning(log, manager.GetCertificate, domains)
	return &secured{config: encryption, plain: manager.HTTPHandler, domains: domains}
}

// certificateWarning is how often at most a certificate that can't be had is worth a line in the log.
const certificateWarning = time.Minute

// warning returns get with a line in the log where one of the server's own domains has no certificate: to a browser it
// is but a failed handshake, and to the operator the reason why nothing works.
func warning(log *slog.Logger, get getCertificate, domains []string) getCertificate {
	var last atomic.Int64 // Unix nanoseconds
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		certificate, err := get(hello)
		if err != nil && slices.Contains(domains, strings.ToLower(hello.ServerName)) {
			now := time.Now().UnixNano()
			if before := last.Load(); now-before >= int64(certificateWarning) && last.CompareAndSwap(before, now) {
				log.Warn("no certificate could be had by ACME; the domain must lead to this server's ports 443 or 80", "domain", hello.ServerName, "error", err)
			}
		}
		return certificate, err
	}
}

type getCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// named says whether the certificate is for a name.
func (f *certificateFiles) named(name string) bool {
	loaded, err := f.get(nil)
	return err == nil && loaded.Leaf != nil && loaded.Leaf.VerifyHostname(name) == nil
}

// redirectToHTTPS sends a plain request to the same host over HTTPS, at addr's port, where the server answers for that
// host: nobody is sent to another one.
func redirectToHTTPS(addr string, allowed func(host string) bool) http.Handler {
	_, port, _ := net.SplitHostPort(addr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allowed(r.Host) {
			http.Error(w, "this server has no such host", http.StatusMisdirectedRequest)
			return
		}
		host := strings.ToLower(r.Host)
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		if port != "443" && port != "https" {
			host = net.JoinHostPort(host, port)
		} else if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		// Not permanent in a browser's memory: a server that gives up HTTPS must be reachable.
		http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	})
}

// certificateFiles is a certificate in two PEM files, read again when they change, so that whatever renews them need
// not know of this process.
type certificateFiles struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed [2]time.Time // the files' own times when they were read
	checked time.Time
}

// get is tls.Config's GetCertificate. Files that can't be read any more leave what was read before.
func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.checked) >= certificateCheck {
		f.checked = time.Now()
		if times, err := f.times(); err == nil && times != f.changed {
			if err := f.load(); err != nil {
				f.log.Warn("the certificate's files have changed, but can't be read; the one before goes on", "error", err)
			} else {
				f.log.Info("the certificate was read again", "file", f.cert)
			}
		}
	}
	return f.loaded, nil
}

// load reads the files. mu is held, or nobody else has f yet.
func (f *certificateFiles) load() error {
	times, err := f.times()
	if err != nil {
		return err
	}
	loaded, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.loaded, f.changed = &loaded, times
	return nil
}

func (f *certificateFiles) times() (times [2]time.Time, err error) {
	for i, name := range []string{f.cert, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return times, err
		}
		times[i] = info.ModTime()
	}
	return times, nil
}
