//go:build unix

package natstest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Pause stops the server's process (SIGSTOP) until Resume: its sockets stay open and nothing is answered.
// It returns when the process stands still, which it does some time after the signal.
func (s *Server) Pause() {
	s.tb.Helper()
	s.signal(syscall.SIGSTOP)
	stat := fmt.Sprintf("/proc/%d/stat", s.process.Process.Pid)
	err := waitFor(func() error {
		raw, err := os.ReadFile(stat)
		if err == nil && !bytes.Contains(raw, []byte(") T ")) { // see proc_pid_stat(5): the state comes after the name
			err = errors.New("it goes on")
		}
		return err
	})
	if err != nil {
		s.tb.Fatalf("pause nats-server: %v", err)
	}
}

// Resume lets a paused server go on.
func (s *Server) Resume() { s.tb.Helper(); s.signal(syscall.SIGCONT) }
