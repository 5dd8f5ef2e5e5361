package transport

import (
	"context"

	"chattok/internal/sequence"
)

// Topic is a source of events that subscriptions follow, whatever the type of its events: a position in it is enough to
// go on reading. NewTopic makes one of a sequence.Follower; it is closed when its reader ends.
type Topic interface {
	// key names the source on this node: topics with equal keys have equal events.
	key() string
	// start returns the reader's first events, which come before everything else, and the position to begin after.
	start() (first []any, after int64)
	// read appends to dst the events after a position, limit at most, and does not wait. It appends nil for a position without
	// an event. gone says that the source no longer has some of them.
	read(dst []any, after int64, limit int) (events []any, gone bool)
	// behind returns events in the place of those that are gone, with nil as read has it, and the position to go on after. It
	// may wait for the store. Errors: UNAVAILABLE, which may pass.
	behind(ctx context.Context, after int64) (events []any, next int64, err error)
	// gap returns the error with which the subscriptions end at an event; nil where they go on.
	gap(event any) error
	// newest returns the position of the newest event.
	newest() int64
	// replaced returns a number that changes whenever an event is replaced: an answer that was made before may then be out of date.
	replaced() int64
	// watch calls wake, which must not block, whenever there is more, until stop is called.
	watch(wake func()) (stop func())
	// filter returns a function that says whether an event is for this reader; nil where all are.
	filter() func(event any) bool
	// cursor returns the cursor of a position, "" where positions have none.
	cursor(position int64) string
	// events returns ctx with a channel for the field's resolver, and a function that puts an event into the channel
	// unless ctx is done.
	events(ctx context.Context) (inner context.Context, push func(event any) bool)
	close()
}

// NewTopic returns a Follower as a Topic.
func NewTopic[T any](f *sequence.Follower[T]) Topic {
	t := topic[T]{follower: f}
	if f.Sees != nil {
		t.sees = func(event any) bool { return event != nil && f.Sees(event.(T)) }
	}
	t.replacing, _ = f.Source.(interface{ Replaced() int64 })
	return t
}

// NewTopicAs is NewTopic for a field whose resolver returns a channel of U: as makes each event one before it is executed.
func NewTopicAs[T, U any](f *sequence.Follower[T], as func(T) U) Topic {
	return topicAs[T, U]{NewTopic(f), as}
}

type topicAs[T, U any] struct {
	Topic
	as func(T) U
}

func (t topicAs[T, U]) events(ctx context.Context) (context.Context, func(any) bool) {
	return pushing(ctx, func(event any) U { return t.as(event.(T)) })
}

type topic[T any] struct {
	follower  *sequence.Follower[T]
	sees      func(event any) bool
	replacing interface{ Replaced() int64 } // nil where no event is ever replaced
}

func (t topic[T]) key() string { return t.follower.Key }

func (t topic[T]) start() ([]any, int64) { return t.untyped(nil, t.follower.First), t.follower.After }

func (t topic[T]) read(dst []any, after int64, limit int) ([]any, bool) {
	events, gone := t.follower.Read(nil, after, limit)
	return t.untyped(dst, events), gone
}

func (t topic[T]) behind(ctx context.Context, after int64) ([]any, int64, error) {
	events, next, err := t.follower.Behind(ctx, after)
	return t.untyped(nil, events), next, err
}

func (t topic[T]) gap(any) error { return nil }

func (t topic[T]) newest() int64 {
	_, newest := t.follower.Bounds()
	return newest
}

func (t topic[T]) replaced() int64 {
	if t.replacing == nil {
		return 0
	}
	return t.replacing.Replaced()
}

func (t topic[T]) watch(wake func()) (stop func()) { return t.follower.Watch(wake) }

func (t topic[T]) filter() func(event any) bool { return t.sees }

func (t topic[T]) cursor(position int64) string {
	if t.follower.Cursor == nil {
		return ""
	}
	return t.follower.Cursor(position)
}

func (t topic[T]) close() { t.follower.Close() }

func (t topic[T]) events(ctx context.Context) (context.Context, func(any) bool) {
	return pushing(ctx, func(event any) T { return event.(T) })
}

// pushing returns ctx with a channel for a resolver, and the function that puts events into it.
func pushing[T any](ctx context.Context, as func(event any) T) (context.Context, func(any) bool) {
	c := make(chan T, 1) // an event is taken before the next one is put in, unless ctx is done
	return context.WithValue(ctx, sharedKey{}, (<-chan T)(c)), func(event any) bool {
		select {
		case <-c: // left there by an execution that panicked before it took the event
		default:
		}
		select {
		case c <- as(event):
			return true
		case <-ctx.Done():
			return false
		}
	}
}

func (t topic[T]) untyped(dst []any, events []T) []any {
	none := t.follower.None
	for _, e := range events {
		if none != nil && none(e) {
			dst = append(dst, nil)
			continue
		}
		dst = append(dst, e)
	}
	return dst
}

type sharedKey struct{}

// SharedEvents returns the channel that the resolver of a shared field returns where its execution is shared; ok is
// false where it is not.
func SharedEvents[T any](ctx context.Context) (events <-chan T, ok bool) {
	events, ok = ctx.Value(sharedKey{}).(<-chan T)
	return events, ok
}
