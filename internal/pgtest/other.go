//go:build !unix

package pgtest

import (
	"context"
	"errors"
	"os"
	"testing"

	"chattok/internal/need"
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

// Need leaves the test out.
func Need(tb testing.TB) { tb.Helper(); need.Missing(tb, errSystem.Error()) }

// Shared leaves the test out.
func Shared(tb testing.TB) *Server { tb.Helper(); Need(tb); return nil }

// Database leaves the test out.
func Database(tb testing.TB) string { tb.Helper(); Need(tb); return "" }

// StartT leaves the test out.
func StartT(tb testing.TB, _ Config) *Server { tb.Helper(); Need(tb); return nil }

// DatabaseT leaves the test out.
func (s *Server) DatabaseT(tb testing.TB) string { tb.Helper(); Need(tb); return "" }

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
