//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Sizes of a siege.
const (
	siegeMemory = 512 * MiB
	siegePeople = 50
	siegePace   = time.Second
	siegeFiles  = 8192
	siegePlaces = 200 // addresses that an attempt may come from
)

// siege runs all attempts at once, again and again, on a server that is limited to 512 MiB of memory, beside 50 honest people
// who must lose nothing and meet no limit. They retry as the SDK does, and so does whoever else comes honestly, such as a moderator.
func siege(ctx context.Context, o options, chosen []attempt, lasts time.Duration, stdout io.Writer) (held bool, err error) {
	bound, err := newGroup(siegeMemory)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, bound.remove()) }()
	s, err := startServer(ctx, o.program, settings{env: turnSettings().env, tls: true, files: siegeFiles, group: bound})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	talking, err := gather(ctx, s, siegePeople, siegePace, false, true)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, talking.leave()) }()
	sleep(ctx, o.calm)

	w := watchServer(s, o.stopAt, func() {})
	begin := time.Now()
	attacking, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	var all sync.WaitGroup
	for i, at := range chosen {
		if at.with.files > 0 {
			continue // it needs a server with few files
		}
		all.Go(func() { at.keepOn(attacking, s, talking, o, i*siegePlaces) })
	}
	go func() {
		select {
		case <-s.ended:
			cancel() // the server is gone
		case <-attacking.Done():
		}
	}()
	all.Wait()
	end := time.Now()
	people, rise := talking.finish(begin, end), w.stop()
	died := !s.alive()
	fmt.Fprintf(stdout, "A siege of %v by %d attempts at once, on a server bounded to %d MiB; %d people.\n\n", end.Sub(begin).Round(time.Second), len(chosen), siegeMemory/MiB, siegePeople)
	fmt.Fprintln(stdout, "| the server | peak of its control group, MiB | peak resident, MiB | entries of the people | unseen | refused or harmed | sockets cut and resumed | p99 before → during | log lines |\n|---|---|---|---|---|---|---|---|---|")
	state := "lives"
	if died {
		state = "**ended**: " + s.cmd.ProcessState.String()
	}
	fmt.Fprintf(stdout, "| %s | %d | %d | %d | %d | %s | %d | %v → %v | %d |\n", state, bound.peak()/MiB, (rise.resident+w.before.resident)/MiB,
		people.adds, people.unseen, listHarm(people.harm), people.cuts, round(people.calm), round(people.storm), rise.lines)
	return !died && people.unseen == 0 && len(people.harm) == 0, nil
}

// keepOn repeats an attempt until ctx ends, from addresses of its own.
func (at attempt) keepOn(ctx context.Context, s *server, talking crowd, o options, places int) {
	for ctx.Err() == nil {
		a := newAssault(s, talking, o)
		a.places, a.forgive = places, true
		_ = at.unleash(ctx, a, o) // a failed attempt is fine
		a.close()
		sleep(ctx, time.Second)
	}
}

func listHarm(harm map[string]int) string {
	if len(harm) == 0 {
		return "0"
	}
	var list []string
	for _, what := range slices.Sorted(maps.Keys(harm)) {
		list = append(list, fmt.Sprintf("%s ×%d", what, harm[what]))
	}
	return strings.Join(list, ", ")
}
