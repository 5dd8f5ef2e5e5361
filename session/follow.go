package session

import (
	"context"
	"sync"
	"time"
)

// Source is a numbered run of events whose newest part can be read without waiting. A Window is one, and so is a Feed.
type Source[T any] interface {
	// Bounds returns the oldest and the newest position that Read can give; oldest is newest+1 where there is none.
	Bounds() (oldest, newest int64)
	// Read appends to dst the events after a position, limit at most; gone says that some of them can't be read here.
	Read(dst []T, after int64, limit int) (events []T, gone bool)
	// Watch calls wake, which must not block, whenever there is more, until stop is called.
	Watch(wake func()) (stop func())
}

// Follower is one reader's right to follow a Source: where it begins, what it may see, and how it goes on where it has
// fallen behind. It holds no queue.
type Follower[T any] struct {
	Source[T]
	Key   string       // names the Source on this node: equal keys, equal events
	After int64        // the position to begin after
	First []T          // what the reader gets before everything else
	Sees  func(T) bool // whether an event is for this reader; nil for all
	// Behind is called where the events after a position are gone from the Source. It returns what the reader gets in
	// their place and the position to go on after. It may wait for the Store. Errors: UNAVAILABLE, which may pass.
	Behind func(ctx context.Context, after int64) (events []T, next int64, err error)

	closing sync.Once
	release func()
}

// Close ends the right to follow. It may be called more than once.
func (f *Follower[T]) Close() { f.closing.Do(f.release) }

// deliverBatch is how many events Deliver takes from a Source at once.
const deliverBatch = 64

// Deliver hands the events to a channel, one after the other, until ctx is done; then it closes the channel and f. A
// reader of the channel that is slow holds up nobody but itself.
func (f *Follower[T]) Deliver(ctx context.Context) <-chan T {
	out := make(chan T)
	wake := make(chan struct{}, 1)
	stop := f.Watch(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	go func() {
		defer close(out)
		defer f.Close()
		defer stop()
		if !send(ctx, out, f.First, nil) {
			return
		}
		for after, batch := f.After, make([]T, 0, deliverBatch); ; {
			events, next, ok := f.next(ctx, batch[:0], after)
			if !ok || !send(ctx, out, events, f.Sees) {
				return
			}
			if after != next {
				after = next
				continue
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// next returns the events after a position; ok is false when ctx is done.
func (f *Follower[T]) next(ctx context.Context, dst []T, after int64) (events []T, next int64, ok bool) {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		events, gone := f.Read(dst, after, deliverBatch)
		if !gone {
			return events, after + int64(len(events)), true
		}
		events, next, err := f.Behind(ctx, after)
		if err == nil {
			return events, next, true
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, after, false
		}
	}
}

func send[T any](ctx context.Context, out chan<- T, events []T, sees func(T) bool) bool {
	for _, e := range events {
		if sees != nil && !sees(e) {
			continue
		}
		select {
		case out <- e:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// FollowEntries follows the log of the caller's session: without a cursor what is committed from now on, with one
// everything after it. Errors: UNAUTHENTICATED, FORBIDDEN; BAD_USER_INPUT with ReasonCursorMismatch; UNAVAILABLE.
func (s *Service) FollowEntries(ctx context.Context, c Caller, after *string) (*Follower[*ChatEntry], error) {
	if err := c.inSession(); err != nil {
		return nil, err
	}
	r, release, err := s.room(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	f := &Follower[*ChatEntry]{Source: r.feed, Key: r.key("entries"), release: release,
		Behind: func(ctx context.Context, after int64) ([]*ChatEntry, int64, error) {
			events, err := r.feed.Older(ctx, after)
			return events, after + int64(len(events)), err
		}}
	f.After, err = s.begin(ctx, r, after)
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// begin returns the position after which a reader of the log begins.
func (s *Service) begin(ctx context.Context, r *room, after *string) (int64, error) {
	if after == nil {
		return r.feed.Head(), nil // what was answered before is in the feed: commitEntries publishes first
	}
	seq, err := ParseCursor("after", r.session.Epoch, *after)
	if err != nil || seq <= r.feed.Head() {
		return seq, err
	}
	head, err := s.head(ctx, r.session) // another node may have committed what this one has not heard of yet
	if err == nil && seq > head {
		err = CursorMismatch("after")
	}
	return seq, err
}

// key names one of the room's sources on this node.
func (r *room) key(source string) string {
	return source + " " + r.session.ID + " " + Cursor(r.session.Epoch, 1)
}

// FollowSignals follows the signals to the caller; a nil kind is all types. Errors: UNAUTHENTICATED, FORBIDDEN,
// UNAVAILABLE.
func (s *Service) FollowSignals(ctx context.Context, c Caller, kind *string) (*Follower[*Signal], error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	if kind != nil {
		if err := validName("type", *kind); err != nil {
			return nil, err
		}
	}
	r, release, err := s.room(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	me := c.Connection.ID
	source := signalSource{r.signals}
	f := &Follower[*Signal]{Source: source, Key: r.key("signals"), release: release,
		Sees: func(g *Signal) bool {
			return (g.To == nil || *g.To == me) && (kind == nil || *kind == g.Type)
		}}
	f.First, f.After = s.takeArrival(r, me, f.Sees)
	f.Behind = func(_ context.Context, after int64) ([]*Signal, int64, error) {
		return source.resume(after, f.Sees)
	}
	return f, nil
}

// takeArrival returns where a connection's signals begin, and the first time those that waited for it: of what it sees,
// the newest waitingSignals that passed less than waitingTime ago.
func (s *Service) takeArrival(r *room, id string, sees func(*Signal) bool) (waited []*Signal, after int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.arrived[id]
	delete(r.arrived, id)
	if !ok {
		return nil, r.signals.Newest()
	}
	after = a.position
	passing, gone := r.signals.Read(nil, after, signalEvents)
	for gone {
		oldest, _ := r.signals.Bounds()
		after = oldest - 1
		passing, gone = r.signals.Read(nil, after, signalEvents)
	}
	for _, p := range passing {
		if sees(p.Signal) && s.now().Sub(p.at) <= waitingTime {
			waited = append(waited, p.Signal)
		}
	}
	return waited[max(0, len(waited)-waitingSignals):], after + int64(len(passing))
}

// signalSource is a window of signals without the times at which they passed.
type signalSource struct{ window *Window[passingSignal] }

func (w signalSource) Bounds() (oldest, newest int64)  { return w.window.Bounds() }
func (w signalSource) Watch(wake func()) (stop func()) { return w.window.Watch(wake) }
func (w signalSource) Read(dst []*Signal, after int64, limit int) (signals []*Signal, gone bool) {
	passing, gone := w.window.Read(make([]passingSignal, 0, 8), after, limit)
	for _, p := range passing {
		dst = append(dst, p.Signal)
	}
	return dst, gone
}

// resume goes on with the oldest signal left that the reader sees, marked with how many it missed.
func (w signalSource) resume(after int64, sees func(*Signal) bool) ([]*Signal, int64, error) {
	oldest, newest := w.Bounds()
	left, gone := w.Read(nil, oldest-1, int(newest-oldest+1))
	if gone { // it moved on meanwhile
		return nil, after, nil
	}
	for i, g := range left {
		if sees(g) {
			marked := *g
			marked.Missed = int(oldest - 1 - after)
			return []*Signal{&marked}, oldest + int64(i), nil
		}
	}
	return nil, newest, nil
}

// FollowEvents follows who is in the caller's session, from a snapshot on. Errors: UNAUTHENTICATED, FORBIDDEN,
// UNAVAILABLE.
func (s *Service) FollowEvents(ctx context.Context, c Caller) (*Follower[SessionEvent], error) {
	if err := c.inSession(); err != nil {
		return nil, err
	}
	r, release, err := s.room(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	state, position := r.roster.snapshot()
	return &Follower[SessionEvent]{Source: r.roster.events, Key: r.key("events"), After: position, First: []SessionEvent{state},
		release: release,
		Behind: func(context.Context, int64) ([]SessionEvent, int64, error) {
			state, position := r.roster.snapshot()
			return []SessionEvent{state}, position, nil
		}}, nil
}
