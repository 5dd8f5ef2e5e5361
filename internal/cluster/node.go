//go:build unix

package cluster

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"chattok/internal/faultproxy"
	"chattok/internal/process"
	"chattok/internal/program"
)

// Node is one process of chattok.
type Node struct {
	*program.Server
	ToDatabase *faultproxy.Proxy // between the node and the database; nil where there are no faults
	ToBus      *faultproxy.Proxy // between the node and NATS; nil where there are no faults, or there is no NATS
}

// addNode adds a node that is not started yet.
func (c *Cluster) addNode(i int) error {
	addr, err := process.FreeAddr()
	if err != nil {
		return err
	}
	n := &Node{}
	name := fmt.Sprintf("node%d", i+1)
	config := program.Config{Name: name, Path: c.config.Program, Addr: addr, LogFile: filepath.Join(c.dir, name+".log")}
	if c.config.SQLite {
		config.Database = filepath.Join(c.dir, "chattok.db")
	} else {
		database, bus, err := n.connect(c, uint64(i))
		if err != nil {
			return errors.Join(err, n.closeProxies())
		}
		config.Database, config.Env = database, []string{"CHATTOK_BUS=" + bus} // an empty bus means PostgreSQL's own
	}
	config.Env = append(config.Env, c.config.Env...)
	n.Server = program.New(config)
	c.Nodes = append(c.Nodes, n)
	return nil
}

// connect returns the URLs of the database and the bus for the node. They lead through proxies where faults are asked
// for.
func (n *Node) connect(c *Cluster, i uint64) (database, bus string, err error) {
	if c.NATS != nil {
		bus = "nats://" + c.natsAddr
	}
	if !c.config.Faults {
		return c.database, bus, nil
	}
	if n.ToDatabase, err = faultproxy.Listen(c.Postgres.Addr(), c.config.Seed+2*i); err != nil {
		return "", "", err
	}
	if c.NATS != nil {
		if n.ToBus, err = faultproxy.Listen(c.natsAddr, c.config.Seed+2*i+1); err != nil {
			return "", "", err
		}
		bus = "nats://" + n.ToBus.Addr()
	}
	u, err := url.Parse(c.database)
	if err != nil {
		return "", "", fmt.Errorf("the database's URL: %w", err)
	}
	u.Host = n.ToDatabase.Addr()
	return u.String(), bus, nil
}

func (n *Node) closeProxies() error {
	var failed []error
	for _, p := range []*faultproxy.Proxy{n.ToDatabase, n.ToBus} {
		if p != nil {
			failed = append(failed, p.Close())
		}
	}
	return errors.Join(failed...)
}
