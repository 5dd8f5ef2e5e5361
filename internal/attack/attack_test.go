//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	build "chattok/internal/program"

	"chattok/internal/need"
)

// program is the path of the binary that the tests attack.
var program string

// programVariable passes the path to the process inside the network namespace.
const programVariable = "ATTACK_PROGRAM"

// TestMain builds the binary and runs the tests in a network namespace, as the command does.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		if peopleProcess() {
			return 0
		}
		if program = os.Getenv(programVariable); program == "" {
			var err error
			if program, err = build.Chattok(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			os.Setenv(programVariable, program)
		}
		if code, entered, err := enterNetwork(); err != nil || entered {
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			return code
		}
		if err := raiseFiles(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// tested are the attempts of every run of the tests, with the share of their amounts.
var tested = map[string]float64{
	"an answer at a trickle":                              1,
	"extensions of streams":                               0.6,
	"values in small messages":                            0.3,
	"adds with costly answers":                            0.5,
	"aliases of a negotiation":                            1,
	"aliases of entries":                                  0.5,
	"answers not read":                                    0.5,
	"answers not read over HTTP/2":                        0.5,
	"bodies that stop before their last byte over HTTP/2": 1,
	"flood of connects":                                   1,
	"flood of entries, ten in a request":                  1,
	"frames of 1 MiB over HTTP/2":                         0.5,
	"ghosts":                                              1,
	"groups of one":                                       1,
	"ids of 1 MB":                                         0.3,
	"messages that do not end":                            0.3,
	"pages not taken over HTTP/2":                         0.5,
	"permissions of TURN":                                 0.02,
	"ports of TURN":                                       1,
	"resets that fill the log":                            0.3,
	"selections of one address":                           0.3,
}

// TestAttempts checks that each attempt stays below its ceilings on memory, files, disk and log lines, and that honest people
// are refused nothing meanwhile and see every entry in order. Times are not judged.
func TestAttempts(t *testing.T) {
	need.Time(t, "attempts against the whole program")
	for _, at := range attempts() {
		scale, ok := tested[at.name]
		if !ok {
			continue
		}
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			o := options{program: program, lasts: 3 * time.Second, most: 6 * time.Second, calm: 500 * time.Millisecond, people: 5, scale: scale, stopAt: 2048 * MiB}
			out, err := at.run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if what := out.exceeded(); len(what) > 0 {
				t.Errorf("%s\n%s", strings.Join(what, "\n"), out.row())
			}
			if out.people.adds == 0 {
				t.Error("the people added nothing")
			}
		})
	}
}

func TestTestedAttemptsExist(t *testing.T) {
	for name := range tested {
		found := 0
		for _, at := range attempts() {
			if at.name == name {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d attempts are called %q", found, name)
		}
	}
}

// TestHonestEdge checks that the heaviest honest use meets no limit.
func TestHonestEdge(t *testing.T) {
	need.Time(t, "five hundred people at the whole program")
	t.Parallel()
	var said strings.Builder
	held, err := runEdges(t.Context(), options{program: program, lasts: 3 * time.Second}, &said)
	if err != nil || !held {
		t.Errorf("%v\n%s", err, said.String())
	}
}

// TestHarmIsSeen checks that the command notices a server that takes memory, one that dies, and one that refuses people.
func TestHarmIsSeen(t *testing.T) {
	o := options{program: program, lasts: 3 * time.Second, most: 6 * time.Second, calm: 500 * time.Millisecond, people: 3, scale: 1, stopAt: 16 * MiB}
	quiet := attempt{name: "quiet", attack: func(context.Context, *assault) error { return nil }}
	for _, test := range []struct {
		name   string
		change func(*attempt, *options)
		want   string
	}{
		{"too much memory ends it", func(*attempt, *options) {}, "the server ended: stopped at 16 MiB"},
		{"its end", func(at *attempt, o *options) {
			o.stopAt = 2048 * MiB
			at.attack = func(_ context.Context, a *assault) error {
				a.kill()
				return nil
			}
		}, "the server ended: signal: killed"},
		{"a refusal", func(at *attempt, o *options) {
			o.stopAt = 2048 * MiB
			at.attack = func(ctx context.Context, a *assault) error {
				c, m, err := a.join(ctx, 0, officeSession, "")
				if err != nil {
					return err
				}
				var answer struct {
					Session struct{ Connections []struct{ ID string } }
				}
				if err := c.ask(ctx, m.access, `{session{connections{id}}}`, nil, &answer); err != nil {
					return err
				}
				for _, one := range answer.Session.Connections {
					if err := c.ask(ctx, a.secret, `mutation($c:ID!,$s:ID!){forceDisconnect(connectionId:$c,sessionId:$s){id}}`,
						map[string]any{"c": one.ID, "s": officeSession}, nil); err != nil {
						return err
					}
				}
				sleep(ctx, 2*time.Second)
				return nil
			}
		}, "people: add: UNAUTHENTICATED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			at, o := quiet, o
			test.change(&at, &o)
			out, err := at.run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if what := strings.Join(out.exceeded(), "; "); !strings.Contains(what, test.want) {
				t.Errorf("seen: %q, want %q", what, test.want)
			}
		})
	}
}

func TestExceeded(t *testing.T) {
	at := outcome{times: true, floor: 100 * time.Millisecond}
	for _, test := range []struct {
		name   string
		change func(*outcome)
		want   string
	}{
		{"nothing", func(*outcome) {}, ""},
		{"memory", func(o *outcome) { o.rise.resident = memoryCeiling + 1 }, "memory"},
		{"disk", func(o *outcome) { o.rise.disk = diskCeiling + 1 }, "disk"},
		{"files", func(o *outcome) { o.rise.files = filesCeiling + 1 }, "files"},
		{"log", func(o *outcome) { o.rise.lines = linesCeiling + 1 }, "log"},
		{"a figure", func(o *outcome) { o.measured = []figure{{"open", 2, 1}, {"shut", 1, 1}} }, "open"},
		{"unseen", func(o *outcome) { o.people.unseen = 2 }, "people: 2 entries unseen"},
		{"slow", func(o *outcome) { o.people.calm, o.people.storm = time.Second, 3100*time.Millisecond }, "p99"},
		{"slow enough", func(o *outcome) { o.people.calm, o.people.storm = time.Second, 3*time.Second }, ""},
		{"below the floor", func(o *outcome) { o.people.calm, o.people.storm = time.Millisecond, 100*time.Millisecond }, ""},
	} {
		o := at
		test.change(&o)
		if got := strings.Join(o.exceeded(), "; "); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	values := make([]time.Duration, 200)
	for i := range values {
		values[i] = time.Duration(200 - i)
	}
	for share, want := range map[float64]time.Duration{0.99: 198, 0.5: 100, 1: 200} {
		if got := percentile(values, share); got != want {
			t.Errorf("%v: %d, want %d", share, got, want)
		}
	}
	if got := percentile(nil, 0.99); got != 0 {
		t.Errorf("of none: %v", got)
	}
}

func TestChoose(t *testing.T) {
	all := []attempt{{name: "flood of entries"}, {name: "ghosts"}, {name: "flood of bytes"}}
	for only, want := range map[string]int{"": 3, "flood": 2, "ghosts, bytes": 2, "nothing": 0} {
		if got := len(choose(all, only)); got != want {
			t.Errorf("%q: %d, want %d", only, got, want)
		}
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"-only", "no such attempt"}, {"-siege", "x"}} {
		if held, err := run(t.Context(), args, io.Discard, io.Discard); err == nil || held {
			t.Errorf("%q: %v, %v", args, held, err)
		}
	}
}
