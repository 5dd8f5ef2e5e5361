package sequence

import (
	"context"
	"slices"
	"sync"
	"time"

	"chattok/internal/backoff"
)

// Source is a numbered sequence whose newest events can be read without waiting, such as a Window.
type Source[T any] interface {
	// Bounds returns the oldest and the newest position that Read can return; oldest is newest+1 where there is none.
	Bounds() (oldest, newest int64)
	// Read appends to dst the events after a position, limit at most; gone says that some of them can't be read here.
	Read(dst []T, after int64, limit int) (events []T, gone bool)
	// Watch calls wake, which must not block, whenever there is more, until stop is called.
	Watch(wake func()) (stop func())
}

// Follower is one reader's right to follow a Source: where it begins, which events it may see, and how it goes on after it has
// fallen behind. It holds no queue.
type Follower[T any] struct {
	Source[T]
	Key   string       // names the Source within the process: equal keys, equal events
	After int64        // the position to begin after
	First []T          // the events to deliver before all others
	Sees  func(T) bool // whether the reader may see an event; nil: all
	None  func(T) bool // whether there is no event at a position, so that readers pass over it; nil: every position has one
	Until func(T) bool // whether Deliver ends before an event; nil: before none
	// Cursor returns the cursor of a position, with which a later reader goes on after it; nil where there are no cursors.
	// Where it is set, Behind skips no event.
	Cursor func(position int64) string
	// Behind is called where the events after a position have left the Source. It returns the events to deliver in their
	// place and the position to go on after. It may wait for a store, and an error of it may pass.
	Behind func(ctx context.Context, after int64) (events []T, next int64, err error)
	// Ends says that after an error of Behind nothing more comes; nil: every error may pass.
	Ends func(err error) bool
	// Release is called once, by Close; nil: nothing is to be released.
	Release func()

	closing sync.Once
}

// Close ends the right to follow. It may be called more than once.
func (f *Follower[T]) Close() {
	f.closing.Do(func() {
		if f.Release != nil {
			f.Release()
		}
	})
}

const deliverBatch = 64 // events read at once

// retry is the wait before Behind is called again after an error.
var retry = backoff.Backoff{First: 100 * time.Millisecond, Longest: 2 * time.Second}

// Deliver sends the events to a channel, one after the other, until ctx is done or nothing more comes; then it closes the channel and
// f. A slow reader of the channel delays only itself.
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
			events, over := f.before(events)
			if !ok || !send(ctx, out, events, f.delivers) || over {
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

// next returns the events after a position and the position to go on after; ok is false when ctx is done, or nothing more comes.
func (f *Follower[T]) next(ctx context.Context, dst []T, after int64) (events []T, next int64, ok bool) {
	for try := 1; ; try++ {
		events, gone := f.Read(dst, after, deliverBatch)
		if !gone {
			return events, after + int64(len(events)), true
		}
		events, next, err := f.Behind(ctx, after)
		if err == nil {
			return events, next, true
		}
		if f.Ends != nil && f.Ends(err) || !retry.Pause(try, ctx.Done()) {
			return nil, after, false
		}
	}
}

// before returns the events before the one at which Deliver ends, and whether it is among them.
func (f *Follower[T]) before(events []T) (some []T, over bool) {
	if f.Until == nil {
		return events, false
	}
	i := slices.IndexFunc(events, func(e T) bool { return (f.None == nil || !f.None(e)) && f.Until(e) })
	if i < 0 {
		return events, false
	}
	return events[:i], true
}

// delivers says whether the reader gets what is at a position.
func (f *Follower[T]) delivers(e T) bool {
	return (f.None == nil || !f.None(e)) && (f.Sees == nil || f.Sees(e))
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
