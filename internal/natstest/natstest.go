// Package natstest runs a real nats-server for tests: the version of tools/go.mod, built once into bin/, as a process
// that can be killed, paused and started again at the same address.
package natstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"chattok/internal/process"
	"chattok/internal/program"
)

const (
	module = "github.com/nats-io/nats-server/v2"
	// patience is how long a server may take to end.
	patience = 30 * time.Second
)

// Server is a nats-server. Its methods fail the test where they fail, and must be called from one goroutine at a time.
type Server struct {
	tb      testing.TB
	addr    string
	config  string // file
	scheme  string
	process *process.Process
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

// Addr makes the server listen on host:port in place of a free port.
func Addr(addr string) Option { return func(o *options) { o.addr = addr } }

// Start starts a server and waits until it answers. The server is killed when the test ends.
func Start(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	o := options{scheme: "nats"}
	for _, opt := range opts {
		opt(&o)
	}
	if o.addr == "" {
		o.addr = program.FreeAddrT(tb)
	}
	folder := tb.TempDir()
	s := &Server{tb: tb, addr: o.addr, scheme: o.scheme, config: filepath.Join(folder, "nats.conf")}
	binary := Binary(tb)
	s.process = process.New("nats-server", filepath.Join(folder, "nats.log"), func() *exec.Cmd { return exec.Command(binary, "-c", s.config) })
	config := fmt.Sprintf("listen: %q\nmax_connections: 10000\n%s", s.addr, o.config)
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.process.Kill() }) // fails for one that has ended
	s.Start()
	return s
}

// URL returns where the server listens, also while it does not run.
func (s *Server) URL() string { return s.scheme + "://" + s.addr }

// Addr returns the server's host:port.
func (s *Server) Addr() string { return s.addr }

// Pid returns the id of the server's process.
func (s *Server) Pid() int { return s.process.Pid() }

// Start starts the server again after Kill or Stop, at the same address, and waits until it answers.
func (s *Server) Start() {
	s.tb.Helper()
	if err := s.process.Start(); err != nil {
		s.tb.Fatal(err)
	}
	if err := s.process.AwaitReady(context.WithoutCancel(s.tb.Context()), s.answers); err != nil {
		s.tb.Fatal(err)
	}
}

// answers checks that the server greets a client as the NATS protocol says.
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
func (s *Server) Kill() {
	s.tb.Helper()
	if err := s.process.Kill(); err != nil {
		s.tb.Fatal(err)
	}
}

// Stop asks the server to end (SIGTERM) and waits until it has ended.
func (s *Server) Stop() {
	s.tb.Helper()
	err := s.process.Stop(patience)
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited { // its exit code says that it was told to
		s.tb.Fatal(err)
	}
}

var build = sync.OnceValues(func() (string, error) { return program.Tool(module, "nats-server") })

// Binary returns the path of nats-server, which is built where it is missing or of another version.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}
