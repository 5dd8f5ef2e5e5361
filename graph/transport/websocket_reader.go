package transport

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"github.com/gobwas/ws"
)

// messageReader reads the frames of one WebSocket as RFC 6455 has them. It is for one goroutine.
type messageReader struct{ idleReader }

// open begins to read a connection; early holds bytes that came with the request.
func (r *messageReader) open(conn net.Conn, raw syscall.RawConn, early *bufio.Reader) {
	r.conn, r.raw = conn, raw
	if n := early.Buffered(); n > 0 {
		first, _ := early.Peek(n)
		r.first = bytes.Clone(first)
	}
}

// frame reads the next frame, with a payload of limit bytes at most, which is asked for once the header has come: a socket's limit
// grows while the reader waits. fragmented says that a message has begun and not ended. admit is called before the payload of a frame that
// is no control frame is read. Where reading fails, the payload is what has come of it. Errors: a *closeError for a fault of the client; those of admit and of the connection.
func (r *messageReader) frame(limit func() int, fragmented bool, admit func(ws.Header) error) (h ws.Header, payload []byte, err error) {
	if h, err = ws.ReadHeader(r); err != nil {
		return h, nil, err
	}
	if fault := frameFault(h, fragmented); fault != "" {
		return h, nil, &closeError{code: CloseProtocol, reason: fault}
	}
	if h.Length > int64(limit()) {
		return h, nil, &closeError{code: CloseTooBig, reason: "a message is larger than the server takes", unread: h.Length}
	}
	if !h.OpCode.IsControl() {
		if err := admit(h); err != nil {
			return h, nil, err
		}
	}
	if payload, err = readPayload(r, int(h.Length)); err != nil {
		return h, payload, err
	}
	ws.Cipher(payload, h.Mask, 0)
	return h, payload, nil
}

// frameFault returns which rule of RFC 6455 a frame breaks; "" for none.
func frameFault(h ws.Header, fragmented bool) string {
	switch {
	case !h.Masked:
		return "frames of clients are masked"
	case h.Rsv != 0:
		return "no extension was negotiated"
	case h.OpCode.IsReserved():
		return "unknown opcode"
	case h.OpCode.IsControl() && (!h.Fin || h.Length > ws.MaxControlFramePayloadSize):
		return "a control frame is short and whole"
	case h.OpCode.IsControl():
		return ""
	case fragmented != (h.OpCode == ws.OpContinuation):
		return "fragments out of order"
	}
	return ""
}

// firstRead is the size of a frame's buffer before its payload comes. The buffer then grows with the bytes that have
// come, so that a frame which only announces a large payload takes no memory.
const firstRead = readBytes

// readPayload reads n bytes, and returns those that came before an error.
func readPayload(r io.Reader, n int) ([]byte, error) {
	payload := make([]byte, min(n, firstRead))
	for read := 0; ; {
		if n, err := io.ReadFull(r, payload[read:]); err != nil {
			return payload[:read+n], err
		}
		if read = len(payload); read == n {
			return payload, nil
		}
		payload = append(payload, make([]byte, min(read, n-read))...)
	}
}

// A socket that is closed still reads drained frames, and maxDrained bytes.
const (
	drained    = 1000
	maxDrained = 64 << 10
)

// drain reads and drops bytes that are still on their way, skip bytes and then frames, until the client's close frame or the read
// deadline. Without it the kernel would reset the connection, and the server's close frame would be lost. A client that goes on sending
// is read for most bytes, whatever it has said before. Then it is left unread for about closeWait: meanwhile it can read the close frame, and takes no processor. The
// time is a random one, since a thousand sockets that end together would come back together.
func (r *messageReader) drain(skip, most int64) {
	for range drained {
		n := min(skip, most)
		if _, err := io.CopyN(io.Discard, r, n); err != nil {
			return
		}
		if most -= n; most <= 0 {
			break
		}
		h, err := ws.ReadHeader(r)
		if err != nil || h.OpCode == ws.OpClose {
			return
		}
		skip = h.Length
	}
	time.Sleep(closeWait/2 + rand.N(closeWait))
}
