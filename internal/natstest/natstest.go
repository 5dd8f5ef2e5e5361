// Package natstest runs a real nats-server for tests: the binary of the version in tools/go.mod, built once into bin/,
// as a process that can be killed, paused and started again at the same address.
package natstest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

const (
	module = "github.com/nats-io/nats-server/v2"
	// patience is how long a server may take to answer, or to go.
	patience = 30 * time.Second
)

// Server is a nats-server. Its methods fail the test where they can't do what they say, and must be called from one
// goroutine at a time.
type Server struct {
	tb      testing.TB
	addr    string
	config  string // file
	log     string // file
	scheme  string
	process *exec.Cmd // nil while it does not run
}

// Option changes a Server before it starts.
type Option func(*options)

type options struct {
	config string
	scheme string
	addr   string
}

// Config adds lines to the server's configuration file, such as "max_payload: 4096".
func Config(lines string) Option {
	return func(o *options) { o.config += lines + "\n" }
}

// TLS says that the configuration asks for TLS, so that URL begins with tls.
func TLS() Option { return func(o *options) { o.scheme = "tls" } }

// Addr has the server listen on host:port rather than on a free port of its own.
func Addr(addr string) Option { return func(o *options) { o.addr = addr } }

// Start starts a server and waits until it answers. It is killed when the test ends.
func Start(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	o := options{scheme: "nats"}
	for _, opt := range opts {
		opt(&o)
	}
	if o.addr == "" {
		o.addr = freeAddr(tb)
	}
	folder := tb.TempDir()
	s := &Server{tb: tb, addr: o.addr, scheme: o.scheme, config: filepath.Join(folder, "nats.conf"), log: filepath.Join(folder, "nats.log")}
	config := fmt.Sprintf("listen: %q\nmax_connections: 10000\n%s", s.addr, o.config)
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if s.process != nil {
			s.Resume()
			s.Kill()
		}
	})
	s.Start()
	return s
}

// URL returns where the server listens, also while it does not run.
func (s *Server) URL() string { return s.scheme + "://" + s.addr }

// Addr returns the server's host:port.
func (s *Server) Addr() string { return s.addr }

// Pid returns the id of the server's process.
func (s *Server) Pid() int { return s.process.Process.Pid }

// Start starts the server again after Kill or Stop, at the same address, and waits until it answers.
func (s *Server) Start() {
	s.tb.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer log.Close() // the process has its own
	process := exec.Command(Binary(s.tb), "-c", s.config)
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		s.tb.Fatalf("start nats-server: %v", err)
	}
	s.process = process
	if err := waitFor(s.answers); err != nil {
		text, _ := os.ReadFile(s.log)
		s.tb.Fatalf("nats-server at %s does not answer: %v\n%s", s.addr, err, text)
	}
}

// answers checks that the server greets who connects, as the NATS protocol has it.
func (s *Server) answers() error {
	conn, err := net.DialTimeout("tcp", s.addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	greeting := make([]byte, 5)
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Read(greeting); err != nil {
		return err
	}
	if !bytes.Equal(greeting, []byte("INFO ")) {
		return fmt.Errorf("it greets with %q", greeting)
	}
	return nil
}

// Kill ends the server at once (SIGKILL).
func (s *Server) Kill() { s.tb.Helper(); s.end(syscall.SIGKILL) }

// Stop asks the server to end (SIGTERM) and waits until it has.
func (s *Server) Stop() { s.tb.Helper(); s.end(syscall.SIGTERM) }

func (s *Server) end(signal syscall.Signal) {
	s.tb.Helper()
	s.signal(signal)
	err := s.process.Wait()
	s.process = nil
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		s.tb.Fatalf("end nats-server: %v, %v", err, exit)
	}
}

func (s *Server) signal(signal syscall.Signal) {
	s.tb.Helper()
	if s.process == nil {
		s.tb.Fatal("nats-server does not run")
	}
	if err := s.process.Process.Signal(signal); err != nil {
		s.tb.Fatalf("signal nats-server: %v", err)
	}
}

// waitFor calls done until it returns nil, for patience at most.
func waitFor(done func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := done()
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

func freeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

var build = sync.OnceValues(buildBinary)

// Binary returns the path of nats-server, which is built where it is not there or of another version.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// buildBinary builds under a lock, since the tests of several packages run at once, and nothing may write a file that
// another has running: go build leaves alone what is up to date.
func buildBinary() (path string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	path = filepath.Join(root, "bin", "nats-server")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("lock %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	command := exec.Command("go", "build", "-o", path, module)
	command.Dir = filepath.Join(root, "tools")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build nats-server: %w\n%s", err, out)
	}
	return path, nil
}

// moduleRoot returns the folder of the repository, which tests run somewhere below.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "tools", "go.mod")); err == nil {
			return folder, nil
		}
		up := filepath.Dir(folder)
		if up == folder {
			return "", errors.New("no tools/go.mod above the test's folder")
		}
		folder = up
	}
}
