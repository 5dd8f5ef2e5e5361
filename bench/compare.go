//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// growthSubscribers are the numbers of subscribers that partGrowth compares.
var growthSubscribers = []int{100, 1000, 5000, 10_000}

// loadFor returns a flatOut load with as many deliveries as the product makes in a few seconds.
func (b *bench) loadFor(p product, subscribers int) load {
	l := b.flatOut(subscribers)
	l.entries = max(20, int(float64(l.entries)*p.share))
	return l
}

// inTurn runs each product's load several times, alternating between the products, since the machine's speed drifts.
func (b *bench) inTurn(ctx context.Context, products []product, loadOf func(p product) load) ([][]fanoutResult, error) {
	results := make([][]fanoutResult, len(products))
	for range b.turns {
		for i, p := range products {
			r, err := measureFanout(ctx, b, p, loadOf(p))
			if err != nil {
				return nil, err
			}
			results[i] = append(results[i], r)
		}
	}
	return results, nil
}

// partCompare measures ChatTok and its peers side by side.
func partCompare(ctx context.Context, b *bench) (section, error) {
	products, err := b.withPeers(ctx)
	if err != nil {
		return section{}, err
	}
	s := section{title: "Side by side", text: fmt.Sprintf("1,000 WebSocket subscribers of one session, bodies of %d bytes, %d turns of "+
		"each in turn, each on a fresh process. ChatTok stores every entry before it passes it on, and has it added over HTTP by %d posters; "+
		"stock gqlgen gets the same posts and keeps nothing; centrifuge publishes by itself from memory. The quotients in the last "+
		"two columns are of medians, with centrifuge as 1.", b.size, b.turns, b.posters)}
	for _, way := range []struct {
		name   string
		loadOf func(p product) load
	}{
		{"flat out", func(p product) load { return b.loadFor(p, 1000) }},
		{"100 entries/s", func(product) load { return b.calm(1000) }},
	} {
		results, err := b.inTurn(ctx, products, way.loadOf)
		if err != nil {
			return section{}, err
		}
		t := newFanoutTable(way.name)
		t.head = append(t.head, "rate : centrifuge", "CPU : centrifuge")
		yardstick := results[len(results)-1]
		for i, p := range products {
			t.addResults(p.name, results[i])
			last := &t.rows[len(t.rows)-1]
			*last = append(*last,
				figure(median(over(results[i], perSecond))/median(over(yardstick, perSecond))),
				figure(median(over(results[i], serverMicros))/median(over(yardstick, serverMicros))))
		}
		s.tables = append(s.tables, t.table)
	}
	for _, p := range products {
		built, err := describeBuild(p.binary)
		if err != nil {
			return section{}, err
		}
		s.text += fmt.Sprintf("\n\n- %s: %s", p.name, built)
	}
	return s, nil
}

func perSecond(r fanoutResult) float64    { return r.perSecond }
func serverMicros(r fanoutResult) float64 { return r.serverMicros }
func grownMiB(r fanoutResult) float64     { return r.grown }

// partGrowth measures each product over numbers of subscribers, and plots the curves.
func partGrowth(ctx context.Context, b *bench) (section, error) {
	products, err := b.withPeers(ctx)
	if err != nil {
		return section{}, err
	}
	rates := table{head: []string{"deliveries/s with subscribers"}}
	costs := table{head: []string{"server CPU µs a delivery with subscribers"}}
	memory := table{head: []string{"KiB a subscriber with subscribers"}}
	lines := make([]line, len(products))
	rows := make([][3][]string, len(products))
	for i, p := range products {
		lines[i].name = p.name
		for j := range rows[i] {
			rows[i][j] = []string{p.name}
		}
	}
	var broke []string
	for _, n := range growthSubscribers {
		for _, t := range []*table{&rates, &costs, &memory} {
			t.head = append(t.head, grouped(n))
		}
		for i, p := range products {
			results, err := b.inTurn(ctx, products[i:i+1], func(p product) load { return b.loadFor(p, n) })
			switch {
			case err == nil:
			case p.name == b.chattok.name || ctx.Err() != nil:
				return section{}, err
			default: // a peer that breaks is a result
				b.progress("%s breaks with %d subscribers: %v", p.name, n, err)
				broke = append(broke, fmt.Sprintf("%s did not get through with %s subscribers (%v).", p.name, grouped(n), errors.Unwrap(err)))
				for j := range rows[i] {
					rows[i][j] = append(rows[i][j], "–")
				}
				continue
			}
			rate := median(over(results[0], perSecond))
			lines[i].points = append(lines[i].points, point{float64(n), rate})
			rows[i][0] = append(rows[i][0], figure(rate))
			rows[i][1] = append(rows[i][1], figure(median(over(results[0], serverMicros))))
			rows[i][2] = append(rows[i][2], figure(median(over(results[0], func(r fanoutResult) float64 { return r.kibibytes }))))
		}
	}
	for _, row := range rows {
		rates.add(row[0]...)
		costs.add(row[1]...)
		memory.add(row[2]...)
	}
	return section{title: "Growth with the subscribers", tables: []table{rates, costs, memory},
		text: fmt.Sprintf("One session, flat out, medians of %d turns.\n\n![Deliveries a second against subscribers](fanout.svg)", b.turns) +
			strings.Join(append([]string{""}, broke...), "\n\n"),
		plot: plot("Deliveries a second, by subscribers", lines)}, nil
}

// partSessions measures ChatTok with the same number of subscribers spread over more sessions.
func partSessions(ctx context.Context, b *bench) (section, error) {
	t := newFanoutTable("sessions")
	for _, sessions := range []int{1, 10, 100} {
		l := b.flatOut(1000)
		l.sessions = sessions
		l.entries = l.entries * sessions / 10 / sessions * sessions // a tenth of the deliveries: adds are the most of it
		l.entries = max(l.entries, 20*sessions)
		results, err := b.inTurn(ctx, []product{b.chattok}, func(product) load { return l })
		if err != nil {
			return section{}, err
		}
		t.addResults(fmt.Sprint(sessions), results[0])
	}
	return section{title: "Growth with the sessions", tables: []table{t.table},
		text: fmt.Sprintf("ChatTok, 1,000 subscribers spread over the sessions, flat out: the more sessions, the fewer deliveries for "+
			"each durable add; medians of %d turns.", b.turns)}, nil
}

// partStalled measures the cost of subscribers that never read to the others.
func partStalled(ctx context.Context, b *bench) (section, error) {
	t := table{head: []string{"of 1,000 readers stalled", "deliveries/s of the others", "server CPU µs a delivery", "MiB that the run added"}}
	rates := make(map[int]float64)
	for _, stalled := range []int{0, 10} {
		l := b.flatOut(1000 - stalled)
		// 9 MB for each socket, past what the kernel buffers, whatever the size of a body.
		l.stalled, l.size = stalled, 2000
		l.entries = max(l.entries, 9<<20/l.size)
		results, err := b.inTurn(ctx, []product{b.chattok}, func(product) load { return l })
		if err != nil {
			return section{}, err
		}
		rates[stalled] = median(over(results[0], perSecond))
		t.add(fmt.Sprint(stalled), spread(over(results[0], perSecond)), figure(median(over(results[0], serverMicros))),
			figure(median(over(results[0], grownMiB))))
	}
	return section{title: "Stalled readers", tables: []table{t},
		text: fmt.Sprintf("Bodies of 2,000 bytes, so that each socket is sent 9 MB at least. With 10 readers that never read, the others "+
			"have %s %% of their deliveries/s, and each has every number once and in order; medians of %d turns.",
			figure(100*rates[10]/rates[0]), b.turns)}, nil
}

// partListened measures the cost of subscribers to the adds.
func partListened(ctx context.Context, b *bench) (section, error) {
	t := table{head: []string{"subscribers", "adds/s", "of those without", "server CPU µs an add"}}
	alone := 0.0
	for _, n := range []int{0, 100, 1000} {
		l := load{subscribers: n, sessions: 1, posters: b.posters, entries: b.listenedEntries(n), size: b.size, settle: settleLimit}
		results, err := b.inTurn(ctx, []product{b.chattok}, func(product) load { return l })
		if err != nil {
			return section{}, err
		}
		rate := func(r fanoutResult) float64 { return r.addsPerSec }
		if n == 0 {
			alone = median(over(results[0], rate))
		}
		t.add(grouped(n), spread(over(results[0], rate)), figure(100*median(over(results[0], rate))/alone)+" %",
			figure(median(over(results[0], func(r fanoutResult) float64 { return r.addMicros }))))
	}
	return section{title: "Adds while others listen", tables: []table{t},
		text: fmt.Sprintf("Durable adds by %d posters to one session, until the last is answered; medians of %d turns.", b.posters, b.turns)}, nil
}

// listenedEntries keeps a run with subscribers as short as one without.
func (b *bench) listenedEntries(subscribers int) int {
	if subscribers < 1000 {
		return 20_000
	}
	return max(20, b.deliveries/subscribers)
}
