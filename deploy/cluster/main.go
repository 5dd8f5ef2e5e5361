//go:build unix

// Command cluster runs PostgreSQL, NATS and nodes of ChatTok as plain processes on this machine, in the foreground, until
// it is told to end. On standard output it says where each node is; everything else goes to standard error. `make
// cluster` builds what it needs and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"chattok/internal/cluster"
	"chattok/internal/process"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// run is the whole program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("cluster", flag.ExitOnError)
	config := cluster.Config{Durable: true}
	f.StringVar(&config.Program, "program", "./chattok", "`file` of the program chattok")
	f.StringVar(&config.NATS, "nats", "bin/nats-server", "`file` of the program nats-server; empty for nodes that are joined by PostgreSQL alone")
	f.IntVar(&config.Nodes, "nodes", 3, "how many nodes")
	f.StringVar(&config.Dir, "dir", "", "`folder` that keeps data and logs; a temporary one, removed at the end, where it is not given")
	follow := f.Bool("follow-parent", false, "end when the process that started this one does")
	if err := f.Parse(args); err != nil {
		return err
	}
	if config.Nodes < 1 || config.Nodes > 100 {
		return errors.New("-nodes must be 1 to 100")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	if *follow {
		watching.Go(func() { followParent(ctx, cancel) })
	}

	config.Ready = func(n *cluster.Node) { fmt.Fprintf(stdout, "node %s pid %d\n", n.URL(), n.Pid()) }
	c, err := cluster.Start(ctx, config)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to end while it started
		}
		return err
	}
	fmt.Fprintf(stderr, "%d nodes are ready; logs are in %s; interrupt to end them all\n", len(c.Nodes), c.Dir())
	return errors.Join(wait(ctx, c, stderr), c.Close())
}

// wait returns when ctx is done, or no node is left. It says who ends before.
func wait(ctx context.Context, c *cluster.Cluster, stderr io.Writer) error {
	ends := make(chan *process.Process)
	watched, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	var processes []*process.Process
	if c.NATS != nil {
		processes = append(processes, c.NATS)
	}
	for _, n := range c.Nodes {
		processes = append(processes, n.Process)
	}
	for _, p := range processes {
		watching.Go(func() {
			select {
			case <-p.Ended():
			case <-watched.Done():
				return
			}
			select {
			case ends <- p:
			case <-watched.Done():
			}
		})
	}
	for left := len(c.Nodes); left > 0; {
		select {
		case <-ctx.Done():
			return nil
		case p := <-ends:
			if p != c.NATS {
				left--
			}
			fmt.Fprintf(stderr, "%s (pid %d) has ended: %v; %d nodes go on\n", p.Name(), p.Pid(), p.Result(), left)
		}
	}
	return errors.New("no node is left")
}

// followParent calls end when the process that started this one has ended.
func followParent(ctx context.Context, end func()) {
	parent := os.Getppid()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if os.Getppid() != parent {
				end()
				return
			}
		}
	}
}
