package session

import (
	"context"
	"time"

	"chattok/internal/budget"
	"chattok/internal/sequence"
)

// Limits of a messageWindow.
const (
	signalEvents      = 1024
	signalBytes       = 1 << 20
	negotiationEvents = 1024
	negotiationBytes  = 4 << 20
	waitingLimit      = 64               // messages that wait for a connection to listen
	waitingTime       = 10 * time.Second // how long each waits
)

// messageWindow keeps the newest messages of one kind, signals or negotiations, that were sent in a session. They are not
// stored, so a message to a connection that does not listen yet waits here: expect notes the position at which the connection
// came, and take returns the messages to it since.
type messageWindow[T any] struct {
	window *sequence.Window[sent[T]]
	limit  int // messages kept
	now    func() time.Time
	// afterMissing returns a copy of a message that says how many its reader lost before it.
	afterMissing func(message T, count int) T

	arrived map[string]int64 // positions by connection; guarded by room.mu
}

// sent is a message and when it was sent.
type sent[T any] struct {
	message T
	at      time.Time
}

func newMessageWindow[T any](b *budget.Budget, now func() time.Time, maxEvents, maxBytes int, size func(T) int, afterMissing func(T, int) T) *messageWindow[T] {
	w := &messageWindow[T]{limit: maxEvents, now: now, afterMissing: afterMissing, arrived: make(map[string]int64),
		window: sequence.NewWindow(b, 0, maxEvents, maxBytes, func(s sent[T]) int { return size(s.message) })}
	// A message can't be read again. A reader that has not taken it for waitingTime is cut off by its transport, or gone.
	w.window.Protect(func(s sent[T]) bool { return now().Sub(s.at) <= waitingTime })
	return w
}

// append adds a message that was sent now.
func (w *messageWindow[T]) append(message T) { w.window.Append(sent[T]{message, w.now()}) }

// expect says that a connection has come: messages from now on may be for it. room.mu is held, or the room is new.
func (w *messageWindow[T]) expect(connectionID string) { w.arrived[connectionID] = w.window.Newest() }

// forget says that a connection has gone. room.mu is held.
func (w *messageWindow[T]) forget(connectionID string) { delete(w.arrived, connectionID) }

// take returns where a connection's reading begins, and, the first time, the messages that waited for it: of those that it
// sees, the newest waitingLimit that were sent less than waitingTime ago. room.mu is held.
func (w *messageWindow[T]) take(connectionID string, sees func(T) bool) (waited []T, after int64) {
	after, ok := w.arrived[connectionID]
	delete(w.arrived, connectionID)
	if !ok {
		return nil, w.window.Newest()
	}
	kept, gone := w.window.Read(nil, after, w.limit)
	for gone {
		if w.window.Ended() {
			return nil, after
		}
		oldest, _ := w.window.Bounds()
		after = oldest - 1
		kept, gone = w.window.Read(nil, after, w.limit)
	}
	now := w.now()
	for _, s := range kept {
		if sees(s.message) && now.Sub(s.at) <= waitingTime {
			waited = append(waited, s.message)
		}
	}
	return waited[max(0, len(waited)-waitingLimit):], after + int64(len(kept))
}

// Bounds, Read and Watch make a messageWindow a sequence.Source of its messages, without the times.

func (w *messageWindow[T]) Bounds() (oldest, newest int64)  { return w.window.Bounds() }
func (w *messageWindow[T]) Watch(wake func()) (stop func()) { return w.window.Watch(wake) }
func (w *messageWindow[T]) Read(dst []T, after int64, limit int) (messages []T, gone bool) {
	kept, gone := w.window.Read(make([]sent[T], 0, 8), after, limit)
	for _, s := range kept {
		dst = append(dst, s.message)
	}
	return dst, gone
}

// resume goes on after messages that have left the window: with the oldest one left that the reader sees, which says how
// many were lost.
func (w *messageWindow[T]) resume(after int64, sees func(T) bool) ([]T, int64, error) {
	oldest, newest := w.Bounds()
	left, gone := w.Read(nil, oldest-1, int(newest-oldest+1))
	if gone { // more have left it meanwhile
		return nil, after, nil
	}
	for i, message := range left {
		if sees(message) {
			return []T{w.afterMissing(message, int(oldest-1-after))}, oldest + int64(i), nil
		}
	}
	return nil, newest, nil
}

// follow lets a connection follow the messages that it sees. room.mu is held.
func (w *messageWindow[T]) follow(key, connectionID string, sees func(T) bool, release func()) *sequence.Follower[T] {
	f := &sequence.Follower[T]{Source: w, Key: key, Release: release, Sees: sees,
		Behind: func(_ context.Context, after int64) ([]T, int64, error) { return w.resume(after, sees) }}
	f.First, f.After = w.take(connectionID, sees)
	return f
}

// end says that the session is over: readers find no more messages here.
func (w *messageWindow[T]) end() { w.window.End() }

// close gives up the messages.
func (w *messageWindow[T]) close() { w.window.Close() }
