package transport

import (
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout sets RFC 5482's user timeout. A kernel without it leaves the connection to TCP's own.
func setUserTimeout(fd uintptr, d time.Duration) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}
