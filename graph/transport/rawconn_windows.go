package transport

import (
	"errors"
	"net"
	"syscall"
)

// rawConn returns nil: on Windows a socket's reads and writes always go through its net.Conn, and wait.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readFD(uintptr, []byte) (int, error)  { return 0, errors.ErrUnsupported }
func writeFD(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }
