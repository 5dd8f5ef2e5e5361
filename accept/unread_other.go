//go:build !unix

package accept

import "net"

// unread says whether bytes have come that nobody has read yet, which can't be asked here.
func unread(*net.TCPConn) bool { return false }
