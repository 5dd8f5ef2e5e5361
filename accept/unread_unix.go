//go:build unix

package accept

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// unread says whether bytes have come that nobody has read yet: a request may have come that the server has not seen.
func unread(c *net.TCPConn) (some bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		var first [1]byte
		n, _, err := syscall.Recvfrom(int(fd), first[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		some = err == nil && n > 0
	})
	return err == nil && some
}

// openings are buffers for the first bytes of connections.
var openings = sync.Pool{New: func() any { return new([helloBytes]byte) }}

// waitFor waits until enough says so of the first bytes, of which there are helloBytes at most, and leaves them to be read.
func waitFor(c *net.TCPConn, enough func(first []byte) bool) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) (done bool) {
		room := openings.Get().(*[helloBytes]byte)
		defer openings.Put(room)
		for {
			n, _, err := syscall.Recvfrom(int(fd), room[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			switch {
			case errors.Is(err, syscall.EINTR):
				continue
			case errors.Is(err, syscall.EAGAIN):
				return false
			case err != nil:
				failed = err
			case n == 0:
				failed = io.EOF
			default:
				return enough(room[:n])
			}
			return true
		}
	})
	return errors.Join(err, failed)
}
