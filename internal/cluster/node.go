//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"chattok/internal/faultproxy"
)

// Node is one process of chattok.
type Node struct {
	*Process
	Addr     string            // host and port
	Database *faultproxy.Proxy // on its way to the database; nil where there are no faults
	Bus      *faultproxy.Proxy // on its way to NATS; likewise, and where there is none
}

// URL is where the node serves.
func (n *Node) URL() string { return "http://" + n.Addr }

func (c *Cluster) addNode(i int) error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	n := &Node{Addr: addr}
	name := fmt.Sprintf("node%d", i+1)
	env := append(os.Environ(), "CHATTOK_ADDR="+addr)
	if c.config.SQLite {
		env = append(env, "CHATTOK_DATABASE="+filepath.Join(c.dir, "chattok.db"))
	} else {
		database, bus, err := n.ways(c, uint64(i))
		if err != nil {
			return errors.Join(err, n.closeProxies())
		}
		env = append(env, "CHATTOK_DATABASE="+database, "CHATTOK_BUS="+bus) // no bus is PostgreSQL's own
	}
	env = append(env, c.config.Env...)
	n.Process = &Process{name: name, logFile: filepath.Join(c.dir, name+".log"), command: func() *exec.Cmd {
		command := exec.Command(c.config.Program)
		command.Env = env
		return command
	}}
	c.Nodes = append(c.Nodes, n)
	return nil
}

// ways returns the URLs by which the node reaches what it needs.
func (n *Node) ways(c *Cluster, i uint64) (database, bus string, err error) {
	if c.NATS != nil {
		bus = "nats://" + c.natsAddr
	}
	if !c.config.Faults {
		return c.database, bus, nil
	}
	if n.Database, err = faultproxy.Listen(c.Postgres.Addr(), c.config.Seed+2*i); err != nil {
		return "", "", err
	}
	if c.NATS != nil {
		if n.Bus, err = faultproxy.Listen(c.natsAddr, c.config.Seed+2*i+1); err != nil {
			return "", "", err
		}
		bus = "nats://" + n.Bus.Addr()
	}
	u, err := url.Parse(c.database)
	if err != nil {
		return "", "", fmt.Errorf("the database's URL: %w", err)
	}
	u.Host = n.Database.Addr()
	return u.String(), bus, nil
}

func (n *Node) closeProxies() error {
	var failed []error
	for _, p := range []*faultproxy.Proxy{n.Database, n.Bus} {
		if p != nil {
			failed = append(failed, p.Close())
		}
	}
	return errors.Join(failed...)
}

// Begin starts the node and returns when it is ready.
func (n *Node) Begin(ctx context.Context) error {
	if err := n.Start(); err != nil {
		return err
	}
	return n.AwaitReady(ctx)
}

// AwaitReady returns when the node says that it is ready, or with how it ended.
func (n *Node) AwaitReady(ctx context.Context) error {
	return awaitReady(ctx, n.Process, func() error { return n.probe(ctx, "/readyz") })
}

// Recover returns when the node says that it is ready, however often it ends and is started again meanwhile.
func (n *Node) Recover(ctx context.Context) error {
	return await(ctx, nil, func() error { return n.probe(ctx, "/readyz") })
}

// Serves says whether the node answers now.
func (n *Node) Serves(ctx context.Context) bool { return n.probe(ctx, "/healthz") == nil }

// Degraded says whether the node serves, but not all of it works.
func (n *Node) Degraded(ctx context.Context) bool {
	err := n.probe(ctx, "/readyz")
	return err != nil && strings.Contains(err.Error(), "says 200 OK, \"degraded")
}

// probe asks a health probe.
func (n *Node) probe(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL()+path, nil)
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
		return fmt.Errorf("%s says %s, %q", path, resp.Status, answer) // a node without a bus serves, but is degraded
	}
	return nil
}
