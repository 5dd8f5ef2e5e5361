//go:build !unix

package pgtest

import (
	"context"
	"errors"
	"os"
	"testing"
)

// errSystem says why nothing here works: a server is run under a user of its own, and ended by its process group.
var errSystem = errors.New("pgtest: PostgreSQL for tests is run on Unix alone; CHATTOK_DATABASE takes a server's URL on every system")

// Config says how a server runs.
type Config struct {
	Fsync    bool
	Dir      string
	Port     int
	Settings map[string]string
}

// Mode says how to stop a server.
type Mode os.Signal

// The ways to stop.
var (
	Fast      Mode = os.Interrupt
	Immediate Mode = os.Kill
	Kill      Mode = os.Kill
)

// Server is one PostgreSQL server; there is none on this system.
type Server struct{}

// Start fails.
func Start(context.Context, Config) (*Server, error) { return nil, errSystem }

// Main runs a package's tests.
func Main(m *testing.M) int { return m.Run() }

// Shared fails the test.
func Shared(tb testing.TB) *Server { tb.Helper(); tb.Fatal(errSystem); return nil }

// Database fails the test.
func Database(tb testing.TB) string { tb.Helper(); tb.Fatal(errSystem); return "" }

// StartT fails the test.
func StartT(tb testing.TB, _ Config) *Server { tb.Helper(); tb.Fatal(errSystem); return nil }

// DatabaseT fails the test.
func (s *Server) DatabaseT(tb testing.TB) string { tb.Helper(); tb.Fatal(errSystem); return "" }

// The rest is what a Server has elsewhere; there is none to call it on.

func (s *Server) Start(context.Context) error                { return errSystem }
func (s *Server) Stop(Mode) error                            { return errSystem }
func (s *Server) Restart(context.Context, Mode) error        { return errSystem }
func (s *Server) Close() error                               { return errSystem }
func (s *Server) Pid() int                                   { return 0 }
func (s *Server) LogFile() string                            { return "" }
func (s *Server) Addr() string                               { return "" }
func (s *Server) URL(string) string                          { return "" }
func (s *Server) URLAt(string, string) string                { return "" }
func (s *Server) Exec(context.Context, string, string) error { return errSystem }
func (s *Server) DropDatabase(context.Context, string) error { return errSystem }
func (s *Server) CreateDatabase(context.Context, string) (string, error) {
	return "", errSystem
}
