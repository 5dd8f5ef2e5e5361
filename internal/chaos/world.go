//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chattok/internal/cluster"
	"chattok/internal/history"
)

// Config describes a run.
type Config struct {
	Cluster  *cluster.Cluster // ready; its nodes are left ready
	Seed     uint64
	Schedule []Event
	// Rooms is the number of rooms, and People the number in each; 0 for 3 and 4, or 2 where there are more than manyRooms. Where all
	// together are more than usualPeople, each does less, so that as much happens in all.
	Rooms, People int
	Stubborn      bool                             // nobody gives up on an add
	Log           func(format string, args ...any) // gets each act of the adversary; may be nil
}

const (
	usualPeople = 12
	manyRooms   = 10
)

// Report is the result of a run.
type Report struct {
	Seed     uint64
	Events   map[Kind]int
	Verdicts map[string]*history.Verdict // by session
	Faults   []string                    // faults that the checker does not judge, such as errors that nothing explains
	Ended    int64                       // connections that ended without their people, who had to connect anew
	Left     int64                       // connections whose people disconnected, or never came back
	Gap      time.Duration               // the longest time without an answered add in any room
	Settled  time.Duration               // from the end of the faults until everybody had everything
}

// Holds says whether no fault was found.
func (r *Report) Holds() bool {
	for _, v := range r.Verdicts {
		if !v.Holds() {
			return false
		}
	}
	return len(r.Faults) == 0
}

func (r *Report) String() string {
	var b strings.Builder
	var sum history.Counts
	broken := map[history.Rule]int{}
	for _, v := range r.Verdicts {
		sum = sum.Plus(v.Counts)
		for rule, n := range v.Broken {
			broken[rule] += n
		}
	}
	fmt.Fprintf(&b, "seed %d: %d lost, %d doubled, %d out of order; %s", r.Seed,
		broken[history.Lost]+broken[history.Hole]+broken[history.Skipped]+broken[history.Unfinished],
		broken[history.Doubled]+broken[history.SeenTwice],
		broken[history.Overtaken]+broken[history.Renumbered], sum)
	b.WriteString("\nadversary:")
	for _, kind := range slices.Sorted(maps.Keys(r.Events)) {
		fmt.Fprintf(&b, " %d %s,", r.Events[kind], kind)
	}
	fmt.Fprintf(&b, " %d connections left, %d found themselves ended; longest time without an answered add %.1fs; settled in %.1fs", r.Left, r.Ended, r.Gap.Seconds(), r.Settled.Seconds())
	for _, id := range slices.Sorted(maps.Keys(r.Verdicts)) {
		if v := r.Verdicts[id]; !v.Holds() {
			fmt.Fprintf(&b, "\n%s: %s", id, v)
		}
	}
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "\nfault: %s", f)
	}
	return b.String()
}

// world is a run in progress.
type world struct {
	cluster  *cluster.Cluster
	nodes    []string       // URLs
	runs     []atomic.Int64 // of each node
	rooms    []*room
	fed      *history.Recorder // what readers of the feed of all sessions had
	feeds    []*feedReader
	kept     *keptRoom
	settling atomic.Bool // people stay where they are from now on
	stubborn bool        // nobody gives up on an add
	pace     int         // how many times as long as usual people rest between their acts
	ended    atomic.Int64
	left     atomic.Int64
	log      func(format string, args ...any)

	mu         sync.Mutex
	faults     []string
	answeredAt time.Time
	gap        time.Duration
}

func newWorld(c Config) *world {
	w := &world{cluster: c.Cluster, runs: make([]atomic.Int64, len(c.Cluster.Nodes)), log: c.Log, stubborn: c.Stubborn, answeredAt: time.Now(),
		fed: history.NewRecorder()}
	if w.log == nil {
		w.log = func(string, ...any) {}
	}
	for _, n := range c.Cluster.Nodes {
		w.nodes = append(w.nodes, n.URL())
	}
	rooms, people := c.Rooms, c.People
	if rooms == 0 {
		rooms = 3
	}
	switch {
	case people == 0 && rooms > manyRooms:
		people = 2
	case people == 0:
		people = 4
	}
	w.pace = max(1, rooms*people/usualPeople)
	for i := range rooms {
		w.rooms = append(w.rooms, newRoom(w, fmt.Sprintf("r%d", i+1), people, c.Seed+uint64(i)<<32))
	}
	w.kept = newKeptRoom(w, c.Seed)
	for i := range feedReaders {
		w.feeds = append(w.feeds, newFeedReader(w, i, c.Seed))
	}
	return w
}

// maxFaults bounds how many faults a report lists.
const maxFaults = 30

// fault records a fault.
func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
	}
}

// answered records that an add was answered.
func (w *world) answered() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.gap = max(w.gap, now.Sub(w.answeredAt))
	w.answeredAt = now
}

// crowd is goroutines that end together.
type crowd struct {
	stop context.CancelFunc
	all  sync.WaitGroup
}

func newCrowd(ctx context.Context) (context.Context, *crowd) {
	ctx, stop := context.WithCancel(ctx)
	return ctx, &crowd{stop: stop}
}

func (c *crowd) end() {
	c.stop()
	c.all.Wait()
}

// Run lets people use the cluster while the schedule is carried out, waits until everything works and everybody has
// everything, and checks the histories. It returns an error where the run itself failed, for example where the cluster
// did not come back.
func Run(ctx context.Context, c Config) (*Report, error) {
	w := newWorld(c)
	keeping, keepers := newCrowd(ctx)
	defer keepers.end()
	a := &adversary{world: w, cluster: c.Cluster}
	for i, n := range c.Cluster.Nodes {
		k := &keeper{world: w, node: n, index: i}
		a.keepers = append(a.keepers, k)
		keepers.all.Go(func() { k.run(keeping) })
	}
	if err := w.kept.keep(ctx, w.keptTime()); err != nil {
		return nil, err
	}
	followers, workers := w.people(ctx, c.Seed)
	defer followers.end()
	defer workers.end()

	a.run(ctx, c.Schedule)
	switchOn, err := a.switchBusOff()
	if err != nil {
		return nil, err
	}
	pause(ctx, time.Second)
	w.cluster.Heal()
	workers.end()
	w.settling.Store(true)
	healed := time.Now()
	if err := errors.Join(switchOn(ctx), w.heal(ctx)); err != nil {
		return nil, err
	}
	if err := w.converge(ctx); err != nil {
		w.fault("not everyone had everything in the end: %v", err)
	}
	settled := time.Since(healed)
	w.signalAll(ctx)
	for _, r := range w.rooms {
		r.complete(ctx)
	}
	w.kept.complete(ctx)
	w.completeFeeds(ctx)
	followers.end()
	defer w.hangUp()
	report := &Report{Seed: c.Seed, Events: map[Kind]int{}, Ended: w.ended.Load(), Left: w.left.Load(), Gap: w.gap, Settled: settled}
	for _, e := range c.Schedule {
		report.Events[e.Kind]++
	}
	return report, w.judge(ctx, report)
}

// people starts everybody's goroutines.
func (w *world) people(ctx context.Context, seed uint64) (followers, workers *crowd) {
	following, followers := newCrowd(ctx)
	working, workers := newCrowd(ctx)
	for _, f := range w.feeds {
		followers.all.Go(func() { f.follow(following) })
	}
	for _, r := range w.kept.readers {
		followers.all.Go(func() { r.follow(following) })
	}
	for i := range keptPosters {
		workers.all.Go(func() { w.kept.post(working, fmt.Sprint("poster ", i), rand.New(rand.NewPCG(seed, 77+uint64(i)))) })
	}
	for _, r := range w.rooms {
		r.reader = newReader(r.people[0])
		followers.all.Go(func() { r.reader.follow(following) })
		r.logReader = newLogReader(r.people[len(r.people)-1])
		followers.all.Go(func() { r.logReader.follow(following) })
		for _, p := range r.people {
			followers.all.Go(func() { p.follow(following) })
			workers.all.Go(func() { p.post(following, working) })
			workers.all.Go(func() { p.alter(following, working) })
			workers.all.Go(func() { p.wonder(working) })
			workers.all.Go(func() { p.browse(working) })
			workers.all.Go(func() { p.signal(working) })
		}
	}
	return followers, workers
}

// heal ends all faults, and returns when every node is ready.
func (w *world) heal(ctx context.Context) error {
	w.cluster.Heal()
	var failed []error
	for i, n := range w.cluster.Nodes {
		if err := n.Recover(ctx); err != nil {
			failed = append(failed, fmt.Errorf("node %d did not come back: %w", i+1, err))
		}
	}
	return errors.Join(failed...)
}

// Times of convergence.
const (
	convergeTimeout = 60 * time.Second
	stableTime      = requestTimeout + 2*time.Second // for adds that were given up to be stored after all
)

// converge returns when every room has been as it should be for a while.
func (w *world) converge(ctx context.Context) error {
	deadline := time.Now().Add(convergeTimeout)
	since := time.Now()
	for {
		var failed []error
		for _, r := range w.rooms {
			if err := r.converged(ctx); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", r.id, err))
			}
		}
		err := errors.Join(failed...)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && time.Since(since) > stableTime:
			return nil
		case err != nil && time.Now().After(deadline):
			return err
		case err != nil:
			since = time.Now()
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// signalAll makes everybody send a signal that must arrive, since everything works, and waits until all have arrived.
func (w *world) signalAll(ctx context.Context) {
	for _, r := range w.rooms {
		for _, p := range r.people {
			if err := p.send(ctx, p.node(), p.member(), "", true); err != nil {
				w.fault("%s: a signal, when all was well: %v", p.name, err)
			}
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for ctx.Err() == nil && time.Now().Before(deadline) {
		missing := 0
		for _, r := range w.rooms {
			missing += r.unheard()
		}
		if missing == 0 {
			return
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// hangUp closes the connections that people keep for further requests.
func (w *world) hangUp() {
	for _, r := range w.rooms {
		for _, p := range r.people {
			p.client.CloseIdleConnections()
		}
	}
}

// judge reads the logs and checks the histories.
func (w *world) judge(ctx context.Context, report *Report) error {
	report.Verdicts = make(map[string]*history.Verdict)
	for _, r := range w.rooms {
		log, err := r.log(ctx, 0)
		if err != nil {
			return err
		}
		for node := 1; node < len(w.nodes); node++ {
			other, err := r.log(ctx, node)
			if err != nil {
				return err
			}
			if !slices.Equal(log, other) {
				w.fault("%s: node %d reads another log than node 1", r.id, node+1)
			}
		}
		r.judgeMarks(log)
		events, err := r.events(ctx, 0)
		if err != nil {
			return err
		}
		for node := 1; node < len(w.nodes); node++ {
			other, err := r.events(ctx, node)
			if err != nil {
				return err
			}
			if !slices.Equal(events, other) {
				w.fault("%s: node %d reads other events of the log than node 1", r.id, node+1)
			}
		}
		report.Verdicts[r.id] = history.Check(r.recorder.History(log, events))
	}
	report.Verdicts[feedVerdict] = history.Check(w.fed.History(nil, nil))
	kept, err := w.kept.judge(ctx)
	if err != nil {
		return err
	}
	report.Verdicts[keptVerdict] = kept
	w.mu.Lock() // the keepers still watch the nodes
	defer w.mu.Unlock()
	report.Faults = slices.Clone(w.faults)
	return nil
}
