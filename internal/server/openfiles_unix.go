//go:build unix

package server

import "syscall"

// openFiles returns how many files, sockets included, the process may have open.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return assumedFiles
	}
	return int(min(uint64(limit.Cur), mostFiles))
}
