//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// buildBefore builds the server of an earlier commit, in a working tree that is removed again.
func (b *bench) buildBefore(ctx context.Context) (product, error) {
	tree := filepath.Join(b.dir, "before")
	git := func(arguments ...string) error {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", b.root}, arguments...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("git %s: %w\n%s", strings.Join(arguments, " "), err, out)
		}
		return nil
	}
	if err := git("worktree", "add", "--detach", tree, b.before); err != nil {
		return product{}, err
	}
	b.progress("building %s", b.before)
	binary, err := build(ctx, tree, ".", filepath.Join(b.dir, "chattok-before"))
	if err := errors.Join(err, git("worktree", "remove", "--force", tree)); err != nil {
		return product{}, err
	}
	before := b.chattok
	before.name, before.binary = b.before, binary
	return before, nil
}

// partBefore measures this commit and an earlier one in turn: what an add costs, and what a delivery costs.
func partBefore(ctx context.Context, b *bench) (section, error) {
	before, err := b.buildBefore(ctx)
	if err != nil {
		return section{}, err
	}
	adds, err := b.addsBefore(ctx, before)
	if err != nil {
		return section{}, err
	}
	fanout := versus("1,000 subscribers", "deliveries/s", "server CPU µs a delivery")
	for _, way := range []struct {
		name string
		load load
	}{
		{"flat out", b.flatOut(1000)},
		{"100 entries/s", b.calm(1000)},
	} {
		results, err := b.inTurn(ctx, []product{before, b.chattok}, func(product) load { return way.load })
		if err != nil {
			return section{}, err
		}
		addVersus(&fanout, way.name, results[0], results[1], perSecond, serverMicros)
	}
	return section{title: "Beside " + b.before, tables: []table{adds, fanout},
		text: fmt.Sprintf("This commit and %s in turn. Adds: bodies of %d bytes, %d turns of %v for each figure. Fan-out: %d turns, each on a "+
			"fresh process. The quotients are of medians: now by before.", b.before, b.size, b.turns, b.lasts, b.turns)}, nil
}

// addsBefore compares adds, each turn in sessions of its own on two servers that stay.
func (b *bench) addsBefore(ctx context.Context, before product) (table, error) {
	t := versus("posters", "adds/s", "server CPU µs an add")
	var servers [2]*server
	for i, p := range []product{before, b.chattok} {
		s, err := p.start(ctx, b.dir)
		if err != nil {
			return table{}, err
		}
		defer s.kill()
		servers[i] = s
	}
	for _, posters := range []int{1, 8, 64, 256} {
		var results [2][]addsResult
		for range b.turns {
			for i, s := range servers {
				r, err := measureAdds(s, posters, 1, b.size, b.lasts)
				if err != nil {
					return table{}, fmt.Errorf("%s, %d posters: %w", s.name, posters, err)
				}
				results[i] = append(results[i], r)
				b.progress("%s: %d posters, %s adds/s, %s µs each", s.name, posters, figure(r.perSecond), figure(r.serverMicros))
			}
		}
		addVersus(&t, fmt.Sprint(posters), results[0], results[1],
			func(r addsResult) float64 { return r.perSecond }, func(r addsResult) float64 { return r.serverMicros })
	}
	return t, nil
}

// versus returns a table that compares a rate and a cost of two products.
func versus(load, rate, cost string) table {
	return table{head: []string{load, rate + " before", "now", "now : before", cost + " before", "now", "now : before"}}
}

// addVersus adds a row to a table made by versus.
func addVersus[R any](t *table, name string, before, now []R, figures ...func(R) float64) {
	row := []string{name}
	for _, f := range figures {
		row = append(row, spread(over(before, f)), spread(over(now, f)), figure(median(over(now, f))/median(over(before, f))))
	}
	t.add(row...)
}
