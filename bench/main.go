//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// wantDescriptors is enough for 10,000 sockets and what else is open.
const wantDescriptors = 65_536

// part is one measurement, with a section of the README.
type part struct {
	name    string
	measure func(context.Context, *bench) (section, error)
	asked   bool // needs peers, or a PostgreSQL and NATS, so it runs only when asked for
}

var parts = []part{
	{"adds", partAdds, false},
	{"latest", partLatest, false},
	{"fanout", partFanout, false},
	{"idle", partIdle, false},
	{"start", partStart, false},
	{"sessions", partSessions, false},
	{"stalled", partStalled, false},
	{"listened", partListened, false},
	{"changes", partChanges, false},
	{"unread", partUnread, true},
	{"retention", partRetention, true},
	{"compare", partCompare, true},
	{"rooms", partRooms, true},
	{"growth", partGrowth, true},
	{"nodes", partNodes, true},
}

// besideCommit is the one part of a run with -before.
var besideCommit = part{"before", partBefore, true}

// bench holds what all parts use.
type bench struct {
	turns      int
	lasts      time.Duration // a turn of adds or reads
	calmLasts  time.Duration // a turn at a rate
	size       int           // bytes of a body
	posters    int           // of a fan-out
	deliveries int           // of a fan-out flat out
	dir        string        // databases and binaries
	root       string        // of the module
	before     string        // the commit that partBefore compares with, or empty
	log        io.Writer     // progress
	chattok    product
	peers      []product
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	b := &bench{log: stderr}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "parts to run, with commas between: "+strings.Join(partNames(), ", ")+"; all but the last six where empty, \"all\" for all")
	write := flags.Bool("write", false, "also put the tables into bench/README.md, and the plot beside it")
	parent := flags.String("dir", "", "folder for databases, on the disk to be measured; the system's folder for temporary files where empty")
	flags.StringVar(&b.before, "before", "", "measure adds and fan-out of this commit beside those of an earlier one, in turn, and nothing else")
	flags.IntVar(&b.turns, "turns", 3, "runs that each median is taken of")
	flags.DurationVar(&b.lasts, "lasts", 3*time.Second, "how long a turn of adds or reads lasts")
	flags.DurationVar(&b.calmLasts, "calm", 5*time.Second, "how long a turn at 100 entries/s lasts")
	flags.IntVar(&b.size, "size", 200, "bytes of a body, 20 at least")
	flags.IntVar(&b.posters, "posters", 128, "posters of a fan-out flat out")
	flags.IntVar(&b.deliveries, "deliveries", 2_000_000, "deliveries of a fan-out flat out")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.turns < 1 || b.size < 20 || b.posters < 1 || b.deliveries < 1 {
		return errors.New("-turns, -posters and -deliveries must be 1 at least, -size 20")
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if b.before != "" {
		if *only != "" {
			return errors.New("-before measures nothing else: it goes without -only")
		}
		chosen = []part{besideCommit}
	}
	// The garbage of a run is small beside the machine's memory; collecting it would take the server's processors.
	debug.SetGCPercent(400)
	if _, err := raiseDescriptors(wantDescriptors); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	if b.dir, err = os.MkdirTemp(*parent, "chattok-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.root, err = moduleRoot(ctx); err != nil {
		return err
	}
	b.progress("building")
	binary, err := build(ctx, b.root, ".", filepath.Join(b.dir, "chattok"))
	if err != nil {
		return err
	}
	b.chattok = product{name: "ChatTok", binary: binary, speaks: chattok, probe: "/readyz", share: 1}
	return b.measure(ctx, chosen, *write, stdout)
}

// measure runs the parts and prints the section of each.
func (b *bench) measure(ctx context.Context, chosen []part, write bool, stdout io.Writer) error {
	built, err := describeBuild(b.chattok.binary)
	if err != nil {
		return err
	}
	machine := describeMachine(b.dir) + ". " + built
	day := time.Now().UTC().Format(time.DateOnly)
	for _, p := range chosen {
		s, err := p.measure(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		text := s.markdown(day, machine)
		fmt.Fprintln(stdout, text)
		if !write {
			continue
		}
		if err := writeSection(filepath.Join(b.root, "bench", "README.md"), p.name, text); err != nil {
			return err
		}
		if s.plot == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(b.root, "bench", "fanout.svg"), []byte(s.plot), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// withPeers returns ChatTok and its peers, centrifuge the last, built when they are first needed.
func (b *bench) withPeers(ctx context.Context) ([]product, error) {
	if b.peers == nil {
		b.progress("building the peers")
		gqlgen, err := build(ctx, filepath.Join(b.root, "bench", "peers"), "./gqlgen", filepath.Join(b.dir, "gqlgen"))
		if err != nil {
			return nil, err
		}
		yardstick, err := build(ctx, filepath.Join(b.root, "bench", "peers"), "./centrifuge", filepath.Join(b.dir, "centrifuge"))
		if err != nil {
			return nil, err
		}
		b.peers = []product{b.chattok,
			{name: "stock gqlgen", binary: gqlgen, speaks: stockGraphQL, probe: "/subscribers", share: 0.15},
			{name: "centrifuge", binary: yardstick, speaks: centrifuge, probe: "/subscribers", share: 1}}
	}
	return b.peers, nil
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(b.log, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

func partNames() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// choose returns the parts that are named.
func choose(only string) (chosen []part, err error) {
	if only == "all" {
		return parts, nil
	}
	names := strings.Split(only, ",")
	for _, p := range parts {
		if slices.Contains(names, p.name) || only == "" && !p.asked {
			chosen = append(chosen, p)
		}
	}
	for _, name := range names {
		if only != "" && !slices.Contains(partNames(), name) {
			return nil, fmt.Errorf("-only: %q is none of %s", name, strings.Join(partNames(), ", "))
		}
	}
	return chosen, nil
}

// moduleRoot is the folder of the module that the current folder belongs to.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if filepath.Base(mod) != "go.mod" {
		return "", errors.New("run it inside of the module")
	}
	return filepath.Dir(mod), nil
}
