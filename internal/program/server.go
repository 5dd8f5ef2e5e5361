package program

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"chattok/internal/process"
)

// probeTimeout bounds one health probe.
const probeTimeout = 5 * time.Second

// Server is the chattok binary as a process, at an address and on a database that outlive it: it can be ended and started
// again.
type Server struct {
	*process.Process
	Path     string // of the binary
	Addr     string // host and port
	Database string // file or URL
}

// Config describes a Server.
type Config struct {
	Name     string   // what errors call it; "" for chattok
	Path     string   // of the binary
	Addr     string   // host:port
	Database string   // file or URL
	Env      []string // further environment, CHATTOK_…=…
	LogFile  string   // takes everything it prints
}

// New describes a Server without starting it. Each start takes over the environment that this process has then.
func New(c Config) *Server {
	if c.Name == "" {
		c.Name = "chattok"
	}
	s := &Server{Path: c.Path, Addr: c.Addr, Database: c.Database}
	s.Process = process.New(c.Name, c.LogFile, func() *exec.Cmd {
		command := exec.Command(c.Path)
		command.Env = append(os.Environ(), "CHATTOK_ADDR="+c.Addr, "CHATTOK_DATABASE="+c.Database)
		command.Env = append(command.Env, c.Env...)
		return command
	})
	return s
}

// URL returns the address as a URL without a path.
func (s *Server) URL() string { return "http://" + s.Addr }

// Begin starts the server and returns when it is ready.
func (s *Server) Begin(ctx context.Context) error {
	if err := s.Start(); err != nil {
		return err
	}
	return s.AwaitReady(ctx)
}

// AwaitReady returns when the server says that it is ready, or with how it ended.
func (s *Server) AwaitReady(ctx context.Context) error {
	return s.Process.AwaitReady(ctx, func() error { return s.probe(ctx, "/readyz") })
}

// Recover returns when the server says that it is ready, however often it ends and is started again meanwhile.
func (s *Server) Recover(ctx context.Context) error {
	return process.Await(ctx, nil, func() error { return s.probe(ctx, "/readyz") })
}

// Ready says whether the server is ready now, and all of it works.
func (s *Server) Ready(ctx context.Context) bool { return s.probe(ctx, "/readyz") == nil }

// Serves says whether the server answers now.
func (s *Server) Serves(ctx context.Context) bool { return s.probe(ctx, "/healthz") == nil }

// Degraded says whether the server is ready now, but something of it does not work, such as the bus.
func (s *Server) Degraded(ctx context.Context) bool {
	err := s.probe(ctx, "/readyz")
	return err != nil && strings.Contains(err.Error(), "says 200 OK, \"degraded")
}

// probe asks a health probe, and returns nil for the answer "ok" alone.
func (s *Server) probe(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if answer := strings.TrimSpace(string(body)); resp.StatusCode != http.StatusOK || answer != "ok" {
		return fmt.Errorf("%s says %s, %q", path, resp.Status, answer)
	}
	return nil
}
