//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// requestTimeout is how long a client waits for an answer.
const requestTimeout = 20 * time.Second

// client is an HTTP client with an address.
type client struct {
	server  *server
	address netip.Addr
	http    *http.Client
}

func (s *server) client(address netip.Addr) *client {
	c := &client{server: s, address: address}
	transport := &http.Transport{MaxIdleConnsPerHost: 128, TLSClientConfig: c.tlsConfig("http/1.1"),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dialPlain(ctx) }}
	c.http = &http.Client{Transport: transport, Timeout: requestTimeout}
	return c
}

func (c *client) close() { c.http.CloseIdleConnections() }

func (c *client) tlsConfig(protocol string) *tls.Config {
	return &tls.Config{RootCAs: c.server.roots, ServerName: serverAddress().String(), NextProtos: []string{protocol}}
}

// dialPlain connects from the client's address where it has one, without TLS.
func (c *client) dialPlain(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: requestTimeout, KeepAlive: -1}
	if ownNetwork() {
		dialer.LocalAddr = &net.TCPAddr{IP: c.address.AsSlice()}
	}
	return dialer.DialContext(ctx, "tcp", c.server.host)
}

// dial connects, by TLS where the server speaks that, for the protocol, http/1.1 or h2.
func (c *client) dial(ctx context.Context, protocol string) (net.Conn, error) {
	conn, err := c.dialPlain(ctx)
	if err != nil || c.server.roots == nil {
		return conn, err
	}
	secured := tls.Client(conn, c.tlsConfig(protocol))
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secured, nil
}

// header returns the headers that identify the client.
func (c *client) header(token string) http.Header {
	h := http.Header{}
	if !ownNetwork() {
		h.Set("X-Forwarded-For", c.address.String())
	}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return h
}

// raw returns an operation as the text of a POST, for attempts that write to a connection themselves. A length other than 0
// takes the place of the true Content-Length.
func (c *client) raw(token, body string, length int) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n",
		c.server.host, max(length, len(body)))
	_ = c.header(token).Write(&text) // never fails
	fmt.Fprintf(&text, "\r\n%s", body)
	return text.Bytes()
}

// operation returns the body of a request.
func operation(query string, variables map[string]any) string {
	raw, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		panic(err) // it is made of text and numbers alone
	}
	return string(raw)
}

// problem is a GraphQL error of an answer.
type problem struct {
	Status     int `json:"-"`
	Message    string
	Extensions struct {
		Code, Reason string
		RetryAfterMs int64
	}
}

func (p *problem) Error() string {
	return fmt.Sprintf("status %d, %s %s: %s", p.Status, p.Extensions.Code, p.Extensions.Reason, p.Message)
}

// codeOf returns the code of an error, or "no answer".
func codeOf(err error) string {
	if p, ok := errors.AsType[*problem](err); ok {
		if p.Extensions.Code != "" {
			return p.Extensions.Code
		}
		return fmt.Sprint("status ", p.Status)
	}
	return "no answer"
}

// ask runs an operation over HTTP, and decodes the answer into data unless that is nil.
func (c *client) ask(ctx context.Context, token, query string, variables map[string]any, data any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.url()+"/graphql", strings.NewReader(operation(query, variables)))
	if err != nil {
		return err
	}
	request.Header = c.header(token)
	request.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body) // the rest of an answer that is larger
	var answer struct {
		Data   json.RawMessage
		Errors []*problem
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		if data == nil && resp.StatusCode == http.StatusOK {
			return nil // an answer too large to be looked at
		}
		return &problem{Status: resp.StatusCode, Message: fmt.Sprintf("%.200s", body)}
	}
	if len(answer.Errors) > 0 {
		answer.Errors[0].Status = resp.StatusCode
		return answer.Errors[0]
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, data)
}

// patiently is ask that waits and tries again where it is RATE_LIMITED, until ctx ends.
func (c *client) patiently(ctx context.Context, token, query string, variables map[string]any, data any) error {
	for {
		err := c.ask(ctx, token, query, variables, data)
		p, ok := errors.AsType[*problem](err)
		if !ok || p.Extensions.Code != "RATE_LIMITED" || p.Extensions.RetryAfterMs == 0 {
			return err
		}
		if !sleep(ctx, time.Duration(p.Extensions.RetryAfterMs)*time.Millisecond) {
			return err
		}
	}
}

// member is a connection of a session.
type member struct {
	access, id string
	begin      string // cursor of the log's end when it connected
}

const connectQuery = `mutation($s:ID,$d:String,$t:String){connect(sessionId:$s,data:$d,token:$t){accessToken connection{id} session{lastCursor}}}`

// connect makes a connection of a session; token may be empty.
func (c *client) connect(ctx context.Context, sessionID, data, token string) (member, error) {
	return c.connectBy(ctx, c.ask, sessionID, data, token)
}

// connectPatiently is connect that waits and tries again where it is RATE_LIMITED.
func (c *client) connectPatiently(ctx context.Context, sessionID, data, token string) (member, error) {
	return c.connectBy(ctx, c.patiently, sessionID, data, token)
}

func (c *client) connectBy(ctx context.Context, ask func(context.Context, string, string, map[string]any, any) error, sessionID, data, token string) (member, error) {
	var answer struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID string }
			Session     struct{ LastCursor string }
		}
	}
	variables := map[string]any{}
	if data != "" { // a token's own may not be contradicted
		variables["d"] = data
	}
	if sessionID != "" {
		variables["s"] = sessionID
	}
	if token != "" {
		variables["t"] = token
	}
	if err := ask(ctx, "", connectQuery, variables, &answer); err != nil {
		return member{}, fmt.Errorf("connect: %w", err)
	}
	return member{access: answer.Connect.AccessToken, id: answer.Connect.Connection.ID, begin: answer.Connect.Session.LastCursor}, nil
}

const addQuery = `mutation($c:ID!,$b:String!,$k:ID){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){id seq}}`

// sleep waits, and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func mustURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err) // it is made here
	}
	return u
}
