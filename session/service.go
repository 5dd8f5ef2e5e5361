package session

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Service is made of.
type Config struct {
	Store Store
	Bus   Bus
	Log   *slog.Logger // nil: discarded
	ICE   ICE          // nil: no ICE servers

	Open  bool          // open mode: connect without a token, and guests in the lobby
	Grace time.Duration // to come back after the last socket closed; zero: 20 s
	Idle  time.Duration // from the last request of a connection without a socket to its end; zero: 10 min

	GroupLimit  int // writes a commit; zero: 256
	QueueLimit  int // writes that may wait; zero: 8192
	SocketLimit int // sockets and streams a connection has open on this node; zero: DefaultSocketLimit

	MaxStay time.Duration // from a connection's creation to its end for good; zero: none

	Budget             *Budget // of what is kept in memory; nil: one of DefaultBudgetBytes
	SessionBytes       int64   // QuotaBytes of the entries of a session that was made on first use; zero: no bound
	SessionConnections int     // live connections of a session; zero: DefaultSessionConnections
	TokenConnections   int     // live connections of one session token; zero: DefaultTokenConnections
	AddressConnections int     // live connections of one client address; zero: DefaultAddressConnections

	Lease   time.Duration    // that a node's sockets keep its connections after it was last heard of; zero: ten ticks, 3 s at least
	Tick    time.Duration    // how often leases, rooms and heads are looked after; zero: 1 s, or less for a short Grace
	Now     func() time.Time // zero: time.Now
	Metrics Metrics          // zero: none
}

// Defaults of the limits.
const (
	DefaultSocketLimit        = 64 // sockets and streams of a connection on a node
	DefaultSessionBytes       = 1 << 30
	DefaultSessionConnections = 100_000
	DefaultTokenConnections   = 1_000
	DefaultAddressConnections = 1_000
)

// Metrics hears of what a Service does. Its methods must not block.
type Metrics interface {
	EntriesCommitted(group int, took time.Duration) // one commit of so many entries
	SignalSent()
	NegotiationSent()
	ConnectionsSwept(n int)
}

type noMetrics struct{}

func (noMetrics) EntriesCommitted(int, time.Duration) {}
func (noMetrics) SignalSent()                         {}
func (noMetrics) NegotiationSent()                    {}
func (noMetrics) ConnectionsSwept(int)                {}

// Service is the domain's rules over a Store and a Bus. Its methods are safe for concurrent use and return *Error.
type Service struct {
	cfg     Config
	store   Store
	bus     Bus
	log     *slog.Logger
	metrics Metrics
	now     func() time.Time
	node    string

	entries     *lanes[NewEntry, EntryResult]
	connections *lanes[NewConnection, ConnectionResult]
	older       *chunkCache
	budget      *Budget
	rooms       rooms
	presence    *presence
	known       *connectionCache
	heads       *headReader
	shared      bool          // other nodes write to the Store too
	linger      time.Duration // for how long a room that nobody uses is kept

	life     *Epoch // the lobby's, by which the database is known; nil until the first check, whose goroutine alone uses it
	replaced chan struct{}
	replace  sync.Once

	ping struct {
		sync.Mutex
		at       time.Time
		err      error
		answered chan struct{} // closed when the question that is under way is answered; nil while none is
		failed   error         // of the last commit of entries
		failedAt time.Time
	}
	ready     atomic.Bool
	started   chan struct{}   // closed when Run is ready
	lifetime  context.Context // of background work
	end       context.CancelFunc
	work      sync.WaitGroup
	workMu    sync.Mutex // held while work is added, so that none is added after the end
	workEnded bool
}

// NewService returns a Service that works while Run does.
func NewService(cfg Config) *Service {
	defaults(&cfg)
	cfg.Store = guard{cfg.Store}
	s := &Service{cfg: cfg, store: cfg.Store, bus: cfg.Bus, log: cfg.Log, metrics: cfg.Metrics, now: cfg.Now,
		node:     rand.Text(),
		heads:    newHeadReader(cfg.Store),
		older:    newChunkCache(cfg.Store, cfg.Budget),
		budget:   cfg.Budget,
		rooms:    rooms{byID: make(map[string]*roomSlot)},
		shared:   cfg.Bus.Lost() != nil,       // where nothing can be lost there is nobody to lose it
		linger:   min(roomLinger, cfg.Idle/2), // no session is removed sooner
		started:  make(chan struct{}),
		replaced: make(chan struct{})}
	s.lifetime, s.end = context.WithCancel(context.Background())
	s.entries = newLanes(cfg.Store.Lanes(), cfg.GroupLimit, cfg.QueueLimit,
		func(e NewEntry) string { return e.SessionID }, s.commitEntries)
	s.connections = newLanes(cfg.Store.Lanes(), cfg.GroupLimit, cfg.QueueLimit,
		func(c NewConnection) string { return c.SessionID }, s.commitConnections)
	s.presence = newPresence()
	var fresh time.Duration
	if s.shared {
		fresh = (checkTicks + 1) * cfg.Tick
	}
	s.known = newConnectionCache(knownConnections, fresh, cfg.Now)
	return s
}

func defaults(c *Config) {
	set(&c.Log, slog.New(slog.DiscardHandler))
	set(&c.Grace, 20*time.Second)
	set(&c.Idle, 10*time.Minute)
	set(&c.GroupLimit, 256)
	set(&c.QueueLimit, 8192)
	set(&c.SocketLimit, DefaultSocketLimit)
	if c.Budget == nil {
		c.Budget = NewBudget(0)
	}
	set(&c.SessionConnections, DefaultSessionConnections)
	set(&c.TokenConnections, DefaultTokenConnections)
	set(&c.AddressConnections, DefaultAddressConnections)
	set(&c.Tick, max(10*time.Millisecond, min(time.Second, c.Grace/4)))
	set(&c.Lease, max(10*c.Tick, 3*time.Second))
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Metrics == nil {
		c.Metrics = noMetrics{}
	}
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Run makes the service ready, works until ctx is done, and returns when every goroutine has ended and everything that
// was accepted is stored. It returns an error where the store cannot be used at the start. It may be called once.
func (s *Service) Run(ctx context.Context) error {
	if err := s.startLease(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("take the node's lease: %w", err)
	}
	if s.shared {
		if err := s.checkLife(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("read which database it is: %w", err)
		}
	}
	var writers sync.WaitGroup
	writers.Go(s.entries.run)
	writers.Go(s.connections.run)
	writers.Go(func() { s.heads.run(context.WithoutCancel(s.lifetime)) })
	writers.Go(func() { s.presence.run(s) })
	s.ready.Store(true)
	close(s.started)
	s.look(ctx)
	s.ready.Store(false)
	if err := s.flushTouched(context.WithoutCancel(ctx)); err != nil {
		s.log.Warn("the last requests of connections without a socket are not recorded", "error", err)
	}

	s.entries.close()
	s.connections.close()
	s.heads.close()
	s.presence.close()
	writers.Wait()
	s.endBackground()
	s.closeIdleRooms(true)
	return nil
}

// look looks after leases, rooms and heads until ctx is done.
func (s *Service) look(ctx context.Context) {
	tick := time.NewTicker(s.cfg.Tick)
	defer tick.Stop()
	lost, again := s.bus.Lost(), (<-chan time.Time)(nil)
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return
		case <-lost:
			// The next check waits a while: it reads all that is open, and a bus that brings nonsense loses something
			// with each message.
			lost, again = nil, time.After(min(s.cfg.Tick, time.Second))
			if err := s.check(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("can't compare the open sessions with the store", "error", err)
			}
		case <-again:
			lost, again = s.bus.Lost(), nil
		case <-tick.C:
			s.lookOnce(ctx, n)
			n++
		}
	}
}

// lookOnce is one tick's work.
func (s *Service) lookOnce(ctx context.Context, n int) {
	var failed []error
	failed = append(failed, s.flushTouched(ctx))
	if err := s.keepLease(ctx); err != nil {
		failed = append(failed, err) // and nobody is swept by a node that may have been away
	} else {
		failed = append(failed, s.sweep(ctx))
	}
	s.presence.endStays(s)
	if s.checkDue(n) {
		failed = append(failed, s.check(ctx))
	}
	s.closeIdleRooms(false)
	if err := errors.Join(failed...); err != nil && ctx.Err() == nil {
		s.log.Warn("the store could not be looked after; trying again", "error", err)
	}
}

// background runs f on a goroutine that Run waits for. f must end when its context is done. After the end f is not run.
func (s *Service) background(f func(context.Context)) {
	s.workMu.Lock()
	defer s.workMu.Unlock()
	if s.workEnded {
		return
	}
	s.work.Go(func() { f(s.lifetime) })
}

func (s *Service) endBackground() {
	s.workMu.Lock()
	s.workEnded = true
	s.workMu.Unlock()
	s.end()
	s.work.Wait()
}

// Started is closed when Run has made the service ready.
func (s *Service) Started() <-chan struct{} { return s.started }

// Ready returns nil where the service can serve, and why not otherwise. A bus that is cut off is no reason: see
// Degraded. Errors: UNAVAILABLE.
func (s *Service) Ready(ctx context.Context) error {
	if !s.ready.Load() {
		return Errorf(CodeUnavailable, "the server is starting or stopping")
	}
	return s.pinged(ctx)
}

// Degraded returns nil, or what does not work as it should while the service serves: where other nodes can't be reached,
// their entries come with the delay of the next check, and their signals not at all. Errors: UNAVAILABLE.
func (s *Service) Degraded() error {
	if err := s.bus.Err(); err != nil {
		return &Error{Code: CodeUnavailable, Message: "other nodes can't be reached", Err: err}
	}
	return nil
}

// pinged asks the Store whether it works, once a second for all who ask: the question is a write. Those who ask while it
// is under way wait for its answer, pingWait at most.
func (s *Service) pinged(ctx context.Context) error {
	s.ping.Lock()
	p := &s.ping
	if p.answered == nil && (p.at.IsZero() || s.now().Sub(p.at) >= time.Second) {
		answered := make(chan struct{})
		p.answered = answered
		s.background(func(ctx context.Context) { s.askStore(ctx, answered) })
	}
	answered := p.answered
	s.ping.Unlock()
	if answered != nil {
		late := time.NewTimer(pingWait)
		defer late.Stop()
		select {
		case <-answered:
		case <-late.C:
			return Errorf(CodeUnavailable, "the database does not answer in time")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	s.ping.Lock()
	defer s.ping.Unlock()
	if s.ping.err == nil && s.ping.failed != nil && s.now().Sub(s.ping.failedAt) < commitFailure {
		return s.ping.failed
	}
	return s.ping.err
}

const (
	// pingWait is for how long a probe of readiness waits for the Store.
	pingWait = 2 * time.Second
	// commitFailure is for how long a commit that the Store failed says that it does not work, unless another one succeeds:
	// a Ping's small write may find room where entries find none.
	commitFailure = 5 * time.Second
)

func (s *Service) askStore(ctx context.Context, answered chan struct{}) {
	err := s.store.Ping(ctx)
	s.ping.Lock()
	defer s.ping.Unlock()
	s.ping.err, s.ping.at, s.ping.answered = err, s.now(), nil
	close(answered)
}

// committed notes whether the Store took a commit of entries.
func (s *Service) committed(err error) {
	s.ping.Lock()
	defer s.ping.Unlock()
	s.ping.failed, s.ping.failedAt = err, s.now()
}

// Stats are counts of what is held now.
type Stats struct {
	Rooms       int   // open sessions
	Attached    int   // connections with a socket here
	OlderReads  int64 // reads of the store for readers that were behind, since the start
	Kept        int64 // bytes of the budget in use
	WritesQueue int   // entries that wait to be committed
}

// Stats returns what is held now.
func (s *Service) Stats() Stats {
	return Stats{Rooms: len(s.openRooms()), Attached: s.presence.attached(), OlderReads: s.older.reads.Load(), Kept: s.budget.Used(),
		WritesQueue: s.entries.waiting()}
}

func newEpoch() Epoch {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return Epoch(binary.BigEndian.Uint64(b[:]) &^ (1 << 63))
}

// newID returns a random id that nobody can guess or meet twice.
func newID() string { return rand.Text() }

// idLength is how long the ids are that newID makes, of A-Z and 2-7 (RFC 4648, section 6).
const idLength = 26

// disguisedID says whether a guest's name reads as an id that newID may have made, but is written in other letters: such as
// in small ones, or with the digits that look like letters. People who compare it by eye would take the guest for the
// connection.
func disguisedID(name string) bool {
	if len(name) != idLength {
		return false
	}
	plain := true
	for _, c := range []byte(name) {
		switch {
		case 'A' <= c && c <= 'Z', '2' <= c && c <= '7':
		case 'a' <= c && c <= 'z', c == '0', c == '1', c == '8':
			plain = false
		default:
			return false
		}
	}
	return !plain
}
