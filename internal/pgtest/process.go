//go:build unix

package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"chattok/internal/process"
)

// readyPoll is how often a server that starts is asked whether it takes connections.
const readyPoll = 20 * time.Millisecond

// stopTimeout bounds a Fast stop, after which the server is killed.
const stopTimeout = 30 * time.Second

// Start starts a server that was stopped, on the same port, and returns when the server takes connections; after a
// crash, when it has recovered.
func (s *Server) Start(ctx context.Context) error {
	if s.process != nil {
		return errors.New("start PostgreSQL: it runs already")
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for try := 1; ; {
		if s.port == 0 {
			addr, err := process.FreeAddr()
			if err != nil {
				return err
			}
			_, port, _ := net.SplitHostPort(addr)
			s.port, _ = strconv.Atoi(port) // the port of FreeAddr
		}
		err := s.launch()
		if err == nil {
			err = s.awaitReady(ctx)
		}
		if err == nil {
			s.settled = true
			return nil
		}
		err = errors.Join(err, s.Stop(Immediate))
		log := s.logTail()
		if bytes.Contains(log, []byte("pre-existing shared memory block")) && ctx.Err() == nil {
			time.Sleep(readyPoll) // the kernel still counts the memory to the processes of a server that was killed
			continue
		}
		if !bytes.Contains(log, []byte("could not bind")) || s.settled || s.config.Port != 0 || try == 5 {
			return fmt.Errorf("start PostgreSQL: %w\n%s", err, log)
		}
		s.port = 0 // another program has taken the port: try another one
	}
}

// arguments are the command line's settings, which take precedence over postgresql.conf.
func (s *Server) arguments() []string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(s.port),
		"unix_socket_directories": "",
		"max_connections":         "200",
		"shared_buffers":          "64MB",
		"log_checkpoints":         "off",
		"logging_collector":       "off",
	}
	if !s.config.Fsync {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	maps.Copy(settings, s.config.Settings)
	args := []string{"-D", s.data()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// launch starts the process, with an empty log.
func (s *Server) launch() error {
	// The log is opened to append, since processes of a server that was killed may still write to it.
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("make PostgreSQL's log: %w", err)
	}
	defer log.Close() // the process has a descriptor of its own
	command := exec.Command(filepath.Join(s.bin, "postgres"), s.arguments()...)
	command.Dir = s.base
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = s.owner.attributes()
	ended, err := process.StartOnThread(command)
	if err != nil {
		return err
	}
	s.process, s.ended = command.Process, ended
	return nil
}

// awaitReady returns when the server takes connections, or has ended.
func (s *Server) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case how := <-s.ended:
			s.process = nil
			return fmt.Errorf("it ended: %w", errors.Join(how, err))
		case <-ctx.Done():
			return fmt.Errorf("it takes no connections: %w", err)
		case <-tick.C:
		}
	}
}

// Stop ends the server in one of the ways, and returns when all of its processes have ended. A server that is stopped
// stays stopped.
func (s *Server) Stop(mode Mode) error {
	if s.process == nil {
		return nil
	}
	process := s.process
	s.process = nil
	if err := process.Signal(mode); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-s.ended: // how it ended does not matter, since it was told to
	case <-timeout.C:
		err := errors.Join(errors.New("stop PostgreSQL: it does not end"), process.Kill())
		<-s.ended
		return err
	}
	return awaitGroup(process.Pid)
}

// awaitGroup returns when the whole process group has ended: the processes that a killed server leaves behind hold its
// shared memory for a moment.
func awaitGroup(pid int) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	deadline := time.Now().Add(stopTimeout)
	for !errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) {
		if time.Now().After(deadline) {
			return errors.Join(errors.New("stop PostgreSQL: its processes do not end"), syscall.Kill(-pid, syscall.SIGKILL))
		}
		<-tick.C
	}
	return nil
}

// Restart stops the server in one of the ways and starts it again, on the same port.
func (s *Server) Restart(ctx context.Context, mode Mode) error {
	if err := s.Stop(mode); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Close stops the server, and removes a temporary folder.
func (s *Server) Close() error {
	mode := Fast
	if s.config.Dir == "" {
		mode = Immediate // nothing must be kept
	}
	err := s.Stop(mode)
	if s.config.Dir == "" {
		err = errors.Join(err, os.RemoveAll(s.base))
	}
	return err
}

// Pid returns the id of the server's first process, 0 while the server is stopped. The process leads a group of its
// own, so that -Pid means all processes.
func (s *Server) Pid() int {
	if s.process == nil {
		return 0
	}
	return s.process.Pid
}

// logTail returns the end of the log, for an error.
func (s *Server) logTail() []byte {
	log, err := os.ReadFile(s.LogFile())
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(log[max(0, len(log)-4096):])
}
