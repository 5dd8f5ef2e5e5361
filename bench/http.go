//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// requestTimeout is how long a single request of the blocking client may take.
const requestTimeout = 30 * time.Second

// errIncomplete means that the rest of the message has not arrived.
var errIncomplete = errors.New("incomplete")

// graphqlRequest returns the bytes of an HTTP/1.1 request for an operation. access may be empty.
func graphqlRequest(host, access, query string, variables map[string]any) []byte {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		panic(err) // strings and numbers of ours always marshal
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: application/json\r\n", host)
	if access != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", access)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.Bytes()
}

// parseResponse returns the body of the HTTP/1.1 response at the start of data and the response's size in bytes, or
// errIncomplete where data ends before it does. A status other than 200 is an error that quotes the body.
func parseResponse(data []byte) (body []byte, used int, err error) {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, 0, errIncomplete
	}
	head := data[:end+2] // each line with its end
	rest := data[end+4:]
	if length, ok := header(head, "content-length"); ok {
		n, err := strconv.Atoi(string(length))
		if err != nil || n < 0 {
			return nil, 0, fmt.Errorf("content-length %q", length)
		}
		if len(rest) < n {
			return nil, 0, errIncomplete
		}
		body, used = rest[:n], end+4+n
	} else if coding, _ := header(head, "transfer-encoding"); string(coding) == "chunked" {
		n := 0
		if body, n, err = parseChunks(rest); err != nil {
			return nil, 0, err
		}
		used = end + 4 + n
	} else {
		return nil, 0, fmt.Errorf("a response of unknown length: %.200q", head)
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		line, _, _ := bytes.Cut(head, []byte("\r\n"))
		return nil, 0, fmt.Errorf("%s: %.500s", line, body)
	}
	return body, used, nil
}

// header returns the value of a header of this name, which is given in lower case.
func header(head []byte, name string) ([]byte, bool) {
	for {
		_, after, found := bytes.Cut(head, []byte("\r\n"))
		if !found || len(after) == 0 {
			return nil, false
		}
		head = after
		if len(head) > len(name) && head[len(name)] == ':' && equalFold(head[:len(name)], name) {
			value, _, _ := bytes.Cut(head[len(name)+1:], []byte("\r\n"))
			return bytes.TrimSpace(value), true
		}
	}
}

func equalFold(b []byte, lower string) bool {
	for i := range len(lower) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// parseChunks joins a chunked body (RFC 9112, section 7.1) without trailers.
func parseChunks(data []byte) (body []byte, used int, err error) {
	for rest := data; ; {
		line, after, found := bytes.Cut(rest, []byte("\r\n"))
		if !found {
			return nil, 0, errIncomplete
		}
		n, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return nil, 0, fmt.Errorf("a chunk's length: %w", err)
		}
		if len(after) < int(n)+2 {
			return nil, 0, errIncomplete
		}
		body = append(body, after[:n]...)
		rest = after[n+2:]
		if n == 0 {
			return body, len(data) - len(rest), nil
		}
	}
}

// client is a blocking keep-alive connection for requests that are not measured. It is not safe for concurrent use.
type client struct {
	host string
	conn net.Conn
	buf  []byte
}

func dialClient(host string) (*client, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &client{host: host, conn: conn}, nil
}

func (c *client) close() { _ = c.conn.Close() }

// do sends a whole request and returns the answer's body, which is valid until the next call.
func (c *client) do(request []byte, timeout time.Duration) ([]byte, error) {
	if err := c.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	c.buf = c.buf[:0]
	for {
		if cap(c.buf)-len(c.buf) < 1024 {
			c.buf = append(make([]byte, 0, 2*cap(c.buf)+4096), c.buf...)
		}
		n, err := c.conn.Read(c.buf[len(c.buf):cap(c.buf)])
		if err != nil {
			return nil, err
		}
		c.buf = c.buf[:len(c.buf)+n]
		body, used, err := parseResponse(c.buf)
		if errors.Is(err, errIncomplete) {
			continue
		}
		if err == nil && used != len(c.buf) {
			err = fmt.Errorf("%d bytes after the answer", len(c.buf)-used)
		}
		return body, err
	}
}

// get returns the body of a path, and an error where the status is not 200.
func (c *client) get(path string, timeout time.Duration) ([]byte, error) {
	body, err := c.do(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, c.host), timeout)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	return body, nil
}

// graphql runs an operation and unmarshals its data. Any error in the answer is an error.
func (c *client) graphql(access, query string, variables map[string]any, data any) error {
	body, err := c.do(graphqlRequest(c.host, access, query, variables), requestTimeout)
	if err != nil {
		return fmt.Errorf("%.60s: %w", query, err)
	}
	var answer struct{ Data, Errors json.RawMessage }
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("%.60s: %w: %.500s", query, err, body)
	}
	if len(answer.Errors) > 0 {
		return fmt.Errorf("%.60s: %.500s", query, body)
	}
	return json.Unmarshal(answer.Data, data)
}

// member is a connection of a session, with its access token.
type member struct{ id, access string }

// connect makes a connection of a session, which is made on first use.
func (c *client) connect(session string) (member, error) {
	var data struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID string }
		}
	}
	err := c.graphql("", `mutation($s:ID!){connect(sessionId:$s){accessToken connection{id}}}`, map[string]any{"s": session}, &data)
	m := member{id: data.Connect.Connection.ID, access: data.Connect.AccessToken}
	if err == nil && (m.id == "" || m.access == "") {
		err = errors.New("connect gave no id or no access token")
	}
	return m, err
}
