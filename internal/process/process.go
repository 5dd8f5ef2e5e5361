// Package process runs a program that a test or a tool starts, pauses, kills and starts again. Everything that the
// program prints goes to a file. A Process ends with the program that runs it, also where that is killed (on Linux).
//
// Reading order: ready.go, pause_unix.go, process.go, attributes_linux.go, attributes_unix.go, attributes_other.go.
package process

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
	logFile string // takes the output of every run
	command func() *exec.Cmd

	mu     sync.Mutex
	latest *run // nil before the first
}

// run is the program from a start to its end.
type run struct {
	process *os.Process
	ended   chan struct{} // closed at the end
	err     error         // how it ended; to be read after ended
}

// New describes a program without starting it. name is what errors call it; its output is added to logFile. command
// returns a new command for each start.
func New(name, logFile string, command func() *exec.Cmd) *Process {
	return &Process{name: name, logFile: logFile, command: command}
}

// Start starts the program. To start one that runs is an error.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest != nil && !p.latest.over() {
		return fmt.Errorf("start %s: it runs already", p.name)
	}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", p.name, err)
	}
	defer log.Close() // the process has a descriptor of its own
	command := p.command()
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = attributes()
	if p.latest, err = begin(command); err != nil {
		p.latest = nil
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return nil
}

func begin(command *exec.Cmd) (*run, error) {
	r := &run{ended: make(chan struct{})}
	ended, err := StartOnThread(command)
	if err != nil {
		return nil, err
	}
	r.process = command.Process
	go func() {
		r.err = <-ended
		close(r.ended)
	}()
	return r, nil
}

// StartOnThread starts a command on a goroutine that keeps its thread until the command has ended: Linux kills a process
// whose Pdeathsig is set when the thread that started it ends. ended gets the result of Wait.
func StartOnThread(command *exec.Cmd) (ended <-chan error, err error) {
	started, waited := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			waited <- command.Wait()
		}
	}()
	return waited, <-started
}

func (r *run) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// running returns the run that has not ended, or an error.
func (p *Process) running() (*run, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest == nil || p.latest.over() {
		return nil, fmt.Errorf("%s does not run", p.name)
	}
	return p.latest, nil
}

// Name returns the name that errors have for the program.
func (p *Process) Name() string { return p.name }

// LogFile returns the file that takes everything the program prints.
func (p *Process) LogFile() string { return p.logFile }

// Tail returns the end of the program's output, for an error.
func (p *Process) Tail() []byte { return Tail(p.logFile) }

// Pid returns the process's id, also of one that has ended; 0 before the first start.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest == nil {
		return 0
	}
	return p.latest.process.Pid
}

// Ended returns a channel that is closed when the latest run ends, or has ended. It is nil before the first start.
func (p *Process) Ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest == nil {
		return nil
	}
	return p.latest.ended
}

// Result returns how the latest run ended; nil where that was with exit code 0, or it goes on.
func (p *Process) Result() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest == nil || !p.latest.over() {
		return nil
	}
	return p.latest.err
}

// Signal sends a signal to a program that runs.
func (p *Process) Signal(signal os.Signal) error {
	r, err := p.running()
	if err != nil {
		return err
	}
	if err := r.process.Signal(signal); err != nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// Kill ends the program at once (SIGKILL), and returns when it has ended.
func (p *Process) Kill() error {
	r, err := p.running()
	if err != nil {
		return err
	}
	if err := r.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-r.ended
	return nil
}

// Stop asks the program to end (SIGTERM), kills it where that takes longer than patience, and returns how it ended. One
// that does not run is left alone.
func (p *Process) Stop(patience time.Duration) error {
	r, err := p.running()
	if err != nil {
		return nil
	}
	if err := r.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.ended:
		if r.err != nil {
			return fmt.Errorf("stop %s: %w", p.name, r.err)
		}
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("stop %s: it does not end within %v", p.name, patience), p.Kill())
	}
}
