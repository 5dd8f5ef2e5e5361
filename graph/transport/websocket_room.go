package transport

import (
	"time"

	"github.com/gobwas/ws"
)

// DefaultMessageTimeout is for a message to arrive whole, as DefaultBodyTimeout is for a body.
const DefaultMessageTimeout = DefaultBodyTimeout

// Reasons of a close because of a message that is on its way.
const (
	slowMessageReason = "a message did not arrive in time"
	noRoomReason      = "the server has too much to read at once; come back"
)

// queueLook is the time between two looks whether a small message may be read.
const queueLook = 20 * time.Millisecond

// messageRoom is the memory that a message takes which is not small: from before it arrives until what it asked for is answered. It is the
// room that the bodies of requests take, so that what a node reads at once is bounded however it comes.
type messageRoom struct {
	socket   *socket
	bytes    int64
	deadline time.Time // by which the rest of a message must arrive; the zero time where none is expected
}

// admit is called when the header of a frame has come, and with how many bytes of its message have come before. It waits for room where
// the message is not small: for twice its length, as the decoded values take as much again; a message in fragments may become as long as
// the limit. A small message needs room only while it and the queued messages exceed uncountedBody together; otherwise it is read at
// once. Errors: a *closeError.
func (r *messageRoom) admit(h ws.Header, before int) error {
	s, n := r.socket, int64(before)+h.Length
	s.alive.heard.Store(s.streams.clock.Load())
	if (!h.Fin || n > readBytes) && r.deadline.IsZero() {
		r.expect(time.Now().Add(s.streams.config.MessageTimeout))
	}
	if s.streams.config.Answers == nil || r.small(n) {
		return nil
	}
	large := n > uncountedBody
	if large && !h.Fin {
		n = int64(s.limit()) // which grows by the acknowledgement
	}
	more := 2*n - r.bytes
	if more <= 0 {
		return nil
	}
	incoming, ctx, began := s.streams.config.Answers.incoming, s.ops.context(), time.Now()
	if large {
		if !incoming.acquire(ctx, s.client, more) {
			return r.refuse(h.Length)
		}
	} else {
		for !incoming.tryAcquire(s.client, more) {
			if !sleep(ctx, queueLook) {
				return r.refuse(h.Length)
			}
			s.alive.heard.Store(s.streams.clock.Load()) // the server is what takes its time
			if r.small(n) {
				more = 0
				break
			}
		}
	}
	r.bytes += more
	s.alive.heard.Store(s.streams.clock.Load())
	r.extend(time.Since(began))
	return nil
}

// small says whether a message of n bytes needs no room.
func (r *messageRoom) small(n int64) bool { return n+int64(r.socket.ops.waiting()) <= uncountedBody }

// refuse returns the error for a message for which there is no room.
func (r *messageRoom) refuse(unread int64) error {
	if r.socket.closing.Load() {
		return &closeError{unread: unread}
	}
	return &closeError{code: CloseTryLater, reason: noRoomReason, unread: unread}
}

// expect sets the time by which the rest of a message must have arrived; the zero time lifts it. The deadline of a socket that is being
// closed stays.
func (r *messageRoom) expect(at time.Time) {
	r.deadline = at
	_ = r.socket.conn.SetReadDeadline(at)
	if r.socket.closing.Load() { // close may have set its own before
		_ = r.socket.conn.SetReadDeadline(time.Now().Add(closeWait))
	}
}

// extend moves the deadline by a time for which the server has not read.
func (r *messageRoom) extend(by time.Duration) {
	if !r.deadline.IsZero() && by > 0 {
		r.expect(r.deadline.Add(by))
	}
}

// arrived says that the message is whole. It gives back the room that the message does not need, and waits for that which it needs besides
// for its values. Errors: a *closeError.
func (r *messageRoom) arrived(message []byte) error {
	s := r.socket
	if !r.deadline.IsZero() {
		r.expect(time.Time{})
	}
	if s.streams.config.Answers == nil {
		return nil
	}
	needed := roomOf(message)
	if needed == 0 && !r.small(int64(len(message))) {
		needed = r.bytes
	}
	if more := needed - r.bytes; more > 0 {
		if !s.streams.config.Answers.incoming.acquire(s.ops.context(), s.client, more) {
			return r.refuse(0)
		}
		s.alive.heard.Store(s.streams.clock.Load())
	} else if more < 0 {
		s.release(-more)
	}
	r.bytes = needed
	return nil
}

// pass gives the room to the operation that the message asked for, which releases it.
func (r *messageRoom) pass() (bytes int64) {
	bytes, r.bytes = r.bytes, 0
	return bytes
}

// release gives room back that messageRoom.admit took.
func (s *socket) release(bytes int64) {
	if bytes > 0 {
		s.streams.config.Answers.incoming.release(s.client, bytes)
	}
}
