//go:build unix

package main

import "syscall"

// openFiles returns how many files, and so connections, the process may have open.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return assumedFiles
	}
	return int(min(uint64(limit.Cur), mostFiles))
}
