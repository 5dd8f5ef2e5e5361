//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"chattok/internal/need"
)

// shared is the test binary's server.
var shared struct {
	sync.Mutex
	owned  bool // Main is running
	server *Server
	err    error // of the start, which is tried once
}

var databases atomic.Int64

// Main runs a package's tests, and ends the server that they shared. TestMain exits with the code that it returns.
func Main(m *testing.M) (code int) {
	shared.Lock()
	shared.owned = true
	shared.Unlock()
	code = m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		return code
	}
	if err := shared.server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}

// Shared returns the test binary's server, which starts with the first call. It must not be stopped.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	Need(tb)
	if !shared.owned {
		tb.Fatal("pgtest: the package has no TestMain that calls pgtest.Main")
	}
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = Start(context.WithoutCancel(tb.Context()), Config{})
	}
	failOrSkip(tb, shared.err)
	return shared.server
}

// Need leaves the test out where PostgreSQL is not installed, and where tests are to be short. A test that starts a
// server in another way calls it first.
func Need(tb testing.TB) {
	tb.Helper()
	need.Time(tb, "it starts PostgreSQL")
	_, err := findBinaries()
	failOrSkip(tb, err)
}

// failOrSkip fails the test for an error. It leaves the test out where the error is that PostgreSQL is not installed.
func failOrSkip(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case errors.Is(err, errNotInstalled):
		need.Missing(tb, err.Error())
	case err != nil:
		tb.Fatal(err)
	}
}

// Database creates an empty database on the shared server, which is dropped when the test ends, and returns its URL.
func Database(tb testing.TB) string {
	tb.Helper()
	return Shared(tb).DatabaseT(tb)
}

// DatabaseT is CreateDatabase for a test, with a new name. The database is dropped when the test ends.
func (s *Server) DatabaseT(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	url, err := s.CreateDatabase(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if s.Pid() == 0 {
			return // its folder is removed anyway
		}
		if err := s.DropDatabase(context.WithoutCancel(tb.Context()), name); err != nil {
			tb.Error(err)
		}
	})
	return url
}

// StartT starts a server for one test, and stops it when the test ends.
func StartT(tb testing.TB, config Config) *Server {
	tb.Helper()
	Need(tb)
	server, err := Start(tb.Context(), config)
	failOrSkip(tb, err)
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
	})
	return server
}
