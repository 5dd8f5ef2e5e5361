//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"

	"github.com/gobwas/ws"
)

// maxFrameBytes bounds a frame's payload; a larger length means a broken stream.
const maxFrameBytes = 1 << 20

// frame is one message of the server's.
type frame struct {
	opcode  ws.OpCode
	payload []byte
}

// parseFrame returns the frame at the start of data and its size in bytes, or errIncomplete where data ends before it does.
// Fragments, masks and extensions are errors: no server here needs them. BenchmarkFrames compares it with gobwas/ws.
func parseFrame(data []byte) (f frame, used int, err error) {
	if len(data) < 2 {
		return frame{}, 0, errIncomplete
	}
	if data[0]&0xf0 != 0x80 || data[1]&0x80 != 0 {
		return frame{}, 0, fmt.Errorf("a frame that begins with % x", data[:2])
	}
	n, skip := int(data[1]), 2
	switch n {
	case 126:
		skip = 4
	case 127:
		skip = 10
	}
	if len(data) < skip {
		return frame{}, 0, errIncomplete
	}
	switch n {
	case 126:
		n = int(binary.BigEndian.Uint16(data[2:]))
	case 127:
		long := binary.BigEndian.Uint64(data[2:])
		if long > maxFrameBytes {
			return frame{}, 0, fmt.Errorf("a frame of %d bytes", long)
		}
		n = int(long)
	}
	if len(data) < skip+n {
		return frame{}, 0, errIncomplete
	}
	return frame{opcode: ws.OpCode(data[0] & 0x0f), payload: data[skip : skip+n]}, skip + n, nil
}

// clientFrame returns a frame to the server. Its mask is zero, which leaves the payload as it is.
func clientFrame(opcode ws.OpCode, payload string) []byte {
	return ws.MustCompileFrame(ws.MaskFrameWith(ws.NewFrame(opcode, true, []byte(payload)), [4]byte{}))
}

// upgrade opens a WebSocket on conn; protocol may be empty. The returned reader holds the data after the server's answer.
func upgrade(conn net.Conn, host, path, protocol string) (*bufio.Reader, error) {
	var dialer ws.Dialer
	if protocol != "" {
		dialer.Protocols = []string{protocol}
	}
	r, _, err := dialer.Upgrade(conn, &url.URL{Scheme: "ws", Host: host, Path: path})
	if err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	if r == nil { // no data came with the answer
		r = bufio.NewReaderSize(conn, 4<<10)
	}
	return r, nil
}

// exchange sends a text frame and returns the text frame that comes next.
func exchange(conn net.Conn, r *bufio.Reader, text string) (string, error) {
	if _, err := conn.Write(clientFrame(ws.OpText, text)); err != nil {
		return "", err
	}
	for size := 2; ; {
		data, err := r.Peek(size)
		if err != nil {
			return "", fmt.Errorf("after %.60s: %w", text, err)
		}
		if size < r.Buffered() {
			data, _ = r.Peek(r.Buffered())
		}
		f, used, err := parseFrame(data)
		if err == errIncomplete {
			size = len(data) + 1
			continue
		}
		if err != nil {
			return "", err
		}
		answer := string(f.payload)
		if _, err := r.Discard(used); err != nil {
			return "", err
		}
		switch f.opcode {
		case ws.OpText:
			return answer, nil
		case ws.OpClose:
			return "", fmt.Errorf("after %.60s: closed: %w: %q", text, io.EOF, answer)
		}
		size = 2
	}
}
