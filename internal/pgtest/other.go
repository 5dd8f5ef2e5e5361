//go:build !unix

package pgtest

import (
	"context"
	"errors"
	"os"
	"testing"

	"chattok/internal/need"
)

// errSystem says that this system is not supported: a server is run as a user of its own, and ended by its process
// group.
var errSystem = errors.New("pgtest: PostgreSQL for tests is run on Unix alone; CHATTOK_DATABASE takes a server's URL on every system")

// Config describes a server.
type Config struct {
	Fsync    bool
	Dir      string
	Port     int
	Settings map[string]string
}

// Mode is a way to stop a server.
type Mode os.Signal

// The ways to stop a server.
var (
	Fast      Mode = os.Interrupt
	Immediate Mode = os.Kill
	Kill      Mode = os.Kill
)

// Server is one PostgreSQL server. There is none on this system.
type Server struct{}

// Start returns an error.
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

// The methods below exist so that callers compile.

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
