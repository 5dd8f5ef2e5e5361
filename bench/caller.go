//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// stampDigits is how many digits a time in Unix nanoseconds has, from 2001 to 2286.
const stampDigits = 19

// caller is a keep-alive connection of a fleet that sends its next request as soon as the last is answered.
type caller struct {
	request []byte // sent again each time, with the bytes that next changes
	// next prepares request for the time now, and reports whether there is another one.
	next func(request []byte, now int64) bool
	// answer handles a response body, which is valid during the call only.
	answer func(body []byte, sent, now int64) error
	// ended is called once, after the last answer.
	ended func()
	sent  int64
}

// receive implements handler.
func (c *caller) receive(s *socket, data []byte, now int64) (int, error) {
	body, used, err := parseResponse(data)
	if errors.Is(err, errIncomplete) {
		return 0, nil
	}
	if err == nil && used != len(data) {
		err = fmt.Errorf("%d bytes behind an answer", len(data)-used)
	}
	if err == nil {
		err = c.answer(body, c.sent, now)
	}
	if err != nil {
		return 0, err
	}
	return used, c.ask(s)
}

// ask sends the next request where there is one.
func (c *caller) ask(s *socket) error {
	c.sent = time.Now().UnixNano()
	if !c.next(c.request, c.sent) {
		c.ended()
		return nil
	}
	return s.write(c.request)
}

// post is an add that was answered.
type post struct{ seq, sent, answered int64 }

// poster adds entries as one member and records the answers.
type poster struct {
	request []byte
	stamp   int // offset of the body's time in request
	posts   []post
}

const addQuery = `mutation($c:ID!,$b:String!){addChatEntry(connectionId:$c,body:$b){seq}}`

// newPoster returns a poster whose bodies have size bytes, of which the time takes the first.
func newPoster(host string, m member, size int) *poster {
	blank := strings.Repeat("0", stampDigits) + "|"
	body := blank + strings.Repeat("x", max(0, size-len(blank)))
	request := graphqlRequest(host, m.access, addQuery, map[string]any{"c": m.id, "b": body})
	return &poster{request: request, stamp: bytes.LastIndex(request, []byte(blank))}
}

// setTime writes a time into the request's body.
func (p *poster) setTime(request []byte, now int64) {
	strconv.AppendInt(request[:p.stamp], now, 10)
}

// took records an answer, which must be the number of an entry and nothing else.
func (p *poster) took(body []byte, sent, now int64) error {
	rest, found := bytes.CutPrefix(bytes.TrimSpace(body), []byte(`{"data":{"addChatEntry":{"seq":`))
	seq, digits := leadingNumber(rest)
	if !found || digits == 0 || string(rest[digits:]) != "}}}" {
		return fmt.Errorf("addChatEntry answered %.500s", body)
	}
	p.posts = append(p.posts, post{seq: seq, sent: sent, answered: now})
	return nil
}

// callers are callers of one fleet that start together.
type callers struct {
	fleet   *fleet
	all     []*caller
	sockets []*socket
	left    *countdown // callers that have not ended
}

func newCallers(f *fleet, n int) *callers {
	return &callers{fleet: f, left: newCountdown(int64(n))}
}

// open connects one more caller.
func (c *callers) open(host string, one *caller) error {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return err
	}
	one.ended = func() { c.left.count(1) }
	s, err := c.fleet.add(conn, nil, one)
	if err != nil {
		return err
	}
	c.all, c.sockets = append(c.all, one), append(c.sockets, s)
	return nil
}

// run starts all callers and waits for the end of each. It returns the time until the last answer.
func (c *callers) run(timeout time.Duration, what string) (time.Duration, error) {
	begin := time.Now()
	for i, one := range c.all {
		if err := c.sockets[i].first(one.ask); err != nil {
			return 0, err
		}
	}
	if err := c.fleet.await(c.left.done, timeout, what); err != nil {
		return 0, err
	}
	return c.left.at.Sub(begin), nil
}
