//go:build unix

package accept

import (
	"errors"
	"io"
	"net"
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

// firstByte waits for the first byte, and leaves it to be read.
func firstByte(c *net.TCPConn) (byte, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var first [1]byte
	var failed error
	err = raw.Read(func(fd uintptr) (done bool) {
		n, _, err := syscall.Recvfrom(int(fd), first[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
			return false
		case err != nil:
			failed = err
		case n == 0:
			failed = io.EOF
		}
		return true
	})
	return first[0], errors.Join(err, failed)
}
