package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Streams.
const (
	DefaultMaxMessageBytes = 1 << 20
	DefaultMaxOperations   = 256
	DefaultMaxSelections   = 32
	DefaultInitTimeout     = 10 * time.Second
	DefaultPingInterval    = 20 * time.Second
	DefaultKeepAlive       = 15 * time.Second
	DefaultWriteTimeout    = 10 * time.Second
)

// StreamConfig is what Streams are made of. Zero limits are the defaults above.
type StreamConfig struct {
	Authenticate Authenticate
	Attach       Attach
	// Detach returns a context with what of a request's outlives it, and nothing that is better given up; nil:
	// context.WithoutCancel.
	Detach func(context.Context) context.Context
	// Connection names the connection of ctx's caller, "" for one that has none: its subscriptions are counted together.
	// Those of a caller without one are counted by address. nil: all have none.
	Connection func(ctx context.Context) string
	Client     func(*http.Request) netip.Addr // the address a request comes from; nil: it is not known, and not limited
	// Pace is told of each frame that was read of a WebSocket, with the context of its operations, and returns for how long
	// the next is to be left unread; nil: for none. TCP then slows the client down.
	Pace   func(context.Context) time.Duration
	Decode Decode
	Shared map[string]Shared // the subscription fields whose events are executed once for all, by name

	Answers *Answers // what answers under way are bounded by; nil: by nothing

	MaxMessageBytes int           // of a message over a WebSocket, over all its fragments; above: 1009
	MaxOperations   int           // under way on a WebSocket; one more gets an error frame with RATE_LIMITED
	MaxSockets      int           // WebSockets and HTTP streams open at once; one more is closed with 1013, or gets status 503
	MaxPerAddress   int           // the same of one client address that is not loopback; 1013, or status 429
	MaxWaiting      int           // WebSockets that have not sent connection_init; one more is closed with 1013
	InitTimeout     time.Duration // for connection_init to arrive; then: 4408
	PingInterval    time.Duration // between pings to a silent WebSocket; after two without a sign of life it is gone
	KeepAlive       time.Duration // of silence on an HTTP stream, after which it gets a comment (SSE) or an empty part (multipart)
	MaxSelections   int           // different ones of subscriptions that one caller has; one more gets RATE_LIMITED
	Gather          time.Duration // between an event's write and the next one's, at least; zero: none waits
	WriteTimeout    time.Duration // for a write to be taken; then the socket or stream is gone, and its client resumes by cursor
}

func (c *StreamConfig) setDefaults() {
	setDefault(&c.MaxMessageBytes, DefaultMaxMessageBytes)
	setDefault(&c.MaxOperations, DefaultMaxOperations)
	setDefault(&c.MaxSelections, DefaultMaxSelections)
	setDefault(&c.MaxSockets, DefaultMaxSockets)
	setDefault(&c.MaxPerAddress, DefaultMaxPerAddress)
	setDefault(&c.MaxWaiting, DefaultMaxWaiting)
	if c.Detach == nil {
		c.Detach = context.WithoutCancel
	}
	if c.Client == nil {
		c.Client = func(*http.Request) netip.Addr { return netip.Addr{} }
	}
	setDefault(&c.InitTimeout, DefaultInitTimeout)
	setDefault(&c.PingInterval, DefaultPingInterval)
	setDefault(&c.KeepAlive, DefaultKeepAlive)
	setDefault(&c.WriteTimeout, DefaultWriteTimeout)
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Streams is the core under everything that stays open: WebSockets, and subscriptions over HTTP as SSE or multipart.
// It owns their goroutines, the groups of subscriptions that share their executions, and the end of all.
//
// Subscriptions to shared fields are members of groups. Those of WebSockets are served by a worker for each processor;
// an HTTP stream serves itself, on its request's goroutine. Other subscriptions have a goroutine each.
type Streams struct {
	config        StreamConfig
	groups        *groups
	subscriptions atomic.Int64

	open    admission
	parking parking
	tick    time.Duration // of watch
	awake   atomic.Int64  // ticks that watch has seen
	running sync.WaitGroup
	stop    chan struct{} // closed at the end of Shutdown
}

// NewStreams returns Streams that work until Shutdown.
func NewStreams(config StreamConfig) *Streams {
	config.setDefaults()
	t := &Streams{config: config, open: newAdmission(), stop: make(chan struct{}),
		tick: min(config.PingInterval, config.KeepAlive) / 4}
	t.groups = newGroups(config, t.running.Go)
	if t.parking.open() {
		t.running.Go(func() { t.parking.run(t.resume) })
	}
	t.running.Go(t.watch)
	for range runtime.GOMAXPROCS(0) {
		t.running.Go(t.groups.work)
	}
	return t
}

// caller names who is counted for a subscription; "" for nobody.
func (t *Streams) caller(ctx context.Context, client netip.Prefix) string {
	if id := t.connection(ctx); id != "" {
		return "connection " + id
	}
	if client.IsValid() {
		return client.String()
	}
	return ""
}

// Sockets returns how many WebSockets are open.
func (t *Streams) Sockets() int {
	t.open.mu.Lock()
	defer t.open.mu.Unlock()
	return len(t.open.sockets)
}

// HTTPStreams returns how many subscriptions over HTTP are open.
func (t *Streams) HTTPStreams() int {
	t.open.mu.Lock()
	defer t.open.mu.Unlock()
	return len(t.open.responses)
}

// Subscriptions returns how many subscriptions are under way, over WebSocket and HTTP.
func (t *Streams) Subscriptions() int { return int(t.subscriptions.Load()) }

// all returns what is open.
func (t *Streams) all() (sockets []*socket, responses []*httpStream) {
	t.open.mu.Lock()
	defer t.open.mu.Unlock()
	sockets = make([]*socket, 0, len(t.open.sockets))
	for s := range t.open.sockets {
		sockets = append(sockets, s)
	}
	responses = make([]*httpStream, 0, len(t.open.responses))
	for s := range t.open.responses {
		responses = append(responses, s)
	}
	return sockets, responses
}

// ticks is how many of watch's ticks a time has.
func (t *Streams) ticks(d time.Duration) int64 { return int64(d / t.tick) }

// watch counts silence by its own ticks and not by the clock: a process that stood still, as on a laptop that was shut or a
// machine that was moved, has sockets of which it has not read for long, and not
// clients that have been silent. It pings the sockets that are silent, and closes those that stay so, with one timer for all.
func (t *Streams) watch() {
	tick := time.NewTicker(t.tick)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			if now := time.Now(); now.Sub(last) < t.tick/2 {
				continue // one that was late, as after a pause: the next is no sign of more silence
			} else {
				last = now
			}
			t.awake.Add(1)
			sockets, _ := t.all()
			for _, s := range sockets {
				s.checkAlive()
			}
		}
	}
}

// resume reads on where the kernel has something of a silent socket.
func (t *Streams) resume(fd int) {
	if s := t.parking.heard(fd); s != nil {
		go s.run()
	}
}

// errRestart ends an HTTP stream whose client is to come back.
var errRestart = errors.New("the server is restarting")

// Shutdown refuses what is new, closes the open sockets with CloseRestart and cuts HTTP streams without the end that
// their protocols have, spread over half of the time that ctx leaves, so that their clients come back, but not all at
// once. It returns when everything has ended, or ctx has.
func (t *Streams) Shutdown(ctx context.Context) error {
	t.open.mu.Lock()
	t.open.closed = true
	t.open.mu.Unlock()
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
		t.parking.close() // there is nobody in it any more
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
