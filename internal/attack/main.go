//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// attempts returns all attempts in the order of their runs.
func attempts() (all []attempt) {
	for _, kind := range [][]attempt{answers, holding, waiting, rooms, floods, changing, worse, many} {
		all = append(all, kind...)
	}
	return all
}

func main() {
	if peopleProcess() {
		return
	}
	code, entered, err := enterNetwork()
	if err != nil {
		fmt.Fprintln(os.Stderr, "attack: a network of its own:", err)
		os.Exit(1)
	}
	if entered {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	held, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(2)
	}
	if !held {
		os.Exit(1)
	}
}

// run is the whole program. held reports whether every attempt held.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (held bool, err error) {
	var o options
	f := flag.NewFlagSet("attack", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.program, "program", "./chattok", "`file` of the program chattok that is attacked")
	f.DurationVar(&o.lasts, "lasts", 8*time.Second, "how long an attempt goes on")
	f.DurationVar(&o.most, "most", time.Minute, "how long an attempt goes on at most, where it says that it needs longer")
	f.DurationVar(&o.calm, "calm", 4*time.Second, "how long the people talk before it")
	f.IntVar(&o.people, "people", 20, "how many honest people are there")
	f.Float64Var(&o.scale, "scale", 1, "share of the amounts")
	f.BoolVar(&o.times, "times", true, "judge the people's times too; a machine that does other work can't tell")
	f.DurationVar(&o.floor, "floor", 100*time.Millisecond, "99th percentile of the people's adds that is fine whatever it was before, since scheduling decides it")
	stopAt := f.Int64("stop-at", 4096, "`MiB` of memory at which a server is ended")
	only := f.String("only", "", "run those whose name contains one of these `texts`, separated by commas")
	except := f.String("except", "", "leave those out whose name contains one of these `texts`, separated by commas")
	besieged := f.Duration("siege", 0, "run them all at once for so long, on a server bounded to 512 MiB, in place of one after the other")
	edgesToo := f.Bool("edge", true, "also do what honest people do at the edge")
	list := f.Bool("list", false, "say which attempts there are, and why")
	if err := f.Parse(args); err != nil {
		return false, err
	}
	o.stopAt = *stopAt * MiB
	chosen := choose(attempts(), *only)
	if *except != "" {
		left := choose(chosen, *except)
		chosen = slices.DeleteFunc(chosen, func(at attempt) bool {
			return slices.ContainsFunc(left, func(out attempt) bool { return out.name == at.name })
		})
	}
	if *list {
		for _, at := range chosen {
			fmt.Fprintf(stdout, "%s\n\t%s\n\t%s\n", at.name, at.sent, at.why)
		}
		return true, nil
	}
	if len(chosen) == 0 {
		return false, fmt.Errorf("-only: nothing is called %q", *only)
	}
	debug.SetMemoryLimit(2048 * MiB) // of this process, which shares the machine with the server
	if err := raiseFiles(); err != nil {
		return false, fmt.Errorf("raise the limit of open files: %w", err)
	}
	if err := keepToHalf(); err != nil {
		return false, err
	}
	if !ownNetwork() {
		fmt.Fprintln(stderr, "attack: no network namespace is to be had; clients are told apart by X-Forwarded-For")
	}
	if *besieged > 0 {
		return siege(ctx, o, chosen, *besieged, stdout)
	}
	held = true
	if *edgesToo {
		if held, err = runEdges(ctx, o, stdout); err != nil {
			return false, err
		}
		fmt.Fprintln(stdout)
	}
	all, err := o.table(ctx, chosen, stdout)
	return held && all, err
}

// table runs the attempts and prints a row for each.
func (o options) table(ctx context.Context, chosen []attempt, stdout io.Writer) (held bool, err error) {
	fmt.Fprintln(stdout, head(o.floor))
	held = true
	for _, at := range chosen {
		out, err := at.run(ctx, o)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", at.name, err)
		}
		fmt.Fprintln(stdout, out.row())
		held = held && len(out.exceeded()) == 0
	}
	return held, nil
}

// choose returns the attempts whose name contains one of the texts, and all where only is empty.
func choose(all []attempt, only string) (chosen []attempt) {
	for _, at := range all {
		for text := range strings.SplitSeq(only, ",") {
			if strings.Contains(at.name, strings.TrimSpace(text)) {
				chosen = append(chosen, at)
				break
			}
		}
	}
	return chosen
}
