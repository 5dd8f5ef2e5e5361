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

// Ceilings that hold for every attempt.
const (
	memoryCeiling = 256 * MiB // resident memory above what it was before the attempt
	diskCeiling   = 192 * MiB // bytes by which the database grows, its write-ahead log included
	filesCeiling  = 3_000     // open descriptors
	linesCeiling  = 1_000     // of the log
	slowdown      = 3         // the honest people's 99th percentile, against the one without the attempt
)

// attempt is one way in which a client could harm the others.
type attempt struct {
	name string
	sent string // one line: what the attackers do
	why  string // what it did to a server that did not stop it
	with settings
	// lasts is for how long the attack goes on after its preparation; 0 for the tool's -lasts.
	lasts time.Duration
	// attack does it, until ctx ends or all is done. A refusal by the server is no error: it is what should happen.
	attack func(ctx context.Context, a *assault) error
}

// assault is an attempt under way.
type assault struct {
	*server
	scale    float64
	lasts    time.Duration // how long honest use at the edge goes on
	people   *people
	places   int    // where the attackers' addresses begin
	prepared func() // to be called once, when what is prepared is in place and the attack proper begins

	mu       sync.Mutex
	clients  map[int]*client
	answers  map[string]int // how operations ended, by code
	measured []figure
	received atomic.Int64 // bytes that the attackers read
}

// figure is something else that was measured.
type figure struct {
	name    string
	value   float64
	ceiling float64
}

func (f figure) exceeded() bool { return f.value > f.ceiling }

func newAssault(s *server, crowd *people, o options) *assault {
	return &assault{server: s, scale: o.scale, lasts: o.lasts, people: crowd, clients: make(map[int]*client), answers: make(map[string]int)}
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

// figure keeps something that was measured, and what it may be at most.
func (a *assault) figure(name string, value, ceiling float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.measured = append(a.measured, figure{name, value, ceiling})
}

// tally counts how an operation ended.
func (a *assault) tally(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.answers["ok"]++
		return
	}
	a.answers[codeOf(err)]++
}

// count returns how many operations ended so.
func (a *assault) count(code string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answers[code]
}

// join becomes a member of a session, from the i-th address, however long the server asks it to wait.
func (a *assault) join(ctx context.Context, i int, sessionID, data string) (*client, member, error) {
	c := a.attacker(i)
	m, err := c.connectPatiently(ctx, sessionID, data, "")
	return c, m, err
}

// each runs f for 0 to n-1 at once, and waits for all.
func each(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// options are how attempts are run.
type options struct {
	program string
	lasts   time.Duration // of an attempt that says nothing of its own
	most    time.Duration // of any
	calm    time.Duration // how long the people talk before
	people  int
	scale   float64
	times   bool          // whether the people's times are judged
	floor   time.Duration // a 99th percentile below this harms nobody
	stopAt  int64         // bytes of memory at which a server is ended
}

// prepareTimeout bounds what an attempt does before its attack proper.
const prepareTimeout = 90 * time.Second

// outcome is what an attempt did.
type outcome struct {
	attempt
	rise     usage
	people   result
	measured []figure
	answers  map[string]int
	received int64
	died     string // how the server ended, where it did
	times    bool
	floor    time.Duration
}

// run starts a server, lets people talk on it, and does the attempt.
func (at attempt) run(ctx context.Context, o options) (out outcome, err error) {
	out = outcome{attempt: at, times: o.times, floor: o.floor}
	s, err := startServer(ctx, o.program, at.with)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	crowd, err := gather(ctx, s, o.people, addPace, false, false)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, crowd.leave()) }()
	sleep(ctx, o.calm)

	a := newAssault(s, crowd, o)
	attacking, enough := context.WithCancel(ctx)
	defer enough()
	w := watchServer(s, o.stopAt, enough)
	begin := time.Now()
	err = at.unleash(attacking, a, o)
	end := time.Now()
	a.close()
	sleep(ctx, time.Second) // what was taken is given back, or is seen
	out.people = crowd.finish(begin, end)
	out.rise, out.measured, out.answers, out.received = w.stop(), a.measured, a.answers, a.received.Load()
	switch {
	case w.killed:
		out.died = fmt.Sprintf("stopped at %d MiB", o.stopAt/MiB)
	case !s.alive():
		out.died = s.cmd.ProcessState.String()
	}
	if out.died != "" {
		err = nil // the attack's own errors come of it
	}
	return out, err
}

// unleash runs the attack: its preparation in its own time, then as long as it may last.
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

// exceeded says which ceilings were, each in a few words.
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

// row is the outcome as a row of the table.
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
	verdict := "holds"
	if what := o.exceeded(); len(what) > 0 {
		verdict = "**exceeds**: " + strings.Join(what, ", ")
	}
	return fmt.Sprintf("| %s | %s | %d | %v → %v | %d | %d | %.1f | %s | %s |", o.name, o.sent, o.rise.resident/MiB,
		round(o.people.calm), round(o.people.storm), o.rise.lines, o.rise.files, float64(o.rise.disk)/MiB, strings.Join(other, ", "), verdict)
}

// head is the table's first two lines.
func head(floor time.Duration) string {
	return fmt.Sprintf("| attempt | sent | memory above idle, MiB (≤ %d) | people's p99, before → during (≤ ×%d, or %v) | log lines (≤ %d) | open files (≤ %d) | disk, MiB (≤ %d) | else | verdict |\n|---|---|---|---|---|---|---|---|---|",
		memoryCeiling/MiB, slowdown, floor, linesCeiling, filesCeiling, diskCeiling/MiB)
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
