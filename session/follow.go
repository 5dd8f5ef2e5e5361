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
	// Cursor returns the cursor of a position, by which a later reader goes on after it; nil where there are none. Where
	// it is set, Behind skips no event.
	Cursor func(position int64) string
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
	r, head, release, err := s.current(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	f := &Follower[*ChatEntry]{Source: r.feed, Key: r.key("entries"), release: release,
		Cursor: func(seq int64) string { return Cursor(r.session.Epoch, seq) },
		Behind: func(ctx context.Context, after int64) ([]*ChatEntry, int64, error) {
			events, err := r.feed.Older(ctx, after)
			return events, after + int64(len(events)), err
		}}
	f.After, err = begin(r, head, after)
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// begin returns the position after which a reader of the log begins that came when the log ended at head.
func begin(r *room, head Head, after *string) (int64, error) {
	if after == nil {
		return head.Seq, nil
	}
	seq, err := ParseCursor("after", r.session.Epoch, *after)
	if err == nil && seq > max(head.Seq, r.feed.Head()) {
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
	r, _, release, err := s.current(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	me := c.Connection.ID
	return followPassage(s, r, r.signals, "signals", me, func(g *Signal) bool {
		return (g.To == nil || *g.To == me) && (kind == nil || *kind == g.Type)
	}, release), nil
}

// FollowNegotiations follows what is sent to the caller by Negotiate. Errors: UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) FollowNegotiations(ctx context.Context, c Caller) (*Follower[*Negotiation], error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	r, _, release, err := s.current(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	me := c.Connection.ID
	return followPassage(s, r, r.negotiations, "negotiations", me, func(n *Negotiation) bool { return n.To == me }, release), nil
}

// FollowEvents follows who is in the caller's session, with what streams, from a snapshot on. Errors: UNAUTHENTICATED, FORBIDDEN,
// UNAVAILABLE.
func (s *Service) FollowEvents(ctx context.Context, c Caller) (*Follower[SessionEvent], error) {
	if err := c.inSession(); err != nil {
		return nil, err
	}
	r, _, release, err := s.current(ctx, c.SessionID)
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
