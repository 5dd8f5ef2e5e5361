//go:build !unix

package accept

import "net"

// unread says whether bytes have come that nobody has read yet, which can't be asked here.
func unread(*net.TCPConn) bool { return false }

// firstByte would wait for the first byte. It can't be known here before it is read, so all connections arrive at once.
func firstByte(*net.TCPConn) (byte, error) { return 0, nil }
