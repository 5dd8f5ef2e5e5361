//go:build !linux

package transport

import (
	"errors"
	"syscall"
)

// poller does nothing: every socket keeps a goroutine.
type poller struct{}

func (*poller) open() error                              { return nil }
func (*poller) works() bool                              { return false }
func (*poller) watch(syscall.RawConn, bool) (int, error) { return 0, errors.ErrUnsupported }
func (*poller) run(func(int))                            {}
func (*poller) close()                                   {}
