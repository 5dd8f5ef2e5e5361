// Package outbound makes requests to servers that others name, such as the receivers of webhooks. Such a server may be any host, and
// its answer anything: what it costs is bounded, and what it says is not repeated.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"chattok/internal/publicaddress"
)

// Bounds of a request.
const (
	MaxAnswerBytes = 64 << 10 // of an answer's body, and of its headers, that are read
	DefaultTimeout = 15 * time.Second
	dialTimeout    = 5 * time.Second
	idleTimeout    = 30 * time.Second // of a connection that is kept for the next request
	maxIdle        = 128              // connections that are kept
)

// Config says what a Client may do.
type Config struct {
	// Private says that addresses outside of the public internet may be dialled too: those of this machine and its networks.
	Private  bool
	Timeout  time.Duration  // of a whole request; zero: DefaultTimeout
	Resolver *net.Resolver  // nil: the system's
	Roots    *x509.CertPool // nil: the system's
}

// Client makes requests. It follows no redirect, uses no proxy of the environment, and checks the address that it dials, after the
// name was looked up, so that a name that means another address later is of no use. It is safe for concurrent use.
type Client struct {
	http    http.Client
	timeout time.Duration
}

// New returns a Client.
func New(c Config) *Client {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: c.Resolver}
	if !c.Private {
		dialer.Control = refusePrivate
	}
	return &Client{timeout: c.Timeout, http: http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: c.Roots},
			TLSHandshakeTimeout: dialTimeout, IdleConnTimeout: idleTimeout, MaxIdleConns: maxIdle, MaxIdleConnsPerHost: 2,
			MaxResponseHeaderBytes: MaxAnswerBytes, DisableCompression: true}}}
}

// refusePrivate is a net.Dialer's Control: it is given each address that is about to be dialled.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !publicaddress.Is(at.Addr()) {
		return errPrivate
	}
	return nil
}

// Answer is what a server said.
type Answer struct {
	Status int    // 0 where it said nothing
	Body   []byte // MaxAnswerBytes of it at most
}

// Post sends a body and returns the answer. An answer with a Status beside an error has a body that did not end in time. Errors are
// *Error, or ctx's own where it ended.
func (c *Client) Post(ctx context.Context, url string, header http.Header, body []byte) (Answer, error) {
	timed, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(timed, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, &Error{"the URL can't be used"}
	}
	if header != nil {
		r.Header = header
	}
	response, err := c.http.Do(r)
	if err != nil {
		return Answer{}, c.safe(ctx, err)
	}
	defer response.Body.Close()
	answer := Answer{Status: response.StatusCode}
	answer.Body, err = io.ReadAll(io.LimitReader(response.Body, MaxAnswerBytes))
	if err != nil {
		return answer, c.safe(ctx, err)
	}
	return answer, nil
}

// Close closes the connections that are kept.
func (c *Client) Close() { c.http.CloseIdleConnections() }
