package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// Error says why there is no answer, in words of its own: errors of net/http quote what a server sent.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// errPrivate is the error for an address that may not be dialled.
var errPrivate = errors.New("the address is not public")

// safe returns an error that quotes nothing of the answer; ctx is the caller's.
func (c *Client) safe(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if text := c.known(err); text != "" {
		return &Error{text}
	}
	return &Error{"the answer is no HTTP, or it ended early"}
}

// known returns a text for errors that say nothing of the answer; empty for others.
func (c *Client) known(err error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout net.Error
	switch {
	case errors.Is(err, errPrivate):
		return "the host's address is not on the public internet"
	case errors.As(err, &name):
		if name.IsNotFound {
			return "the host is not known"
		}
		return "the host's name can't be looked up"
	case errors.As(err, &certificate):
		return "the host's certificate is not trusted, has ended, or is another host's"
	case errors.As(err, &record), errors.As(err, &alert):
		return "the host does not speak TLS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the host refuses connections"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "the host can't be reached"
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no answer within %v", c.timeout)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer"
	}
	return ""
}
