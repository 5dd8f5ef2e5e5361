//go:build linux

package main

import (
	"context"
	"fmt"
)

// idleResult is the server's resident memory without and with waiting subscribers.
type idleResult struct{ before, after, each float64 } // MiB, MiB, KiB

// measureIdle opens subscribers that wait, and compares the resident memory before and after.
func measureIdle(ctx context.Context, b *bench, p product, n int) (idleResult, error) {
	s, err := p.start(ctx, b.dir)
	if err != nil {
		return idleResult{}, err
	}
	defer s.kill()
	before, err := settle(s.pid(), settleLimit)
	if err != nil {
		return idleResult{}, err
	}
	a, err := openAudience(s, load{subscribers: n, sessions: 1})
	if err != nil {
		return idleResult{}, err
	}
	defer a.close()
	after, err := settle(s.pid(), settleLimit)
	if err != nil {
		return idleResult{}, err
	}
	// One entry shows that all of them were there.
	publish, err := preparePublisher(s, a, load{sessions: 1, posters: 1, size: b.size})
	if err != nil {
		return idleResult{}, err
	}
	if err := a.warmUp(publish.one); err != nil {
		return idleResult{}, err
	}
	b.progress("%s, %d idle subscribers: %s KiB each", p.name, n, figure(float64(after-before)/float64(n)/1024))
	return idleResult{before: float64(before) / (1 << 20), after: float64(after) / (1 << 20), each: float64(after-before) / float64(n) / 1024}, a.finish()
}

// partIdle measures the memory of an idle subscriber.
func partIdle(ctx context.Context, b *bench) (section, error) {
	t := table{head: []string{"subscribers", "MiB before", "MiB with them", "KiB a subscriber"}}
	for _, n := range []int{1000, 10_000} {
		var results []idleResult
		for range b.turns {
			r, err := measureIdle(ctx, b, b.chattok, n)
			if err != nil {
				return section{}, fmt.Errorf("%d idle subscribers: %w", n, err)
			}
			results = append(results, r)
		}
		t.add(grouped(n), figure(median(over(results, func(r idleResult) float64 { return r.before }))),
			figure(median(over(results, func(r idleResult) float64 { return r.after }))),
			spread(over(results, func(r idleResult) float64 { return r.each })))
	}
	return section{title: "An idle subscriber", tables: []table{t},
		text: "Resident memory of the server when it has settled, each subscriber a connection of its own with one socket and one " +
			"`entryAdded` that waits. Everything counts: socket, operation, connection."}, nil
}
