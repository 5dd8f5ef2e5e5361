//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"chattok/internal/faultproxy"
	"chattok/internal/pgtest"
	"chattok/internal/process"
)

// Config describes a Cluster.
type Config struct {
	Program string   // the binary of chattok
	NATS    string   // the binary of nats-server; empty where the nodes use PostgreSQL's LISTEN and NOTIFY
	Nodes   int      // the number of nodes; 0 for 3
	Env     []string // further environment of the nodes, such as CHATTOK_GRACE=5s
	// Dir keeps data and logs, and Close leaves it there. Empty for a temporary folder that Close removes.
	Dir string
	// Durable makes PostgreSQL's commits outlive the machine, and not only the server's death.
	Durable bool
	// Faults puts proxies between the nodes and their servers; Seed decides the proxies' random choices.
	Faults bool
	Seed   uint64
	// Ready is called for each node when the node is ready for the first time, for one node at a time.
	Ready func(*Node)
	// SQLite makes a cluster of one node on an embedded database, without PostgreSQL and NATS.
	SQLite bool
}

// stopPatience is how long a process may take to end before it is killed.
const stopPatience = 15 * time.Second

// Cluster is a running cluster.
type Cluster struct {
	Nodes    []*Node
	Postgres *pgtest.Server   // nil on SQLite
	NATS     *process.Process // nil where the nodes need none

	config   Config
	dir      string
	database string // its URL, without a proxy
	natsAddr string
	release  func() error // removes a temporary folder
}

// Start starts all processes, and returns when all nodes are ready.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	if config.Nodes == 0 {
		config.Nodes = 3
	}
	if config.SQLite {
		config.Nodes = 1
	}
	c := &Cluster{config: config, release: func() error { return nil }}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) (err error) {
	if c.dir = c.config.Dir; c.dir == "" {
		if c.dir, c.release, err = temporaryFolder(); err != nil {
			return err
		}
	}
	// PostgreSQL's own user needs access to its folder.
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	if err := os.Chmod(c.dir, 0o755); err != nil {
		return fmt.Errorf("open the cluster's folder: %w", err)
	}
	if !c.config.SQLite {
		if err := c.startPostgres(ctx); err != nil {
			return err
		}
	}
	if !c.config.SQLite && c.config.NATS != "" {
		if err := c.startNATS(ctx); err != nil {
			return err
		}
	}
	for i := range c.config.Nodes {
		if err := c.addNode(i); err != nil {
			return err
		}
	}
	var turn sync.Mutex
	return c.eachNode(func(n *Node) error {
		if err := n.Begin(ctx); err != nil {
			return err
		}
		turn.Lock()
		defer turn.Unlock()
		if c.config.Ready != nil {
			c.config.Ready(n)
		}
		return nil
	})
}

// eachNode calls f for all nodes at the same time.
func (c *Cluster) eachNode(f func(*Node) error) error {
	failed := make([]error, len(c.Nodes))
	var all sync.WaitGroup
	for i, n := range c.Nodes {
		all.Go(func() { failed[i] = f(n) })
	}
	all.Wait()
	return errors.Join(failed...)
}

func (c *Cluster) startPostgres(ctx context.Context) (err error) {
	c.Postgres, err = pgtest.Start(ctx, pgtest.Config{Dir: filepath.Join(c.dir, "postgres"), Fsync: c.config.Durable})
	if err != nil {
		return err
	}
	const name = "chattok"
	c.database = c.Postgres.URL(name)
	if err := c.Postgres.Exec(ctx, name, "SELECT 1"); err == nil {
		return nil // the folder has the database from before
	}
	_, err = c.Postgres.CreateDatabase(ctx, name)
	return err
}

func (c *Cluster) startNATS(ctx context.Context) (err error) {
	if c.natsAddr, err = process.FreeAddr(); err != nil {
		return err
	}
	config := filepath.Join(c.dir, "nats.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, "listen: %q\n", c.natsAddr), 0o600); err != nil {
		return fmt.Errorf("write the bus's configuration: %w", err)
	}
	c.NATS = process.New("nats-server", filepath.Join(c.dir, "nats.log"),
		func() *exec.Cmd { return exec.Command(c.config.NATS, "-c", config) })
	return c.BeginNATS(ctx)
}

// BeginNATS starts NATS, and returns when it takes connections.
func (c *Cluster) BeginNATS(ctx context.Context) error {
	if err := c.NATS.Start(); err != nil {
		return err
	}
	return c.NATS.AwaitReady(ctx, func() error {
		conn, err := net.DialTimeout("tcp", c.natsAddr, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Dir returns the folder of data and logs.
func (c *Cluster) Dir() string { return c.dir }

// DatabaseURL returns the URL of the database, without a proxy.
func (c *Cluster) DatabaseURL() string { return c.database }

// Heal ends every fault of the proxies.
func (c *Cluster) Heal() {
	for _, n := range c.Nodes {
		for _, p := range []*faultproxy.Proxy{n.ToDatabase, n.ToBus} {
			if p != nil {
				p.Set(faultproxy.Fault{})
			}
		}
	}
}

// Close ends all processes: the nodes first and in order, then their servers.
func (c *Cluster) Close() error {
	c.Heal() // so that no node waits for a server in vain
	failed := []error{c.eachNode(func(n *Node) error {
		if n.Pid() != 0 {
			_ = n.Resume() // fails for one that has ended
		}
		return n.Stop(stopPatience)
	})}
	for _, n := range c.Nodes {
		failed = append(failed, n.closeProxies())
	}
	if c.NATS != nil {
		err := c.NATS.Stop(stopPatience)
		if _, exited := errors.AsType[*exec.ExitError](err); !exited { // the exit code of a program that was told to end
			failed = append(failed, err)
		}
	}
	if c.Postgres != nil {
		failed = append(failed, c.Postgres.Close())
	}
	return errors.Join(append(failed, c.release())...)
}
