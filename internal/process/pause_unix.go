//go:build unix

package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// pausePatience is how long a process may take to stand still.
const pausePatience = 30 * time.Second

// Pause stops the process (SIGSTOP) until Resume: its sockets stay open and nothing is answered. On Linux it returns when
// the process stands still, which is some time after the signal.
func (p *Process) Pause() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for deadline := time.Now().Add(pausePatience); !stopped(p.Pid()); time.Sleep(time.Millisecond) {
		if _, err := p.running(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("pause %s: it goes on", p.name)
		}
	}
	return nil
}

// Resume continues a paused process.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// stopped says whether all threads of a process stand still. It returns true on a system without /proc.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // fails for a malformed pattern alone
	for _, name := range threads {
		stat, err := os.ReadFile(name)
		if err == nil && !bytes.Contains(stat, []byte(") T ")) { // proc_pid_stat(5): the state follows the name
			return false
		}
	}
	return true
}
