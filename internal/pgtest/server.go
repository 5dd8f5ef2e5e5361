//go:build unix

package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"chattok/internal/process"
)

// Config describes a server.
type Config struct {
	// Fsync makes commits durable, as on a server in use. Without it a commit outlives the server's death and not the
	// machine's, and tests are several times faster.
	Fsync bool
	// Dir keeps the data. It is created where it does not exist, a cluster in it is used, and Close leaves it there.
	// Empty for a temporary folder that Close removes.
	Dir string
	// Port is a port of 127.0.0.1; 0 for a free one, which is kept over restarts.
	Port int
	// Settings are further settings of postgresql.conf, such as "max_connections": "300".
	Settings map[string]string
}

// startTimeout bounds the creation of a cluster, and the recovery of a server that has died.
const startTimeout = 2 * time.Minute

// superuser owns every database of the server.
const superuser = "chattok"

// Mode is a way to stop a server.
type Mode os.Signal

// The ways to stop a server. After each of them Start brings the cluster up again.
var (
	Fast      Mode = syscall.SIGINT  // ends sessions, rolls back what is open, writes everything out
	Immediate Mode = syscall.SIGQUIT // like a crash, but its processes have ended first: the next Start recovers
	Kill      Mode = syscall.SIGKILL // of the first process: the others notice, and end
)

// Server is one PostgreSQL server. Its methods are not for concurrent use, except URL.
type Server struct {
	config   Config
	bin      string
	owner    *owner
	base     string // holds data, password and log; removed by Close where it is temporary
	password string
	port     int

	process *os.Process  // nil while it is stopped
	ended   <-chan error // gets how the process ended
	settled bool         // it has run, so callers know its port
}

// New creates a server's cluster, and does not start the server.
func New(ctx context.Context, config Config) (s *Server, err error) {
	s = &Server{config: config, port: config.Port}
	if s.bin, err = findBinaries(); err != nil {
		return nil, err
	}
	if s.owner, err = findOwner(); err != nil {
		return nil, err
	}
	if err := s.makeBase(); err != nil {
		return nil, err
	}
	if err := s.makeCluster(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Start creates a server and starts it.
func Start(ctx context.Context, config Config) (*Server, error) {
	s, err := New(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) makeBase() (err error) {
	if s.config.Dir == "" {
		if s.base, err = os.MkdirTemp("", "chattok-postgres-"); err != nil {
			return fmt.Errorf("make PostgreSQL's folder: %w", err)
		}
	} else {
		if s.base, err = filepath.Abs(s.config.Dir); err != nil {
			return fmt.Errorf("find PostgreSQL's folder: %w", err)
		}
		if err := os.MkdirAll(s.base, 0o700); err != nil {
			return fmt.Errorf("make PostgreSQL's folder: %w", err)
		}
	}
	if err := s.owner.take(s.base); err != nil {
		return fmt.Errorf("make PostgreSQL's folder: %w", err)
	}
	return nil
}

func (s *Server) data() string         { return filepath.Join(s.base, "data") }
func (s *Server) passwordFile() string { return filepath.Join(s.base, "password") }

// LogFile returns the file of the server's log.
func (s *Server) LogFile() string { return filepath.Join(s.base, "log") }

// makeCluster runs initdb, unless the folder has a cluster already.
func (s *Server) makeCluster(ctx context.Context) error {
	if kept, err := os.ReadFile(s.passwordFile()); err == nil {
		if _, err := os.Stat(filepath.Join(s.data(), "PG_VERSION")); err == nil {
			s.password = string(bytes.TrimSpace(kept))
			return nil
		}
	}
	s.password = rand.Text()
	if err := os.WriteFile(s.passwordFile(), []byte(s.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write PostgreSQL's password: %w", err)
	}
	if err := s.owner.take(s.passwordFile()); err != nil {
		return fmt.Errorf("write PostgreSQL's password: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	initdb := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "--pgdata", s.data(), "--username", superuser,
		"--pwfile", s.passwordFile(), "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	initdb.Dir = s.base
	initdb.SysProcAttr = s.owner.attributes()
	var out bytes.Buffer
	initdb.Stdout, initdb.Stderr = &out, &out
	ended, err := process.StartOnThread(initdb)
	if err == nil {
		err = <-ended
	}
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out.Bytes())
	}
	return nil
}
