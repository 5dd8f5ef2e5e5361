//go:build unix && !linux

package process

import "syscall"

// attributes put the process into a group of its own, so that an interrupt from the terminal reaches the program that
// runs it alone.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
