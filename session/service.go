package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Service is the domain over a Store and a Bus. It applies the rules to each call and leaves the work to its parts, each of
// which owns its lock and its goroutine. Its methods are safe for concurrent use and return *Error; they stand in the files
// service_*.go, by noun.
type Service struct {
	cfg            Config
	background     *background       // goroutines that are started now and then
	health         *health           // whether the service can serve
	identity       *databaseIdentity // whether it is still the same database
	publisher      *publisher        // tells every node of commits
	presence       *presence         // connections with sockets here
	rooms          *rooms            // sessions that are open here
	log            *chatLog          // writes entries
	reviews        *reviews          // asks about what is posted before it is written; nil where nobody is asked
	readMarks      *readMarks        // moves read marks
	connections    *connections      // creates, finds and ends connections
	lease          *lease            // the node's right to keep connections alive
	sweeper        *sweeper          // ends connections whose time has come
	sender         *sender           // sends signals and negotiations
	deletedRemover *deletedRemover   // removes what deleted sessions have stored
	eraser         *eraser           // erases users
	feed           *feedReader       // the live end of the feed of all sessions
	sequencer      *sequencer        // gives events their places in it
	expiredRemover *expiredRemover   // removes old entries
	started        chan struct{}     // closed when Run is ready
	startedAt      time.Time         // when the service was made

	webhooksChanged hint // by a call on this node
}

// NewService returns a Service that works while Run does.
func NewService(cfg Config) *Service {
	cfg = cfg.withDefaults()
	cfg.Store = guard{cfg.Store}
	node := cmp.Or(cfg.Node, rand.Text())
	var maxAge time.Duration
	if !cfg.Bus.SingleNode() {
		maxAge = (checkTicks + 1) * cfg.Tick
	}
	cache := newConnectionCache(cachedConnections, cachedConnectionBytes, maxAge, cfg.Now)
	s := &Service{cfg: cfg, background: newBackground(), identity: newDatabaseIdentity(cfg.Store), started: make(chan struct{}), startedAt: cfg.Now(),
		webhooksChanged: newHint()}
	s.health = &health{store: cfg.Store, now: cfg.Now, background: s.background}
	s.feed = newFeedReader(cfg, s.background)
	s.sequencer = newSequencer(cfg, node, s.feed.news)
	s.publisher = &publisher{bus: cfg.Bus, cache: cache, hint: s.sequencer.hint, log: cfg.Log}
	s.presence = newPresence(cfg, node, cache, s.background)
	s.rooms = newRooms(&roomDeps{store: cfg.Store, bus: cfg.Bus, budget: cfg.Budget, chunks: newLogChunks(cfg.Store, cfg.Budget),
		presence: s.presence, cache: cache, traces: traces{cfg.Tracer}, background: s.background, log: cfg.Log, now: cfg.Now},
		min(roomLinger, cfg.Idle/2)) // no session is removed while its room is open
	s.log = newChatLog(cfg, s.publisher, s.health, s.background)
	s.reviews = newReviews(cfg, s.background)
	s.readMarks = newReadMarks(cfg, s.publisher)
	s.connections = newConnections(cfg, cache, s.presence, s.publisher, s.rooms)
	s.lease = newLease(cfg, node, s.presence.attachments, s.report)
	s.sweeper = &sweeper{store: cfg.Store, node: node, grace: cfg.Grace, idle: cfg.Idle, lease: s.lease, publisher: s.publisher, metrics: cfg.Metrics}
	s.deletedRemover = &deletedRemover{store: cfg.Store, background: s.background, log: cfg.Log}
	s.eraser = &eraser{store: cfg.Store, node: node, lease: newNamedLease(cfg, erasureLease, node), writes: s.log, rooms: s.rooms,
		cache: cache, feed: s.feed, done: func() { s.sequencer.hint("") }, background: s.background, log: cfg.Log, noted: make(map[string]bool),
		failing: make(map[string]bool)}
	s.lease.lost = s.eraser.forgetAll
	s.expiredRemover = newExpiredRemover(cfg, node, s.publisher, s.sequencer)
	s.sender = &sender{bus: cfg.Bus, attachments: s.presence.attachments, rooms: s.rooms}
	return s
}

// Run makes the service ready, works until ctx is done, and returns when every goroutine has ended and everything that
// was accepted is stored. It returns an error where the store cannot be used at the start. It may be called once.
func (s *Service) Run(ctx context.Context) error {
	if err := s.lease.take(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("take the node's lease: %w", err)
	}
	if !s.cfg.Bus.SingleNode() {
		if err := s.identity.check(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("read which database it is: %w", err)
		}
	}
	if _, err := s.feed.end(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("read where the feed ends: %w", err)
	}
	var writers sync.WaitGroup
	writers.Go(s.log.run)
	writers.Go(s.readMarks.run)
	writers.Go(s.connections.run)
	writers.Go(s.rooms.run)
	writers.Go(s.presence.run)
	var removing sync.WaitGroup
	removing.Go(s.expiredRemover.run)
	var feed sync.WaitGroup
	feed.Go(s.sequencer.run)
	s.health.serving.Store(true)
	close(s.started)
	s.tick(ctx)
	s.health.serving.Store(false)
	if err := s.presence.flush(context.WithoutCancel(ctx)); err != nil {
		s.cfg.Log.Warn("the last requests of connections without a socket are not recorded", "error", err)
	}

	s.expiredRemover.close()
	removing.Wait()
	s.reviews.stop()
	s.log.close()
	s.readMarks.close()
	s.connections.close()
	s.rooms.close()
	s.presence.close()
	writers.Wait()
	s.sequencer.close()
	feed.Wait()
	s.background.end()
	s.rooms.closeIdle(true)
	return nil
}

// checkTicks is the number of ticks between two comparisons with the Store, and so the longest delay of an entry or change that
// the bus lost.
const checkTicks = 5

// hurriedRooms is the most open rooms with which a node that is cut off from the others checks at every tick. More would be a
// load that the database does not have when all is well.
const hurriedRooms = 5000

// tick looks after the lease, the connections and the rooms until ctx is done.
func (s *Service) tick(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.Tick)
	defer ticker.Stop()
	lost, again := s.cfg.Bus.Lost(), (<-chan time.Time)(nil)
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return
		case <-lost:
			// The next check waits a while: it reads all that is open, and a bus that brings nonsense loses something
			// with each message.
			lost, again = nil, time.After(min(s.cfg.Tick, time.Second))
			s.sequencer.doubt()
			s.feed.forget(func(*FeedEvent) bool { return true }) // it may not have been told of what was removed
			if err := s.check(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.Warn("can't compare the open sessions with the store", "error", err)
			}
		case <-again:
			lost, again = s.cfg.Bus.Lost(), nil
		case <-ticker.C:
			s.tickOnce(ctx, n)
			n++
		}
	}
}

// tickOnce is the work of the nth tick.
func (s *Service) tickOnce(ctx context.Context, n int) {
	var failed []error
	failed = append(failed, s.presence.flush(ctx))
	if err := s.lease.keep(ctx); err != nil {
		failed = append(failed, err) // and this node, which may have been away, sweeps nobody
	} else {
		failed = append(failed, s.sweeper.sweep(ctx))
	}
	s.deletedRemover.wake()
	s.eraser.wake()
	s.presence.endStays()
	cutOff := s.cfg.Bus.Err() != nil
	if n%checkTicks == 0 || cutOff && len(s.rooms.list()) <= hurriedRooms {
		failed = append(failed, s.check(ctx))
	}
	s.rooms.closeIdle(false)
	if err := errors.Join(failed...); err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("the store could not be looked after; trying again", "error", err)
	}
}

// check compares this node's view with the Store, and so finds everything that the bus lost.
func (s *Service) check(ctx context.Context) error {
	err := errors.Join(s.rooms.check(ctx), s.feed.check(ctx))
	if !s.cfg.Bus.SingleNode() {
		err = errors.Join(err, s.connections.check(ctx), s.identity.check(ctx))
	}
	return err
}

// Started is closed when Run has made the service ready.
func (s *Service) Started() <-chan struct{} { return s.started }

// Ready returns nil where the service can serve, and why not otherwise. A bus that is cut off is no reason: see Degraded.
// Errors: UNAVAILABLE.
func (s *Service) Ready(ctx context.Context) error { return s.health.ready(ctx) }

// Degraded returns nil, or why the service does not work as it should though it serves: while other nodes can't be reached,
// their entries come with the delay of the next check, and their signals not at all. Errors: UNAVAILABLE.
func (s *Service) Degraded() error { return s.sender.unreachable() }

// Replaced is closed when the database that nodes share turns out to have been replaced, as by an older copy. Everything that
// this node holds of the database, and that its clients follow, is then of no use: the node must close their sockets, so that
// they come back, and start again.
func (s *Service) Replaced() <-chan struct{} { return s.identity.replaced }

// Stats are the sizes of a Service's parts.
type Stats struct {
	Rooms         int   // open sessions
	Attached      int   // connections with a socket here
	OlderReads    int64 // reads of the store for readers that were behind, since the start
	Kept          int64 // bytes of the budget in use
	WaitingWrites int   // adds and changes of entries that wait to be committed
	Reviewing     int   // posts that wait for the Reviewer, or that it is asked about
}

// Stats returns the present sizes.
func (s *Service) Stats() Stats {
	return Stats{Rooms: len(s.rooms.list()), Attached: s.presence.count(), OlderReads: s.rooms.olderReads(),
		Kept: s.cfg.Budget.Used(), WaitingWrites: s.log.waiting(), Reviewing: s.reviews.waiting()}
}
