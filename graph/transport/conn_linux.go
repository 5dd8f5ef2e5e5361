package transport

import (
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout sets TCP's user timeout (RFC 5482). A kernel without it keeps its own timeouts.
func setUserTimeout(fd uintptr, d time.Duration) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}
