//go:build unix

package chaos

import (
	"context"
	"sync"
	"time"

	"chattok/internal/cluster"
	"chattok/internal/faultproxy"
	"chattok/internal/pgtest"
)

// stopPatience is how long a node may take to end when it is asked to, also where it can't reach its database or bus.
const stopPatience = 30 * time.Second

// adversary carries out a schedule.
type adversary struct {
	world   *world
	cluster *cluster.Cluster
	keepers []*keeper
	// Each lock is held while something is done to its server: on a busy machine that may take longer than the event.
	postgres, nats sync.Mutex
}

// run carries the schedule out, and returns when every event has been undone.
func (a *adversary) run(ctx context.Context, schedule []Event) {
	began := time.Now()
	var doing sync.WaitGroup
	defer doing.Wait()
	for _, e := range schedule {
		pause(ctx, time.Until(began.Add(e.At)))
		if ctx.Err() != nil {
			return
		}
		a.world.log("%s", e)
		doing.Go(func() {
			if err := a.do(ctx, e); err != nil && ctx.Err() == nil {
				a.world.fault("%s: %v", e, err)
			}
		})
	}
}

// switchBusOff switches the bus off while the last entries are added, so that nodes must find entries that nobody announced to
// them. The function that it returns switches the bus on again.
func (a *adversary) switchBusOff() (switchOn func(context.Context) error, err error) {
	if a.cluster.NATS == nil {
		return func(context.Context) error { return nil }, nil
	}
	return a.cluster.BeginNATS, a.cluster.NATS.Kill()
}

// do carries out one event: it begins it, waits, and undoes it.
func (a *adversary) do(ctx context.Context, e Event) error {
	switch e.Kind {
	case KillNATS:
		a.nats.Lock()
		defer a.nats.Unlock()
		if err := a.cluster.NATS.Kill(); err != nil {
			return err
		}
		pause(ctx, e.For)
		return a.cluster.BeginNATS(ctx)
	case KillPostgres:
		a.postgres.Lock()
		defer a.postgres.Unlock()
		if err := a.cluster.Postgres.Stop(pgtest.Immediate); err != nil {
			return err
		}
		pause(ctx, e.For)
		return a.cluster.Postgres.Start(ctx)
	}
	if e.Way != "" {
		a.attackWay(ctx, e)
		return nil
	}
	node, k := a.cluster.Nodes[e.Node], a.keepers[e.Node]
	if e.Kind == PauseNode {
		k.turn.Lock()
		defer k.turn.Unlock()
		if !k.serving() {
			return nil // it has just been started, and may end by itself where its database is gone
		}
		if err := node.Pause(); err != nil {
			return err
		}
		pause(ctx, e.For)
		return node.Resume()
	}
	k.turn.Lock() // a node that is told to end may take longer than its event
	defer k.turn.Unlock()
	k.hold(true)
	defer k.hold(false)
	err := k.end(e.Kind)
	pause(ctx, e.For)
	return err
}

func (a *adversary) attackWay(ctx context.Context, e Event) {
	node := a.cluster.Nodes[e.Node]
	proxy := node.ToDatabase
	if e.Way == ToBus {
		proxy = node.ToBus
	}
	switch e.Kind {
	case Cut:
		proxy.Cut()
	case HalfClose:
		proxy.HalfClose(e.End)
	default:
		proxy.Set(e.Fault)
		if e.Kind == Refuse {
			proxy.Cut()
		}
		pause(ctx, e.For)
		if e.CutLast {
			proxy.Cut()
		}
		proxy.Set(faultproxy.Fault{})
	}
}

// keeper starts a node again whenever the node has ended, as systemd would, and reports an end that the adversary did
// not cause.
type keeper struct {
	world *world
	node  *cluster.Node
	index int
	turn  sync.Mutex // held while something is done to the process

	mu       sync.Mutex
	held     bool // the node must stay down for now
	expected bool // the adversary ends this run
	served   bool // this run has answered
}

func (k *keeper) hold(held bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = held
	k.expected = k.expected || held
}

func (k *keeper) isHeld() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held
}

func (k *keeper) serving() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.served
}

// end ends the node in one of the two ways, if it runs.
func (k *keeper) end(kind Kind) error {
	select {
	case <-k.node.Ended():
		return nil // it could not start yet
	default:
	}
	if kind == TerminateNode && k.serving() {
		return k.node.Stop(stopPatience)
	}
	if err := k.node.Kill(); err != nil {
		select {
		case <-k.node.Ended():
			return nil // it has ended by itself meanwhile
		default:
			return err
		}
	}
	return nil
}

// run keeps the node up until ctx is done.
func (k *keeper) run(ctx context.Context) {
	k.setServed(true)
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.node.Ended():
		}
		if k.unexpected() {
			k.world.fault("%s ended by itself: %v; see %s", k.node.Name(), k.node.Result(), k.node.LogFile())
		}
		k.setServed(false)
		for k.isHeld() && ctx.Err() == nil {
			pause(ctx, 10*time.Millisecond)
		}
		if ctx.Err() != nil {
			return
		}
		k.begin()
		k.world.runs[k.index].Add(1)
		if err := k.node.Start(); err != nil {
			k.world.fault("%v", err)
			return
		}
		k.awaitServing(ctx)
	}
}

// unexpected says whether a run that had answered ended without the adversary.
func (k *keeper) unexpected() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.served && !k.expected
}

// begin begins a run whose end would be unexpected.
func (k *keeper) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expected = k.held
}

func (k *keeper) setServed(served bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.served = served
}

// awaitServing returns when the node answers, or has ended.
func (k *keeper) awaitServing(ctx context.Context) {
	for ctx.Err() == nil {
		if k.node.Serves(ctx) {
			k.setServed(true)
			return
		}
		select {
		case <-k.node.Ended():
			pause(ctx, 200*time.Millisecond) // before it is started again
			return
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}
