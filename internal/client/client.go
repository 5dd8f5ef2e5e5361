package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chattok/internal/backoff"
)

// Config describes a Client.
type Config struct {
	URL       string // of the server, such as https://chat.example; with a path where it is served below one
	Secret    string // the API secret
	UserAgent string
	TLS       *tls.Config // nil: the server's certificate must be one that this machine trusts, for the name in URL
	// Patience is for how long an operation that may be repeated is tried while the server does not answer; 0 for not at all.
	Patience time.Duration
}

// Client is a server's API. It is safe for concurrent use.
type Client struct {
	Config
	endpoint string
	http     *http.Client
}

const (
	// maxAnswer is more than the longest answer that a server gives.
	maxAnswer = 64 << 20
	// answerTimeout bounds one try at an operation.
	answerTimeout = time.Minute
)

// pauses are those between the tries.
var pauses = backoff.Backoff{First: 200 * time.Millisecond, Longest: 10 * time.Second, Random: true}

// New returns a client. Errors name what is wrong with the URL, and hold no secret.
func New(c Config) (*Client, error) {
	parsed, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return nil, errors.New("the server's URL can't be read; it must be as https://chat.example")
	case parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "":
		return nil, errors.New("the server's URL must begin with http:// or https:// and a host")
	case parsed.User != nil:
		return nil, errors.New("the server's URL must have no user and no password")
	case parsed.RawQuery != "" || parsed.Fragment != "":
		return nil, errors.New("the server's URL must have no query and no fragment")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = c.TLS
	return &Client{Config: c, endpoint: strings.TrimSuffix(c.URL, "/") + "/graphql", http: &http.Client{
		Transport: transport,
		// A redirect would take the secret along.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Do runs an operation and puts the data of its answer into data. Where it may be repeated, since it changes nothing or has an
// idempotency key, it is tried again for as long as Patience while the server does not answer or has no time. Errors: Error,
// ErrUnreachable.
func (c *Client) Do(ctx context.Context, repeatable bool, query string, variables map[string]any, data any) error {
	begun := time.Now()
	for try := 1; ; try++ {
		err := c.try(ctx, query, variables, data)
		if err == nil || ctx.Err() != nil || !mayPass(err) || !repeatable {
			return err
		}
		wait := pauses.Wait(try)
		var answered *Error
		if errors.As(err, &answered) {
			wait = max(wait, answered.RetryAfter)
		}
		if time.Since(begun)+wait > c.Patience {
			return err
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool { return backoff.Sleep(d, ctx.Done()) }

func (c *Client) try(ctx context.Context, query string, variables map[string]any, data any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	response, err := c.send(ctx, "application/graphql-response+json, application/json", query, variables)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return decode(response, body, data)
}

// send makes the request of an operation.
func (c *Client) send(ctx context.Context, accept, query string, variables map[string]any) (*http.Response, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	request.Header.Set("Authorization", "Bearer "+c.Secret)
	request.Header.Set("User-Agent", c.UserAgent)
	response, err := c.http.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // the URL is the caller's to name
		}
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return response, nil
}

// decode reads an answer, which a proxy may have given in the server's place.
func decode(response *http.Response, body []byte, data any) error {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil || a.Data == nil && len(a.Errors) == 0 {
		return strange(response)
	}
	if err := a.err(); err != nil {
		return err
	}
	if err := json.Unmarshal(a.Data, data); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// strange is the error for an answer that is none of the API's.
func strange(response *http.Response) error {
	switch code := response.StatusCode; {
	case code == http.StatusBadGateway || code == http.StatusServiceUnavailable || code == http.StatusGatewayTimeout:
		return fmt.Errorf("%w: %s", ErrUnreachable, response.Status)
	case code >= 300 && code < 400:
		return &Error{Message: fmt.Sprintf("the server answers with a redirect (%s): name the URL that it leads to", response.Status)}
	}
	return &Error{Message: fmt.Sprintf("the answer is not one of ChatTok's API (%s): is the URL right?", response.Status)}
}
