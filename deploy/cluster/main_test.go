//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chattok/internal/natstest"
	"chattok/internal/pgtest"
	"chattok/internal/program"
)

// running is the command, started as `make cluster` does.
type running struct {
	process *exec.Cmd
	dir     string
	nodes   []node
	stderr  bytes.Buffer
}

type node struct {
	url string
	pid int
}

var line = regexp.MustCompile(`^node (http://127\.0\.0\.1:\d+) pid (\d+)$`)

// start returns when all nodes are said to be ready. Nothing else is printed.
func start(t *testing.T, command, chattok string) *running {
	t.Helper()
	dir, err := os.MkdirTemp("", "chattok-cluster-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	r := &running{dir: dir, process: exec.Command(command, "-program", chattok, "-nats", natstest.Binary(t), "-dir", dir)}
	r.process.Stderr = &r.stderr
	stdout, err := r.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.process.Process.Kill() })
	lines := bufio.NewScanner(stdout)
	for len(r.nodes) < 3 && lines.Scan() {
		m := line.FindStringSubmatch(lines.Text())
		if m == nil {
			t.Fatalf("it prints %q", lines.Text())
		}
		pid, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		r.nodes = append(r.nodes, node{m[1], pid})
	}
	if len(r.nodes) < 3 {
		_ = r.process.Wait()
		t.Fatalf("%d nodes are ready:\n%s", len(r.nodes), &r.stderr)
	}
	return r
}

// ask runs an operation on a node and returns its data.
func (n node) ask(t *testing.T, query string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(n.url+"/graphql", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Data, Errors json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Errors != nil {
		t.Fatalf("%s: %v %s", query, err, answer.Errors)
	}
	return string(answer.Data)
}

// addresses are where anything of the cluster listens.
func (r *running) addresses(t *testing.T) (addrs []string) {
	t.Helper()
	for _, n := range r.nodes {
		addrs = append(addrs, strings.TrimPrefix(n.url, "http://"))
	}
	pidFile, err := os.ReadFile(filepath.Join(r.dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	addrs = append(addrs, "127.0.0.1:"+strings.Split(string(pidFile), "\n")[3])
	config, err := os.ReadFile(filepath.Join(r.dir, "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return append(addrs, strings.Split(string(config), `"`)[1])
}

// allGone waits until nothing listens any more.
func allGone(t *testing.T, addrs []string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var up []string
		for _, addr := range addrs {
			if conn, err := net.Dial("tcp", addr); err == nil {
				_ = conn.Close()
				up = append(up, addr)
			}
		}
		if len(up) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there: %v", up)
		}
	}
}

func build(t *testing.T) (command, chattok string) {
	t.Helper()
	command = filepath.Join(t.TempDir(), "cluster")
	if out, err := exec.Command("go", "build", "-o", command, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return command, program.ChattokT(t)
}

// TestCluster: the nodes are one, the death of one is not the others', and all end with the command, be it told to end
// or killed.
func TestCluster(t *testing.T) {
	pgtest.Need(t)
	command, chattok := build(t)
	t.Run("terminated", func(t *testing.T) {
		t.Parallel()
		r := start(t, command, chattok)
		addrs := r.addresses(t)
		r.nodes[0].ask(t, `mutation{addChatEntry(connectionId:"alice",body:"hi"){seq}}`)
		if err := syscall.Kill(r.nodes[0].pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		allGone(t, addrs[:1])
		const want = `{"latestChatEntry":{"seq":1,"body":"hi"}}`
		for _, n := range r.nodes[1:] {
			if got := n.ask(t, `{latestChatEntry(connectionId:"alice"){seq body}}`); got != want {
				t.Errorf("%s answers %s, want %s", n.url, got, want)
			}
		}
		if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := r.process.Wait(); err != nil {
			t.Errorf("its end: %v\n%s", err, &r.stderr)
		}
		allGone(t, addrs)
		if said := fmt.Sprintf("(pid %d) has ended: signal: killed; 2 nodes go on", r.nodes[0].pid); !strings.Contains(r.stderr.String(), said) {
			t.Errorf("it does not say %q:\n%s", said, &r.stderr)
		}
	})
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		r := start(t, command, chattok)
		addrs := r.addresses(t)
		if err := r.process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = r.process.Wait() // it says that it was killed
		allGone(t, addrs)
	})
}
