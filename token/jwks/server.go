package jwks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Times and limits of a server of keys.
const (
	serverInterval = 5 * time.Minute
	serverPause    = 30 * time.Second
	serverTimeout  = 10 * time.Second // for the whole answer
	maxHeaderBytes = 64 << 10
)

// server is a source over HTTPS.
type server struct {
	url    string
	client *http.Client
}

func newServer(address string, roots *x509.CertPool) *server {
	return &server{url: address, client: &http.Client{
		Timeout: serverTimeout,
		// Another address could be of a host that the operator never named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxResponseHeaderBytes: maxHeaderBytes,
			DisableKeepAlives:      true, // the next reading is minutes away
			ForceAttemptHTTP2:      true,
		},
	}}
}

func (*server) local() bool             { return false }
func (*server) interval() time.Duration { return serverInterval }
func (*server) pause() time.Duration    { return serverPause }

// name leaves the query out, which may hold a key of the server's.
func (s *server) name() string {
	u, err := url.Parse(s.url)
	if err != nil {
		return "https://…"
	}
	u.RawQuery = ""
	return u.String()
}

func (s *server) read(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, withoutURL(err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	req.Header.Set("User-Agent", "chattok")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, fmt.Errorf("the server answers %d, and redirects are not followed: name the address that has the keys", resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answers %d", resp.StatusCode)
	}
	return readBounded(resp.Body)
}

// withoutURL takes the address out of an error of package http, which writes it with its query.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
