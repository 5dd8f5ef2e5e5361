package certificates

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
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
	encryption.GetCertificate = warning(c.Log, together(manager.GetCertificate), c.Domains)
	return &Certificates{TLS: encryption, plain: manager.HTTPHandler, Domains: c.Domains}
}

// together wraps get so that handshakes which want the same certificate wait for one call of it, and each of them only until its connection
// is gone. The authority may take minutes, and a client can begin as many handshakes meanwhile as it likes. (A call of
// golang.org/x/sync/singleflight keeps something for each that has waited, until it ends.)
func together(get getCertificate) getCertificate {
	c := calls{under: make(map[string]*call)}
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto {
			return get(hello) // the authority itself, which a call that waits for it must not keep waiting
		}
		kind, wanted := "RSA ", &tls.ClientHelloInfo{ServerName: strings.ToLower(hello.ServerName), Conn: hello.Conn}
		if takesECDSA(hello) {
			kind, wanted.CipherSuites = "ECDSA ", []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		}
		var gone <-chan struct{}
		if c, ok := hello.Conn.(interface{ Gone() <-chan struct{} }); ok {
			gone = c.Gone()
		}
		asked := c.join(kind+wanted.ServerName, func() (*tls.Certificate, error) { return get(wanted) })
		select {
		case <-asked.done:
			return asked.certificate, asked.err
		case <-gone:
			return nil, net.ErrClosed
		}
	}
}

// calls are the calls that are under way, by what they ask for.
type calls struct {
	mu    sync.Mutex
	under map[string]*call
}

type call struct {
	done        chan struct{} // closed when the others are set
	certificate *tls.Certificate
	err         error
}

// join returns the call under a key, and begins it where there is none.
func (c *calls) join(key string, get func() (*tls.Certificate, error)) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if asked := c.under[key]; asked != nil {
		return asked
	}
	asked := &call{done: make(chan struct{})}
	c.under[key] = asked
	go func() {
		defer func() {
			if cause := recover(); cause != nil { // which net/http would recover on a connection's own goroutine
				asked.err = fmt.Errorf("panic: %v", cause)
			}
			c.mu.Lock()
			delete(c.under, key)
			c.mu.Unlock()
			close(asked.done)
		}()
		asked.certificate, asked.err = get()
	}()
	return asked
}

// takesECDSA says whether a client takes certificates with a key of ECDSA on P-256, as most do.
func takesECDSA(hello *tls.ClientHelloInfo) bool {
	suite := slices.Contains(hello.SupportedVersions, tls.VersionTLS13) || slices.ContainsFunc(hello.CipherSuites, func(id uint16) bool {
		return strings.Contains(tls.CipherSuiteName(id), "_ECDSA_")
	})
	return suite && slices.Contains(hello.SupportedCurves, tls.CurveP256) && slices.Contains(hello.SignatureSchemes, tls.ECDSAWithP256AndSHA256)
}

// warnEvery is the least time between two warnings that the authority issues no certificate.
const warnEvery = time.Minute

// warning wraps get with a line in the log when one of the server's own domains gets no certificate. A browser shows such a
// failure as a failed handshake and nothing else, so the operator needs to be told.
func warning(log *slog.Logger, get getCertificate, domains []string) getCertificate {
	var last atomic.Int64 // Unix nanoseconds
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		certificate, err := get(hello)
		if err != nil && !errors.Is(err, net.ErrClosed) && slices.Contains(domains, strings.ToLower(hello.ServerName)) {
			now := time.Now().UnixNano()
			if before := last.Load(); now-before >= int64(warnEvery) && last.CompareAndSwap(before, now) {
				log.Warn("the ACME authority issued no certificate; the domain must lead to this server's port 443 or 80", "domain", hello.ServerName, "error", err)
			}
		}
		return certificate, err
	}
}

type getCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error)
