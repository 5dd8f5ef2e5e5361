package program

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chattok/internal/process"
)

// stopPatience is how long a server may take to end when a test asks it to.
const stopPatience = 30 * time.Second

// ChattokT is Chattok for a test, which fails where the build does.
func ChattokT(tb testing.TB) string {
	tb.Helper()
	path, err := Chattok()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// FreeAddrT is process.FreeAddr for a test.
func FreeAddrT(tb testing.TB) string {
	tb.Helper()
	addr, err := process.FreeAddr()
	if err != nil {
		tb.Fatal(err)
	}
	return addr
}

// NewT returns a server of this repository's program for a test, which kills it at its end and shows its output where the
// test has failed. Fields of c that are empty are filled in: a database in a file of its own, a free address.
func NewT(tb testing.TB, c Config) *Server {
	tb.Helper()
	folder := tb.TempDir()
	if c.Path == "" {
		c.Path = ChattokT(tb)
	}
	if c.Addr == "" {
		c.Addr = FreeAddrT(tb)
	}
	if c.Database == "" {
		c.Database = filepath.Join(folder, "chattok.db")
	}
	if c.LogFile == "" {
		c.LogFile = filepath.Join(folder, "chattok.log")
	}
	s := New(c)
	tb.Cleanup(func() {
		_ = s.Kill() // fails for one that has ended
		if tb.Failed() && s.Pid() != 0 {
			tb.Logf("the server printed:\n%s", s.Tail())
		}
	})
	return s
}

// StartT is NewT and BeginT.
func StartT(tb testing.TB, c Config) *Server {
	tb.Helper()
	s := NewT(tb, c)
	s.BeginT(tb)
	return s
}

// BeginT is Begin for a test, which fails where Begin does.
func (s *Server) BeginT(tb testing.TB) {
	tb.Helper()
	if err := s.Begin(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// LaunchT starts the server and does not wait until it is ready.
func (s *Server) LaunchT(tb testing.TB) {
	tb.Helper()
	if err := s.Start(); err != nil {
		tb.Fatal(err)
	}
}

// KillT ends the server at once (SIGKILL).
func (s *Server) KillT(tb testing.TB) {
	tb.Helper()
	if err := s.Kill(); err != nil {
		tb.Fatal(err)
	}
}

// StopT ends the server as an operator does (SIGTERM), which must end with exit code 0.
func (s *Server) StopT(tb testing.TB) {
	tb.Helper()
	s.SignalT(tb, syscall.SIGTERM)
	s.EndT(tb)
}

// EndT waits until the server has ended, which must be with exit code 0.
func (s *Server) EndT(tb testing.TB) {
	tb.Helper()
	select {
	case <-s.Ended():
	case <-time.After(stopPatience):
		tb.Fatalf("the server has not ended after %v", stopPatience)
	}
	if err := s.Result(); err != nil {
		tb.Errorf("the server ended with %v", err)
	}
}

// SignalT sends a signal to the server.
func (s *Server) SignalT(tb testing.TB, signal syscall.Signal) {
	tb.Helper()
	if err := s.Signal(signal); err != nil {
		tb.Fatal(err)
	}
}

// OutputT returns what a command of the binary prints, run on the server's database.
func (s *Server) OutputT(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := exec.Command(s.Path, append(args, "-database", s.Database)...).Output()
	if err != nil {
		tb.Fatalf("%v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}
