package transport

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"
)

// socketWriter writes the frames of one WebSocket, one write at a time. A write of an operation waits until the kernel
// has taken it, under the write deadline. A write of a worker (writeNow) does not wait: a goroutine writes the rest,
// and holds the lock meanwhile.
//
// A worker that finds the lock held passes the socket by (tryLock). At the end of the write, unlock calls freed.
type socketWriter struct {
	streams *Streams
	client  netip.Prefix // whose share of memory waiting bytes count to
	failed  func()       // ends the connection after a failed write
	freed   func()       // queues the shards that passed the socket by

	mu       sync.Mutex
	passedBy atomic.Bool // a shard passed the socket by since the lock was taken
	conn     net.Conn
	raw      syscall.RawConn // for writes that do not wait; nil where the connection has none
	closed   bool            // a close frame was sent, or the connection has failed
	said     bool            // a close frame was sent
}

// unlock ends a write, and serves the shards that passed the socket by meanwhile.
func (w *socketWriter) unlock() {
	w.mu.Unlock()
	if w.passedBy.Swap(false) {
		w.streams.running.Go(w.freed) // on a goroutine, as the caller may hold a shard
	}
}

// tryLock takes the lock if it is free. Where it is not, freed is called when the lock is released.
func (w *socketWriter) tryLock() bool {
	if w.mu.TryLock() {
		return true
	}
	w.passedBy.Store(true)
	// The holder may have unlocked before it could see passedBy, so there is one more try. passedBy stays set even
	// where that succeeds, at the price of one useless pass: another shard may have set it too.
	return w.mu.TryLock()
}

// send sends a message of the protocol. An error means that the socket has ended; another goroutine cleans up.
func (w *socketWriter) send(kind, id string, payload []byte) error {
	buffer := getBuffer()
	defer putBuffer(buffer)
	*buffer = appendMessage((*buffer)[:0], kind, id, payload)
	return w.frame(ws.OpText, *buffer)
}

// sendResponse sends a response as a message of this kind. Data that is long is not copied.
func (w *socketWriter) sendResponse(kind, id string, response *graphql.Response) error {
	buffer := getBuffer()
	defer putBuffer(buffer)
	*buffer = appendMessagePrefix((*buffer)[:0], kind, id)
	var data, end []byte
	*buffer, data, end = appendResponseParts(*buffer, response)
	end = append(end, '}')
	header := appendFrameHeader(nil, ws.OpText, len(*buffer)+len(data)+len(end))
	if data == nil {
		return w.frames(append(append(header, *buffer...), end...))
	}
	return w.frames(append(header, *buffer...), data, end)
}

// frame sends one frame.
func (w *socketWriter) frame(op ws.OpCode, payload []byte) error {
	buffer := getBuffer()
	defer putBuffer(buffer)
	*buffer = appendFrame((*buffer)[:0], op, payload)
	return w.frames(*buffer)
}

// close sends a close frame, once, and says whether this call did.
func (w *socketWriter) close(code CloseCode, reason string) bool {
	w.mu.Lock()
	defer w.unlock()
	if w.closed || w.conn == nil {
		return false
	}
	_ = w.write(appendFrame(nil, ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), closeReason(reason))))
	w.closed, w.said = true, true
	w.streams.counts.close(code)
	return true
}

// shut refuses every further write, once the socket has ended.
func (w *socketWriter) shut() {
	w.mu.Lock()
	defer w.unlock()
	w.closed = true
	if !w.said {
		w.streams.counts.silent.Add(1)
	}
}

// frames sends whole frames, which may be in parts, and waits until they are taken.
func (w *socketWriter) frames(parts ...[]byte) error {
	w.mu.Lock()
	defer w.unlock()
	if w.closed {
		return net.ErrClosed
	}
	return w.write(parts...)
}

// write writes whole frames, which may be in parts, at the pace that the client has to keep. mu is held.
func (w *socketWriter) write(parts ...[]byte) error {
	pace := beginWrite(w.streams.config.WriteTimeout)
	for _, part := range parts {
		for piece := range slices.Chunk(part, pieceBytes) {
			_ = w.conn.SetWriteDeadline(pace.next(piece))
			if _, err := w.conn.Write(piece); err != nil {
				if !w.closed && tookTooLong(err) {
					w.streams.counts.cutOff.Add(1)
				}
				w.closed = true
				w.failed() // part of a frame may be out, so nothing can follow it
				return err
			}
		}
	}
	_ = w.conn.SetWriteDeadline(time.Time{}) // a deadline that has passed would fail the writes that don't wait
	return nil
}

// writeNow sends whole frames without waiting for the client: a goroutine writes the bytes that the kernel does not take
// at once. mu is held, and unlocked when all is done.
func (w *socketWriter) writeNow(frames []byte) {
	n := 0
	if w.raw != nil {
		n = tryWrite(w.raw, frames)
	}
	if n == len(frames) {
		w.unlock()
		return
	}
	release, ok := w.streams.config.Answers.keep(w.client, len(frames)-n)
	if !ok { // too much waits already, and this client takes nothing: it resumes by its cursor
		w.closed = true
		w.streams.counts.cutOff.Add(1)
		w.streams.running.Go(func() {
			defer w.unlock()
			w.failed()
		})
		return
	}
	rest := bytes.Clone(frames[n:])
	w.streams.running.Go(func() {
		defer release()
		defer w.unlock()
		_ = w.write(rest)
	})
}

// tryWrite returns how many bytes the kernel takes at once. An error is left for the next write to find.
func tryWrite(raw syscall.RawConn, b []byte) (n int) {
	err := raw.Write(func(fd uintptr) bool {
		n, _ = writeFD(fd, b)
		return true
	})
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// appendFrame appends a whole frame of a server.
func appendFrame(b []byte, op ws.OpCode, payload []byte) []byte {
	return append(appendFrameHeader(b, op, len(payload)), payload...)
}

// appendFrameHeader appends the header of a whole frame of a server. See RFC 6455, section 5.2.
func appendFrameHeader(b []byte, op ws.OpCode, n int) []byte {
	const fin = 0x80
	b = append(b, fin|byte(op))
	switch {
	case n < 126:
		return append(b, byte(n))
	case n < 1<<16:
		return append(b, 126, byte(n>>8), byte(n))
	default:
		return append(b, 127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}
