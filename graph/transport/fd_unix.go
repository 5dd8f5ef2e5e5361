//go:build unix

package transport

import "syscall"

// directIO says whether a connection can be read and written by its descriptor without waiting. Where it can't, silent
// sockets keep their read buffers, and every write may wait.
const directIO = true

func readFD(fd uintptr, b []byte) (int, error) { return syscall.Read(int(fd), b) }

func writeFD(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }
