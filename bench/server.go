//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"chattok/internal/program"
)

// Timeouts of a server's start and end.
const (
	buildTimeout = 5 * time.Minute
	readyTimeout = 20 * time.Second
	stopTimeout  = 15 * time.Second
)

// product is a program that is measured.
type product struct {
	name   string
	binary string
	speaks protocol
	probe  string  // a path that answers 200 when it is ready
	share  float64 // of a run's deliveries, so that a slow product takes no longer
}

// server is a running process of a product.
type server struct {
	product
	host   string // 127.0.0.1:PORT
	nodes  []node // where it is several processes; host is then the first one's
	dir    string // where its database is
	ready  time.Duration
	cmd    *exec.Cmd
	exited chan struct{}
	said   *output
}

// build compiles the main package in dir, a folder of a module, and returns the binary's path.
func build(ctx context.Context, dir, pkg, to string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return to, nil
}

// start runs the product with a new database in a folder of its own under parent.
func (p product) start(ctx context.Context, parent string, env ...string) (*server, error) {
	dir, err := os.MkdirTemp(parent, "run-")
	if err != nil {
		return nil, err
	}
	return p.startIn(ctx, dir, env...)
}

// startIn runs the product on the database in dir. It is ready when it has said its address and its probe answers 200.
func (p product) startIn(ctx context.Context, dir string, env ...string) (*server, error) {
	s := &server{product: p, dir: dir, exited: make(chan struct{}), said: newOutput()}
	s.cmd = exec.CommandContext(ctx, p.binary)
	s.cmd.Env = append(environment(),
		"CHATTOK_ADDR=127.0.0.1:0", "CHATTOK_DATABASE="+filepath.Join(dir, "bench.db"))
	s.cmd.Env = append(append(s.cmd.Env, program.HighRates...), env...)
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	s.cmd.WaitDelay = stopTimeout
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		_ = s.cmd.Wait() // what it exits with is in cmd.ProcessState
		close(s.exited)
	}()
	if err := s.awaitReady(); err != nil {
		s.kill()
		return nil, fmt.Errorf("start %s: %w\n%s", p.name, err, s.said)
	}
	s.ready = time.Since(begin)
	return s, nil
}

// environment returns this process's environment without settings of the server.
func environment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "CHATTOK_") && !strings.HasPrefix(pair, "PORT=") {
			kept = append(kept, pair)
		}
	}
	return kept
}

func (s *server) awaitReady() error {
	select {
	case s.host = <-s.said.host:
	case <-s.exited:
		return fmt.Errorf("it ended: %v", s.cmd.ProcessState)
	case <-time.After(readyTimeout):
		return fmt.Errorf("it named no address within %v", readyTimeout)
	}
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		err := s.answers()
		if err == nil || time.Since(begin) > readyTimeout {
			return err
		}
	}
}

// answers reports whether the server's probe answers 200.
func (s *server) answers() error {
	c, err := dialClient(s.host)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.get(s.probe, readyTimeout)
	return err
}

// kill ends the process at once and waits for it.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// stop shuts the process down in order and waits for it.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		s.kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM", s.name, stopTimeout)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d\n%s", s.name, code, s.said)
	}
	return nil
}

// pid returns the process, the first one where there are several.
func (s *server) pid() int {
	if len(s.nodes) > 0 {
		return s.nodes[0].pid
	}
	return s.cmd.Process.Pid
}

// node is one process of a server that has several.
type node struct {
	host string
	pid  int
}

// at returns the host for the i-th client: clients are spread over the nodes.
func (s *server) at(i int) string {
	if len(s.nodes) == 0 {
		return s.host
	}
	return s.nodes[i%len(s.nodes)].host
}

func (s *server) pids() []int {
	if len(s.nodes) == 0 {
		return []int{s.pid()}
	}
	pids := make([]int, len(s.nodes))
	for i, n := range s.nodes {
		pids[i] = n.pid
	}
	return pids
}

// output reads a process's output: it finds the address there, and keeps the end for error texts.
type output struct {
	host chan string // gets the address once

	mu    sync.Mutex
	text  []byte
	found bool
}

// outputBytes bounds the kept end of an output.
const outputBytes = 8 << 10

var addressPattern = regexp.MustCompile(`http://(127\.0\.0\.1:[0-9]+)[^0-9]`)

func newOutput() *output { return &output{host: make(chan string, 1)} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	if m := addressPattern.FindSubmatch(o.text); m != nil && !o.found {
		o.found = true
		o.host <- string(m[1])
	}
	if over := len(o.text) - outputBytes; over > 0 {
		o.text = append(o.text[:0], o.text[over:]...)
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}
