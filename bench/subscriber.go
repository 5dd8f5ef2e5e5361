//go:build linux

package main

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// countdown counts deliveries down to zero.
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

// subscriber checks the deliveries of one socket.
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
	used, err = readFrames(s, data, func(payload []byte) error {
		n, err := u.message(s, payload, now)
		if err != nil {
			return fmt.Errorf("a subscriber's %w", err)
		}
		entries += n
		return nil
	})
	if err == nil && entries > 0 {
		u.counts.Load().count(int64(entries))
	}
	return used, err
}

// readFrames passes the text of each whole frame in data on, answers pings, and returns how many bytes those frames have.
func readFrames(s *socket, data []byte, text func(payload []byte) error) (used int, err error) {
	for {
		f, n, err := parseFrame(data[used:])
		if err == errIncomplete {
			return used, nil
		}
		if err != nil {
			return used, err
		}
		used += n
		switch f.opcode {
		case ws.OpText:
			if err := text(f.payload); err != nil {
				return used, err
			}
		case ws.OpPing:
			if err := s.write(clientFrame(ws.OpPong, string(f.payload))); err != nil {
				return used, err
			}
		case ws.OpPong:
		default:
			return used, fmt.Errorf("the server sent opcode %d: %.200q", f.opcode, f.payload)
		}
	}
}

// message handles a text frame and returns how many entries it brought. A frame with neither entries nor a ping is an error.
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

// leadingNumber parses the digits at the start of b and returns how many there are.
func leadingNumber(b []byte) (n int64, digits int) {
	for digits < len(b) && b[digits] >= '0' && b[digits] <= '9' {
		n = n*10 + int64(b[digits]-'0')
		digits++
	}
	return n, digits
}
