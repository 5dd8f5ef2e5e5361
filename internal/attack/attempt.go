//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// MiB is 2^20 bytes.
const MiB = 1 << 20

// Ceilings of every attempt.
const (
	memoryCeiling = 256 * MiB // resident memory above what it was before the attempt
	diskCeiling   = 192 * MiB // bytes by which the database grows, its write-ahead log included
	filesCeiling  = 3_000     // open descriptors
	linesCeiling  = 1_000     // of the log
	slowdown      = 3         // of the honest people's 99th percentile, relative to the one before the attempt
)

// attempt is one way in which a client could harm the others.
type attempt struct {
	name string
	sent string // one line: what the attackers do
	why  string // its effect on a server without a defence
	with settings
	turn bool // whether its server has the TURN ports, which one at a time may have
	// lasts is the attack's duration after its preparation; 0 is that of -lasts.
	lasts time.Duration
	// attack runs until ctx ends or it is done. A refusal by the server is no error: it is the right outcome.
	attack func(ctx context.Context, a *assault) error
}

// assault is a running attempt.
type assault struct {
	*server
	scale    float64
	lasts    time.Duration // how long honest use at the edge goes on
	people   crowd
	places   int    // where the attackers' addresses begin
	forgive  bool   // whether honest visitors try again as the people of a siege do
	prepared func() // called once, when the preparation is done and the attack proper begins

	mu       sync.Mutex
	clients  map[int]*client
	answers  map[string]int // numbers of operations by the code of their answers
	measured []figure
	received atomic.Int64 // bytes that the attackers read
}

// figure is a measure beside those of every attempt.
type figure struct {
	name    string
	value   float64
	ceiling float64
}

func (f figure) exceeded() bool { return f.value > f.ceiling }

func newAssault(s *server, people crowd, o options) *assault {
	return &assault{server: s, scale: o.scale, lasts: o.lasts, people: people, clients: make(map[int]*client), answers: make(map[string]int)}
}

func (a *assault) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.clients {
		c.close()
	}
}

// n scales an amount.
func (a *assault) n(full int) int { return max(1, int(float64(full)*a.scale)) }

// attacker returns the client at the i-th of the attackers' addresses; most attacks come from the first alone.
func (a *assault) attacker(i int) *client {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.clients[i] == nil {
		a.clients[i] = a.client(address(false, a.places+i+1))
	}
	return a.clients[i]
}

// figure records a measure and its ceiling.
func (a *assault) figure(name string, value, ceiling float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.measured = append(a.measured, figure{name, value, ceiling})
}

// tally counts an operation by the code of its answer.
func (a *assault) tally(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.answers["ok"]++
		return
	}
	a.answers[codeOf(err)]++
}

// count returns the number of operations with that code.
func (a *assault) count(code string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answers[code]
}

// join connects to a session from the i-th address, and waits for as long as the server tells it to.
func (a *assault) join(ctx context.Context, i int, sessionID, data string) (*client, member, error) {
	c := a.attacker(i)
	m, err := c.connectPatiently(ctx, sessionID, data, "")
	return c, m, err
}

// each calls f with 0 to n-1 concurrently, and waits for all calls.
func each(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// options hold the flags of the command.
type options struct {
	program string
	lasts   time.Duration // of an attempt without a duration of its own
	most    time.Duration // of any attempt
	calm    time.Duration // how long the people talk before
	people  int
	scale   float64
	times   bool          // whether the people's times are judged
	floor   time.Duration // of the 99th percentile: below it, an attempt holds in any case
	stopAt  int64         // bytes of memory at which a server is killed
}

// prepareTimeout bounds the preparation of an attempt.
const prepareTimeout = 90 * time.Second

// outcome holds the measures of an attempt.
type outcome struct {
	attempt
	rise     usage
	people   result
	measured []figure
	answers  map[string]int
	received int64
	lasted   time.Duration
	spent    [2]time.Duration // processor time of the server, and of the attackers
	died     string           // how the server exited; empty while it runs
	times    bool
	floor    time.Duration
}

// run starts a server with people who talk on it, and runs the attempt.
func (at attempt) run(ctx context.Context, o options) (out outcome, err error) {
	out = outcome{attempt: at, times: o.times, floor: o.floor}
	if at.turn {
		turnTaken.Lock()
		defer turnTaken.Unlock()
	}
	s, err := startServer(ctx, o.program, at.with)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	talking, err := gatherApart(ctx, s, o.people, addPace)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, talking.leave()) }()
	sleep(ctx, o.calm)

	a := newAssault(s, talking, o)
	attacking, enough := context.WithCancel(ctx)
	defer enough()
	w := watchServer(s, o.stopAt, enough)
	begin, server, attackers := time.Now(), s.spent(), spent()
	err = at.unleash(attacking, a, o)
	end := time.Now()
	out.lasted, out.spent = end.Sub(begin), [2]time.Duration{s.spent() - server, spent() - attackers}
	a.close()
	sleep(ctx, time.Second) // memory is given back, or is measured
	out.people = talking.finish(begin, end)
	out.rise, out.measured, out.answers, out.received = w.stop(), a.measured, a.answers, a.received.Load()
	switch {
	case w.killed:
		out.died = fmt.Sprintf("stopped at %d MiB", o.stopAt/MiB)
	case !s.alive():
		out.died = s.cmd.ProcessState.String()
	}
	if out.died != "" {
		err = nil // the attack's errors follow from it
	}
	return out, err
}

// unleash runs the attack: its preparation with a timeout of its own, then the attack proper for its duration.
func (at attempt) unleash(ctx context.Context, a *assault, o options) error {
	lasts := at.lasts
	if lasts == 0 {
		lasts = o.lasts
	}
	lasts = min(lasts, o.most)
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	var once sync.Once
	a.prepared = func() { once.Do(func() { time.AfterFunc(lasts, cancel) }) }
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-a.server.ended:
			cancel()
		case <-stop:
		}
	}()
	if err := at.attack(ctx, a); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", at.name, err)
	}
	return nil
}

// exceeded names the ceilings that were exceeded.
func (o outcome) exceeded() (what []string) {
	if o.died != "" {
		what = append(what, "the server ended: "+o.died)
	}
	if o.rise.resident > memoryCeiling {
		what = append(what, "memory")
	}
	if o.rise.disk > diskCeiling {
		what = append(what, "disk")
	}
	if o.rise.files > filesCeiling {
		what = append(what, "files")
	}
	if o.rise.lines > linesCeiling {
		what = append(what, "log")
	}
	if o.died == "" {
		for _, harm := range slices.Sorted(maps.Keys(o.people.harm)) {
			what = append(what, fmt.Sprintf("people: %s ×%d", harm, o.people.harm[harm]))
		}
		if o.people.unseen > 0 {
			what = append(what, fmt.Sprintf("people: %d entries unseen", o.people.unseen))
		}
	}
	for _, f := range o.measured {
		if f.exceeded() {
			what = append(what, f.name)
		}
	}
	if o.times && o.people.storm > max(o.floor, slowdown*o.people.calm) {
		what = append(what, "p99")
	}
	return what
}

// row formats the outcome as a row of the table.
func (o outcome) row() string {
	var other []string
	for _, f := range o.measured {
		other = append(other, fmt.Sprintf("%s %.4g (≤ %.4g)", f.name, f.value, f.ceiling))
	}
	for _, code := range slices.Sorted(maps.Keys(o.answers)) {
		other = append(other, fmt.Sprintf("%s ×%d", code, o.answers[code]))
	}
	if o.received > MiB {
		other = append(other, fmt.Sprintf("%d MiB received", o.received/MiB))
	}
	other = append(other, fmt.Sprintf("processors %.2f of the server, %.2f of the attackers", share(o.spent[0], o.lasted), share(o.spent[1], o.lasted)))
	verdict := "holds"
	if what := o.exceeded(); len(what) > 0 {
		verdict = "**exceeds**: " + strings.Join(what, ", ")
	}
	return fmt.Sprintf("| %s | %s | %d | %v → %v | %d | %d | %.1f | %s | %s |", o.name, o.sent, o.rise.resident/MiB,
		round(o.people.calm), round(o.people.storm), o.rise.lines, o.rise.files, float64(o.rise.disk)/MiB, strings.Join(other, ", "), verdict)
}

// head returns the table's first two lines.
func head(floor time.Duration) string {
	return fmt.Sprintf("| attempt | sent | memory above idle, MiB (≤ %d) | people's p99, before → during (≤ ×%d, or %v) | log lines (≤ %d) | open files (≤ %d) | disk, MiB (≤ %d) | else | verdict |\n|---|---|---|---|---|---|---|---|---|",
		memoryCeiling/MiB, slowdown, floor, linesCeiling, filesCeiling, diskCeiling/MiB)
}

// share returns how many processors a process has used on average.
func share(spent, of time.Duration) float64 {
	return max(0, spent.Seconds()) / max(of.Seconds(), 0.001)
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
