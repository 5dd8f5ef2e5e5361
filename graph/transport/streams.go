package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"chattok/internal/processors"
)

// Streams is the core under everything that stays open: WebSockets, and subscriptions over HTTP as SSE or multipart. It
// owns their goroutines and the groups of subscriptions that share an execution, and it ends them all.
//
// Subscriptions to shared fields are members of groups. Workers, one for each processor, serve those of WebSockets; an
// HTTP stream serves itself on its request's goroutine. Every other subscription has a goroutine of its own.
type Streams struct {
	config        StreamConfig
	groups        *groups
	subscriptions atomic.Int64
	counts        counts

	admission admission
	idle      idleSockets
	behind    behindPlaces
	tick      time.Duration // between two rounds of watch
	clock     atomic.Int64  // rounds of watch so far
	running   sync.WaitGroup
	stop      chan struct{} // closed at the end of Shutdown
}

// NewStreams returns Streams that work until Shutdown.
func NewStreams(config StreamConfig) *Streams {
	config.setDefaults()
	t := &Streams{config: config, admission: newAdmission(), stop: make(chan struct{}),
		tick: min(config.PingInterval, config.KeepAlive) / 4}
	t.groups = newGroups(config, t.running.Go)
	if t.idle.open() {
		t.running.Go(func() { t.idle.run(t.resume) })
	}
	t.running.Go(t.watch)
	for range processors.Count() {
		t.running.Go(t.groups.work)
	}
	return t
}

// Sockets returns how many WebSockets are open.
func (t *Streams) Sockets() int {
	t.admission.mu.Lock()
	defer t.admission.mu.Unlock()
	return len(t.admission.sockets)
}

// HTTPStreams returns how many subscriptions over HTTP are open.
func (t *Streams) HTTPStreams() int {
	t.admission.mu.Lock()
	defer t.admission.mu.Unlock()
	return len(t.admission.responses)
}

// Subscriptions returns how many subscriptions are under way, over WebSocket and HTTP.
func (t *Streams) Subscriptions() int { return int(t.subscriptions.Load()) }

// all returns the sockets and streams that are open.
func (t *Streams) all() (sockets []*socket, responses []*httpStream) {
	t.admission.mu.Lock()
	defer t.admission.mu.Unlock()
	sockets = make([]*socket, 0, len(t.admission.sockets))
	for s := range t.admission.sockets {
		sockets = append(sockets, s)
	}
	responses = make([]*httpStream, 0, len(t.admission.responses))
	for s := range t.admission.responses {
		responses = append(responses, s)
	}
	return sockets, responses
}

// watch pings sockets that are silent, and closes those that stay silent, with one timer for all. It counts its own
// ticks rather than the clock: after a pause of the process, as when a laptop is closed or a virtual machine is moved,
// the clock says that every client was silent for long, though nobody has read from them.
func (t *Streams) watch() {
	tick := time.NewTicker(t.tick)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			if now := time.Now(); now.Sub(last) < t.tick/2 {
				continue // it follows a late tick, as after a pause, and is no sign of more silence
			} else {
				last = now
			}
			now := t.clock.Add(1)
			sockets, _ := t.all()
			for _, s := range sockets {
				s.checkAlive(now, int64(t.config.PingInterval/t.tick), int64(t.config.KeepAlive*3/4/t.tick))
			}
		}
	}
}

// resume reads on from a silent socket when the kernel has something to read.
func (t *Streams) resume(fd int) {
	if s := t.idle.take(fd); s != nil {
		go s.run()
	}
}

// errRestart ends an HTTP stream whose client is asked to come back.
var errRestart = errors.New("the server is restarting")

// Shutdown refuses new sockets and streams, closes the open sockets with CloseRestart and cuts HTTP streams without the
// end that their protocols have, so that clients come back. It does so spread over half of the time that ctx leaves, so
// that they do not come back all at once. It returns when everything has ended, or when ctx is done.
func (t *Streams) Shutdown(ctx context.Context) error {
	t.admission.mu.Lock()
	t.admission.closed = true
	t.admission.mu.Unlock()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(4 * time.Second)
	}
	sockets, responses := t.all()
	spread := min(time.Until(deadline)/2, time.Duration(len(sockets)+len(responses))*5*time.Millisecond)
	settling, settled := context.WithTimeout(ctx, time.Until(deadline)*3/4)
	defer settled()
	var closing sync.WaitGroup
	later := func(end func()) {
		closing.Go(func() {
			sleep(ctx, time.Duration(rand.Float64()*float64(spread)))
			end()
		})
	}
	for _, s := range sockets {
		later(func() {
			s.settle(settling)
			s.close(CloseRestart, restartReason)
		})
	}
	for _, s := range responses {
		later(func() { s.end(errRestart) })
	}
	ended := make(chan struct{})
	go func() {
		closing.Wait()
		close(t.stop)
		t.idle.close() // no socket is in it any more
		t.groups.queue.close()
		t.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		sockets, responses := t.all()
		for _, s := range sockets {
			s.hangUp()
		}
		for _, s := range responses {
			s.end(errRestart)
		}
		return ctx.Err()
	}
}
