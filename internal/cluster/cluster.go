//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"chattok/internal/faultproxy"
	"chattok/internal/pgtest"
)

// Config says what a Cluster is made of.
type Config struct {
	Program string   // chattok's binary
	NATS    string   // nats-server's binary; empty: the nodes are joined by PostgreSQL's LISTEN and NOTIFY
	Nodes   int      // how many; 3 where 0
	Env     []string // further environment of the nodes, such as CHATTOK_GRACE=5s
	// Dir keeps data and logs, and is left there by Close. Empty for a temporary one that Close removes.
	Dir string
	// Durable makes PostgreSQL's commits outlive the machine, as a server that matters does, and not its own death alone.
	Durable bool
	// Faults puts proxies between the nodes and what they need; Seed decides what is random about them.
	Faults bool
	Seed   uint64
	// Ready is called for each node when it is ready for the first time, for one at a time.
	Ready func(*Node)
	// SQLite has one node on an embedded database, without PostgreSQL and NATS.
	SQLite bool
}

// Times of a cluster.
const (
	readyTimeout = 60 * time.Second // for a process to be ready
	readyPoll    = 20 * time.Millisecond
	stopPatience = 15 * time.Second // for one to end
)

// Cluster is what runs.
type Cluster struct {
	Nodes    []*Node
	Postgres *pgtest.Server // nil on SQLite
	NATS     *Process       // nil where the nodes need none

	config   Config
	dir      string
	database string // its URL, past every proxy
	natsAddr string
	release  func() error // of a temporary folder
}

// Start starts everything, and returns when all nodes are ready.
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
	// PostgreSQL's own user has to get through to its folder.
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

// eachNode calls f for all nodes at once.
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
		return nil // the folder has it from before
	}
	_, err = c.Postgres.CreateDatabase(ctx, name)
	return err
}

func (c *Cluster) startNATS(ctx context.Context) (err error) {
	if c.natsAddr, err = freeAddr(); err != nil {
		return err
	}
	config := filepath.Join(c.dir, "nats.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, "listen: %q\n", c.natsAddr), 0o600); err != nil {
		return fmt.Errorf("write the bus's configuration: %w", err)
	}
	c.NATS = &Process{name: "nats-server", logFile: filepath.Join(c.dir, "nats.log"),
		command: func() *exec.Cmd { return exec.Command(c.config.NATS, "-c", config) }}
	return c.BeginNATS(ctx)
}

// BeginNATS starts NATS where it was ended, and returns when it takes connections.
func (c *Cluster) BeginNATS(ctx context.Context) error {
	if err := c.NATS.Start(); err != nil {
		return err
	}
	return awaitReady(ctx, c.NATS, func() error {
		conn, err := net.DialTimeout("tcp", c.natsAddr, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Dir is where data and logs are.
func (c *Cluster) Dir() string { return c.dir }

// DatabaseURL is the database, past every proxy.
func (c *Cluster) DatabaseURL() string { return c.database }

// Heal ends every fault that proxies were told to make.
func (c *Cluster) Heal() {
	for _, n := range c.Nodes {
		for _, p := range []*faultproxy.Proxy{n.Database, n.Bus} {
			if p != nil {
				p.Set(faultproxy.Fault{})
			}
		}
	}
}

// Close ends everything: the nodes first and in order, then what they need.
func (c *Cluster) Close() error {
	c.Heal() // so that nothing waits in vain
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
		if _, exited := errors.AsType[*exec.ExitError](err); !exited { // its exit code says that it was told to
			failed = append(failed, err)
		}
	}
	if c.Postgres != nil {
		failed = append(failed, c.Postgres.Close())
	}
	return errors.Join(append(failed, c.release())...)
}

// awaitReady returns when a process is ready, or with how it ended.
func awaitReady(ctx context.Context, p *Process, ready func() error) error {
	if err := await(ctx, p.Ended(), ready); err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", p.name, errors.Join(err, p.How()), Tail(p.logFile))
	}
	return nil
}

// await returns nil when ready does, and its last error when ended is closed or the time is up.
func await(ctx context.Context, ended <-chan struct{}, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return err
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// Tail returns the end of a file, such as a log.
func Tail(name string) []byte {
	log, err := os.ReadFile(name)
	if err != nil {
		return []byte(err.Error())
	}
	return log[max(0, len(log)-4<<10):]
}

// freeAddr picks a port of the loopback below those that Linux gives to outgoing connections, so that none takes it
// while its process is down.
func freeAddr() (string, error) {
	var last error
	for range 50 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(15000+rand.IntN(17000)))
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			last = err
			continue
		}
		return addr, listener.Close()
	}
	return "", fmt.Errorf("find a free port: %w", last)
}
