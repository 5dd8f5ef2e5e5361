//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2conn is an HTTP/2 connection that is written to by hand.
type h2conn struct {
	net.Conn
	out    *bufio.Writer
	framer *http2.Framer
	block  bytes.Buffer
	enc    *hpack.Encoder
	next   uint32
	host   string
}

// dialNarrow connects by TLS with a small window and small segments, as a client over a network has.
func (c *client) dialNarrow(ctx context.Context, protocol string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: requestTimeout, KeepAlive: -1, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1000)
		})
	}}
	if ownNetwork() {
		dialer.LocalAddr = &net.TCPAddr{IP: c.address.AsSlice()}
	}
	conn, err := dialer.DialContext(ctx, "tcp", c.server.host)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(conn, c.tlsConfig(protocol))
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secured, nil
}

func (c *client) h2(conn net.Conn, settings ...http2.Setting) (*h2conn, error) {
	h := &h2conn{Conn: conn, out: bufio.NewWriterSize(conn, 16<<10), next: 1, host: c.server.host}
	h.framer = http2.NewFramer(h.out, conn)
	h.framer.SetMaxReadFrameSize(1<<24 - 1)
	h.enc = hpack.NewEncoder(&h.block)
	if _, err := io.WriteString(h.out, http2.ClientPreface); err != nil {
		return nil, err
	}
	if err := h.framer.WriteSettings(settings...); err != nil {
		return nil, err
	}
	if err := h.framer.WriteSettingsAck(); err != nil {
		return nil, err
	}
	return h, h.out.Flush()
}

// asked returns a connection that has asked for /healthz and been answered.
func (c *client) asked(conn net.Conn) (*h2conn, error) {
	_ = conn.SetDeadline(time.Now().Add(requestTimeout))
	h, err := c.h2(conn)
	if err == nil {
		err = h.get("/healthz", false)
	}
	if err == nil {
		err = h.out.Flush()
	}
	if err == nil {
		err = h.answers(1)
	}
	return h, err
}

// get begins a GET; the fields of more may be indexed.
func (h *h2conn) get(path string, sensitive bool, more ...hpack.HeaderField) error {
	h.block.Reset()
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: h.host, Sensitive: sensitive}, {Name: ":path", Value: path, Sensitive: sensitive}} {
		_ = h.enc.WriteField(f)
	}
	for _, f := range more {
		_ = h.enc.WriteField(f)
	}
	id := h.next
	h.next += 2
	return h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: h.block.Bytes(), EndHeaders: true, EndStream: true})
}

// answer reads frames until n streams have ended.
func (h *h2conn) answers(n int) error {
	for n > 0 {
		f, err := h.framer.ReadFrame()
		if err != nil {
			return err
		}
		switch f := f.(type) {
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				n--
			}
		case *http2.DataFrame:
			if f.StreamEnded() {
				n--
			}
		case *http2.RSTStreamFrame:
			n--
		case *http2.GoAwayFrame:
			return errors.New("go away")
		}
	}
	return nil
}
