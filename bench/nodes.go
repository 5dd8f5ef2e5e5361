//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"chattok/internal/cluster"
	"chattok/internal/program"
)

// Loads of partNodes.
const (
	nodesPosters     = 64 // or one a session where there are more sessions
	nodesSubscribers = 3000
)

// startNodes starts PostgreSQL with durable commits, NATS, and n nodes, and returns them as one server.
func (b *bench) startNodes(ctx context.Context, n int, env ...string) (*server, *cluster.Cluster, error) {
	nats := filepath.Join(b.dir, "nats-server")
	if _, err := build(ctx, filepath.Join(b.root, "tools"), "github.com/nats-io/nats-server/v2", nats); err != nil {
		return nil, nil, err
	}
	c, err := cluster.Start(ctx, cluster.Config{Program: b.chattok.binary, NATS: nats, Nodes: n, Durable: true, Env: slices.Concat(program.HighRates, env)})
	if err != nil {
		return nil, nil, err
	}
	s := &server{product: b.chattok, host: c.Nodes[0].Addr}
	for _, n := range c.Nodes {
		s.nodes = append(s.nodes, node{n.Addr, n.Pid()})
	}
	return s, c, nil
}

// partNodes measures nodes on one PostgreSQL and one NATS, all of them on this machine.
func partNodes(ctx context.Context, b *bench) (section, error) {
	adds := table{head: []string{"nodes", "sessions", "adds/s", "p50 ms", "p99 ms", "the nodes' CPU µs an add"}}
	alone, together := 0.0, 0.0
	for _, run := range []struct {
		nodes, sessions int
		env             []string
	}{{1, 1, []string{"CHATTOK_GROUP_LIMIT=1"}}, {1, 1, nil}, {1, 10, nil}, {1, 100, nil}, {2, 1, nil}, {2, 10, nil},
		{2, 100, nil}, {3, 1, nil}, {3, 10, nil}, {3, 100, nil}} {
		results, err := b.addsOverNodes(ctx, run.nodes, run.sessions, run.env...)
		if err != nil {
			return section{}, fmt.Errorf("%d nodes, %d sessions: %w", run.nodes, run.sessions, err)
		}
		rate := median(over(results, func(r addsResult) float64 { return r.perSecond }))
		name := fmt.Sprint(run.nodes)
		switch {
		case run.env != nil:
			alone, name = rate, "1, groups of one"
		case run.nodes == 1 && run.sessions == 1:
			together = rate
		}
		adds.add(name, fmt.Sprint(run.sessions), spread(over(results, func(r addsResult) float64 { return r.perSecond })),
			figure(median(over(results, func(r addsResult) float64 { return r.p50 }))),
			figure(median(over(results, func(r addsResult) float64 { return r.p99 }))),
			figure(median(over(results, func(r addsResult) float64 { return r.serverMicros }))))
	}
	fanout, err := b.fanoutOverNodes(ctx)
	if err != nil {
		return section{}, err
	}
	return section{title: "Many nodes", tables: []table{adds, fanout},
		text: fmt.Sprintf("Nodes, one PostgreSQL that commits durably, NATS and the load generator share this one machine, so its "+
			"processors are the limit of every figure, and further nodes add work, not processors. Where several nodes serve the same ten "+
			"sessions, their groups wait for each other's rows: a session's commits have one order, whoever makes them. Durable adds over HTTP by %d posters, or one "+
			"a session, spread over the nodes and sessions; medians of %d turns of %v. One node with %d posters in one session does %s times "+
			"groups of one.\n\nThe second table has %s subscribers of one session spread over three nodes, and %d posters flat out.",
			nodesPosters, b.turns, b.lasts, nodesPosters, figure(together/alone), grouped(nodesSubscribers), b.posters)}, nil
}

func (b *bench) addsOverNodes(ctx context.Context, nodes, sessions int, env ...string) (results []addsResult, err error) {
	s, c, err := b.startNodes(ctx, nodes, env...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for range b.turns {
		r, err := measureAdds(s, max(nodesPosters, sessions), sessions, b.size, b.lasts)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
		b.progress("%d nodes, %d sessions: %s adds/s", nodes, sessions, figure(r.perSecond))
	}
	return results, nil
}

// fanoutOverNodes measures deliveries to subscribers that are spread over three nodes.
func (b *bench) fanoutOverNodes(ctx context.Context) (t table, err error) {
	t = table{head: []string{"nodes", "subscribers", "deliveries/s", "the nodes' CPU µs a delivery", "p50 ms", "p99 ms"}}
	for _, nodes := range []int{1, 3} {
		var rates, costs, p50, p99 []float64
		for range b.turns {
			r, err := b.fanoutOver(ctx, nodes)
			if err != nil {
				return t, err
			}
			rates, costs = append(rates, r.perSecond), append(costs, r.serverMicros)
			p50, p99 = append(p50, r.postP50), append(p99, r.postP99)
			b.progress("%d nodes, %d subscribers: %s deliveries/s", nodes, nodesSubscribers, figure(r.perSecond))
		}
		t.add(fmt.Sprint(nodes), grouped(nodesSubscribers), spread(rates), figure(median(costs)), figure(median(p50)), figure(median(p99)))
	}
	return t, nil
}

func (b *bench) fanoutOver(ctx context.Context, nodes int) (r fanoutResult, err error) {
	s, c, err := b.startNodes(ctx, nodes)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return runFanout(s, b.flatOut(nodesSubscribers))
}
