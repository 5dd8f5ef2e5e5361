//go:build unix

package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Process is a program that can be ended and started again. Its methods are safe for concurrent use.
type Process struct {
	name    string
	logFile string // what it prints, from all its lives
	command func() *exec.Cmd

	mu   sync.Mutex
	life *life // nil before the first
}

// life is one run of a process.
type life struct {
	process *os.Process
	ended   chan struct{} // closed when it has
	err     error         // how; to be read after ended
}

// Start begins a life. Starting a process that runs is an error.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life != nil && !p.life.over() {
		return fmt.Errorf("start %s: it runs already", p.name)
	}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", p.name, err)
	}
	defer log.Close() // the process has its own hold of it
	command := p.command()
	command.Stdout, command.Stderr = log, log
	// A group of its own, so that an interrupt from the terminal reaches it by way of its owner alone.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(command.SysProcAttr)
	if p.life, err = begin(command); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return nil
}

// begin starts a command on a goroutine that keeps its thread while the command runs, since dieWithParent means the
// thread that started it.
func begin(command *exec.Cmd) (*life, error) {
	l := &life{ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		l.process = command.Process
		started <- err
		if err == nil {
			l.err = command.Wait()
			close(l.ended)
		}
	}()
	return l, <-started
}

func (l *life) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// current returns the life that is on, or an error.
func (p *Process) current() (*life, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life == nil || p.life.over() {
		return nil, fmt.Errorf("%s does not run", p.name)
	}
	return p.life, nil
}

// Name is what the process is called in errors.
func (p *Process) Name() string { return p.name }

// LogFile is where everything goes that the process prints.
func (p *Process) LogFile() string { return p.logFile }

// Pid returns the process's id, also of one that has ended; 0 before the first start.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life == nil {
		return 0
	}
	return p.life.process.Pid
}

// Ended is closed when the life that is on ends, or the last one has. It is nil before the first.
func (p *Process) Ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life == nil {
		return nil
	}
	return p.life.ended
}

// How returns how the last life ended; nil where that was with exit code 0, or it has not.
func (p *Process) How() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life == nil || !p.life.over() {
		return nil
	}
	return p.life.err
}

// Signal sends a signal to a process that runs.
func (p *Process) Signal(signal os.Signal) error {
	l, err := p.current()
	if err != nil {
		return err
	}
	if err := l.process.Signal(signal); err != nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// Pause stops the process (SIGSTOP) until Resume: its sockets stay open and nothing is answered.
func (p *Process) Pause() error { return p.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Kill ends the process at once (SIGKILL), and returns when it has ended.
func (p *Process) Kill() error {
	l, err := p.current()
	if err != nil {
		return err
	}
	if err := l.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-l.ended
	return nil
}

// Stop asks the process to end (SIGTERM), kills it where it takes longer than patience, and returns how it ended.
func (p *Process) Stop(patience time.Duration) error {
	l, err := p.current()
	if err != nil {
		return nil // as wanted
	}
	if err := l.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.ended:
		if l.err != nil {
			return fmt.Errorf("stop %s: %w", p.name, l.err)
		}
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("stop %s: it does not end within %v", p.name, patience), p.Kill())
	}
}
