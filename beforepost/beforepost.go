// Package beforepost asks a backend about what people post before it is stored, over HTTP: it is a session.Reviewer. A question is
// one POST of JSON, signed after the Standard Webhooks specification, and the answer has a verdict on each post of it;
// docs/before-post.md has their form.
//
// Questions go over HTTP/1.1, so that one that is not answered holds up no other on the same TCP connection. A question is asked
// again, under the same id, only where a kept connection turns out to be closed. Redirects are not followed, an answer is read as far
// as it may need to go, and nothing but the URL of the settings is dialled: it may be in a private network.
//
// Reading order: beforepost.go, message.go.
package beforepost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"chattok/internal/webhooksign"
	"chattok/session"
)

// Limits of an answer, in bytes: some for itself, and more for each post, whose body it may replace. A body takes three times its
// length where every character beyond ASCII is written as \uXXXX.
const (
	maxAnswerBytes     = 64 << 10
	maxAnswerPostBytes = 3 * session.MaxBodyBytes
)

// maxHeaderBytes bounds the header of an answer.
const maxHeaderBytes = 16 << 10

// idleConnections is how many connections to the backend are kept for further questions.
const idleConnections = 64

// Config is what a Hook needs to know.
type Config struct {
	URL     string // as ValidURL takes it
	Secrets webhooksign.Secrets
	Version string // of the server, for the header User-Agent
}

// Hook asks one backend. It is safe for concurrent use.
type Hook struct {
	url     string
	secrets webhooksign.Secrets
	agent   string
	client  *http.Client
}

var _ session.Reviewer = (*Hook)(nil)

// New returns a Hook. Errors: those of ValidURL.
func New(c Config) (*Hook, error) {
	if err := ValidURL(c.URL); err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: session.DefaultReviewTimeout, KeepAlive: 15 * time.Second}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableCompression: true, MaxIdleConns: idleConnections,
		MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: maxHeaderBytes,
		TLSHandshakeTimeout: session.DefaultReviewTimeout}
	return &Hook{url: c.URL, secrets: c.Secrets, agent: "ChatTok/" + c.Version, client: &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Close closes the connections that are idle. It is for the time when no question is under way.
func (h *Hook) Close() { h.client.CloseIdleConnections() }

// ValidURL says why a text is no URL of a backend: an absolute URL with https, or with http where the host is this machine. Texts
// would go over the network in clear otherwise.
func ValidURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("must be a URL such as https://example.com/before-post")
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.Hostname() == "", u.Opaque != "":
		return errors.New("must be a URL such as https://example.com/before-post")
	case u.Fragment != "":
		return errors.New("must have no fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("must begin with https:// unless its host is localhost or another loopback address")
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Review implements session.Reviewer.
func (h *Hook) Review(ctx context.Context, sessionID string, drafts []session.Draft) ([]session.Verdict, error) {
	now := time.Now()
	body, err := encodeQuestion(sessionID, now, drafts)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header["Idempotency-Key"] = nil // net/http may ask again over a new connection; it sends no such header
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", h.agent)
	h.secrets.Sign(request.Header, webhooksign.NewID(), now, body)
	answer, err := h.client.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, fmt.Errorf("the answer has status %d", answer.StatusCode)
	}
	limit := int64(maxAnswerBytes + len(drafts)*maxAnswerPostBytes)
	text, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("the answer has more than %d bytes", limit)
	}
	return decodeAnswer(text, len(drafts))
}

// withoutURL returns an error of the client without the URL, which may have a password in it.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
