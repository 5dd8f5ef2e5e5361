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

// messageRoom is the memory that a message takes which is not small: from before it arrives until what it asked for is answered. It is the
// room that the bodies of requests take, so that what a node reads at once is bounded however it comes.
type messageRoom struct {
	socket *socket
	bytes  int64
	due    bool // the rest of a message must arrive by a deadline
}

// admit is called when the header of a frame has come, and with how many bytes of its message have come before. It waits for room where
// the message is not small, for twice its length, as the decoded values take as much again; a message in fragments may become as long as
// the limit. Errors: a *closeError.
func (r *messageRoom) admit(h ws.Header, before int) error {
	s, n := r.socket, int64(before)+h.Length
	if !h.Fin || n > readBytes {
		r.expect()
	}
	if n <= uncountedBody || s.streams.config.Answers == nil {
		return nil
	}
	if !h.Fin {
		n = int64(s.limit()) // which grows by the acknowledgement
	}
	more := 2*n - r.bytes
	if more <= 0 {
		return nil
	}
	if !s.streams.config.Answers.incoming.acquire(s.ops.context(), s.client, more) {
		return &closeError{code: CloseTryLater, reason: noRoomReason, unread: h.Length}
	}
	r.bytes += more
	r.due = false
	r.expect() // its time begins when there is room
	return nil
}

// expect sets the time by which the rest of a message must have arrived, once.
func (r *messageRoom) expect() {
	if !r.due {
		r.due = true
		r.setDeadline(time.Now().Add(r.socket.streams.config.MessageTimeout))
	}
}

// arrived says that the message is whole.
func (r *messageRoom) arrived() {
	if r.due {
		r.due = false
		r.setDeadline(time.Time{})
	}
}

// setDeadline sets the read deadline, but for that of a socket that is being closed.
func (r *messageRoom) setDeadline(at time.Time) {
	_ = r.socket.conn.SetReadDeadline(at)
	if r.socket.closing.Load() { // close may have set its own before
		_ = r.socket.conn.SetReadDeadline(time.Now().Add(closeWait))
	}
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
