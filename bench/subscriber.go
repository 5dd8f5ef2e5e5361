//go:build linux

package main

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"
)

const opPong = 10

// countdown counts deliveries until all have come.
type countdown struct {
	left atomic.Int64
	done chan struct{} // closed with the last
	at   time.Time     // when the last came; read it after done
}

func newCountdown(n int64) *countdown {
	c := &countdown{done: make(chan struct{})}
	if c.left.Store(n); n == 0 {
		c.at = time.Now()
		close(c.done)
	}
	return c
}

func (c *countdown) count(n int64) {
	if left := c.left.Add(-n); left <= 0 && left+n > 0 {
		c.at = time.Now()
		close(c.done)
	}
}

// delivery is when an entry was posted and when it was read, in Unix nanoseconds.
type delivery struct{ seq, sent, read int64 }

// subscriber holds what one socket gets against what it must get.
type subscriber struct {
	speaks  *protocol
	session int // which of the audience's sessions it is in
	counts  *atomic.Pointer[countdown]
	seen    sequence
	sampled bool       // whether it records deliveries
	records []delivery // read it when the fleet is closed
}

// receive implements handler.
func (u *subscriber) receive(s *socket, data []byte, now int64) (used int, err error) {
	entries := 0
	for {
		f, n, err := parseFrame(data[used:])
		if err == errIncomplete {
			break
		}
		if err != nil {
			return used, err
		}
		used += n
		switch f.opcode {
		case opText:
			n, err := u.message(s, f.payload, now)
			if err != nil {
				return used, fmt.Errorf("a subscriber's %w", err)
			}
			entries += n
		case opPing:
			if err := s.write(appendFrame(nil, opPong, string(f.payload))); err != nil {
				return used, err
			}
		case opPong:
		default:
			return used, fmt.Errorf("the server sent opcode %d: %.200q", f.opcode, f.payload)
		}
	}
	if entries > 0 {
		u.counts.Load().count(int64(entries))
	}
	return used, nil
}

// message takes a text frame and says how many entries it brought; one that is neither entries nor a ping is an error.
func (u *subscriber) message(s *socket, message []byte, now int64) (entries int, err error) {
	for rest := message; ; entries++ {
		at := bytes.Index(rest, u.speaks.mark)
		if at < 0 {
			break
		}
		before, after := rest[:at], rest[at+len(u.speaks.mark):]
		n, _ := leadingNumber(after)
		if err := u.seen.next(n); err != nil {
			return entries, err
		}
		if u.sampled {
			body := after
			if u.speaks.bodyFirst {
				body = before
			}
			if err := u.record(n, body, now); err != nil {
				return entries, err
			}
		}
		rest = after
	}
	switch {
	case entries > 0:
		return entries, nil
	case u.speaks.isPing(message):
		return 0, s.write(u.speaks.pong)
	default:
		return 0, fmt.Errorf("message is no entry: %.300q", message)
	}
}

func (u *subscriber) record(seq int64, body []byte, now int64) error {
	at := bytes.Index(body, []byte(`"body":"`))
	if at < 0 {
		return fmt.Errorf("entry %d has no body", seq)
	}
	sent, digits := leadingNumber(body[at+len(`"body":"`):])
	if digits != stampDigits {
		return fmt.Errorf("entry %d's body has no time", seq)
	}
	u.records = append(u.records, delivery{seq: seq, sent: sent, read: now})
	return nil
}

// leadingNumber reads the digits that b begins with, and says how many there are.
func leadingNumber(b []byte) (n int64, digits int) {
	for digits < len(b) && b[digits] >= '0' && b[digits] <= '9' {
		n = n*10 + int64(b[digits]-'0')
		digits++
	}
	return n, digits
}
