//go:build !unix

package transport

import "syscall"

// directIO is false: on Windows a socket's handle takes overlapped requests alone.
const directIO = false

func readFD(uintptr, []byte) (int, error) { return 0, syscall.EINVAL }

func writeFD(uintptr, []byte) (int, error) { return 0, syscall.EINVAL }
