//go:build !unix

package transport

import "syscall"

// directIO is false: on Windows the handle of a socket takes overlapped requests only.
const directIO = false

func readFD(uintptr, []byte) (int, error) { return 0, syscall.EINVAL }

func writeFD(uintptr, []byte) (int, error) { return 0, syscall.EINVAL }
