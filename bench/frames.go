//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
)

// maxFrameBytes bounds what one frame may carry; a length beyond it is a broken stream.
const maxFrameBytes = 1 << 20

// WebSocket opcodes (RFC 6455, section 5.2).
const (
	opText  = 1
	opClose = 8
	opPing  = 9
)

// frame is one message of the server's.
type frame struct {
	opcode  byte
	payload []byte
}

// parseFrame returns the frame that data begins with and how many bytes it takes; errIncomplete where it is not all
// there. Fragments, masks and extensions are errors: no server here needs them.
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
	return frame{opcode: data[0] & 0x0f, payload: data[skip : skip+n]}, skip + n, nil
}

// appendFrame appends a client's frame. Its mask is zero, which leaves the payload as it is.
func appendFrame(b []byte, opcode byte, payload string) []byte {
	b = append(b, 0x80|opcode)
	if n := len(payload); n < 126 {
		b = append(b, 0x80|byte(n))
	} else {
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	}
	b = append(b, 0, 0, 0, 0)
	return append(b, payload...)
}

// upgrade asks for a WebSocket on conn; protocol may be empty. What the server sends next stands in the reader.
func upgrade(conn net.Conn, host, path, protocol string) (*bufio.Reader, error) {
	if protocol != "" {
		protocol = "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, host, protocol)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(conn, 4<<10)
	for first := true; ; first = false {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("upgrade: %w", err)
		}
		if first && !strings.HasPrefix(line, "HTTP/1.1 101 ") {
			return nil, fmt.Errorf("upgrade: %s", strings.TrimSpace(line))
		}
		if line == "\r\n" {
			return r, nil
		}
	}
}

// exchange sends a text frame and returns the text frame that comes next.
func exchange(conn net.Conn, r *bufio.Reader, text string) (string, error) {
	if _, err := conn.Write(appendFrame(nil, opText, text)); err != nil {
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
		case opText:
			return answer, nil
		case opClose:
			return "", fmt.Errorf("after %.60s: closed: %w: %q", text, io.EOF, answer)
		}
		size = 2
	}
}
