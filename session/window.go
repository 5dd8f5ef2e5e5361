package session

import "sync"

// Window keeps the newest events of a numbered sequence. Readers hold no queue: each is a position, reads what came
// after it, and is woken by Watch. What falls out of the window, or gives way in the node's Budget, is gone from here;
// Read says so.
type Window[T any] struct {
	maxEvents int
	maxBytes  int         // over all events kept; the newest is kept whatever its size
	size      func(T) int // bytes of an event, about
	// dear says of events that can't be had again whether one may still be waited for; nil where all can be.
	dear func(T) bool
	kept *Kept

	mu     sync.RWMutex
	ring   []T   // the event at position p is ring[p&(len(ring)-1)]; len is a power of two
	oldest int64 // the oldest position kept; newest+1 where there is none
	newest int64
	bytes  int

	watchers watchers
}

// firstRing is the room that a window starts with; it doubles up to maxEvents, so that a quiet session costs little.
const firstRing = 16

// NewWindow returns an empty window whose next event has position newest+1, and whose bytes count to budget. maxEvents
// must be a power of two.
func NewWindow[T any](budget *Budget, newest int64, maxEvents, maxBytes int, size func(T) int) *Window[T] {
	w := &Window[T]{maxEvents: maxEvents, maxBytes: maxBytes, size: size, oldest: newest + 1, newest: newest}
	w.kept = budget.Keep(w)
	return w
}

// Append adds events at the positions after the newest one and wakes whoever watches, once.
func (w *Window[T]) Append(events ...T) {
	if len(events) == 0 {
		return
	}
	w.mu.Lock()
	before := w.bytes
	for _, e := range events {
		w.add(e)
	}
	grown := w.bytes - before
	w.mu.Unlock()
	w.kept.Touch()
	w.kept.Add(int64(grown))
	w.watchers.wake()
}

// Prepend adds events that end directly before the oldest one kept; others, and what is more than the window holds, it
// leaves out.
func (w *Window[T]) Prepend(last int64, events []T) {
	w.mu.Lock()
	before := w.bytes
	for i := len(events) - 1; i >= 0 && last == w.oldest-1; i-- {
		size := w.size(events[i])
		kept := int(w.newest - w.oldest + 1)
		if kept >= w.maxEvents || w.bytes+size > w.maxBytes {
			break
		}
		if kept == len(w.ring) {
			w.grow()
		}
		w.oldest--
		w.ring[w.oldest&int64(len(w.ring)-1)] = events[i]
		w.bytes += size
		last--
	}
	grown := w.bytes - before
	w.mu.Unlock()
	w.kept.Add(int64(grown))
}

func (w *Window[T]) add(e T) {
	kept := int(w.newest - w.oldest + 1)
	if kept == len(w.ring) {
		if kept < w.maxEvents {
			w.grow()
		} else {
			w.drop()
		}
	}
	w.newest++
	w.ring[w.newest&int64(len(w.ring)-1)] = e
	w.bytes += w.size(e)
	for w.bytes > w.maxBytes && w.oldest < w.newest {
		w.drop()
	}
}

func (w *Window[T]) grow() {
	ring := make([]T, max(firstRing, 2*len(w.ring)))
	for p := w.oldest; p <= w.newest; p++ {
		ring[p&int64(len(ring)-1)] = w.ring[p&int64(len(w.ring)-1)]
	}
	w.ring = ring
}

func (w *Window[T]) drop() {
	var none T
	at := w.oldest & int64(len(w.ring)-1)
	w.bytes -= w.size(w.ring[at])
	w.ring[at] = none
	w.oldest++
}

// GiveWay drops all events, or of dear ones those that nobody waits for any more; where that is not enough the older half.
func (w *Window[T]) GiveWay(hard bool) {
	if !w.mu.TryLock() {
		return
	}
	defer w.mu.Unlock()
	before := w.bytes
	half := w.oldest + (w.newest-w.oldest)/2
	for w.oldest <= w.newest {
		if w.dear != nil && !(hard && w.oldest <= half) && w.dear(w.ring[w.oldest&int64(len(w.ring)-1)]) {
			break
		}
		w.drop()
	}
	if w.oldest > w.newest {
		w.ring = nil
	}
	w.kept.Add(int64(w.bytes - before))
}

// close gives up what the window holds, when nobody uses it any more.
func (w *Window[T]) close() { w.kept.Drop() }

// Read appends to dst the events after position after, limit at most. gone says that some of them have fallen out of
// the window; then dst is returned as it was.
func (w *Window[T]) Read(dst []T, after int64, limit int) (events []T, gone bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if after < w.oldest-1 {
		return dst, true
	}
	if after < w.newest {
		w.kept.Touch()
	}
	for p := after + 1; p <= w.newest && limit > 0; p, limit = p+1, limit-1 {
		dst = append(dst, w.ring[p&int64(len(w.ring)-1)])
	}
	return dst, false
}

// Bounds returns the oldest and the newest position kept; oldest is newest+1 where there is none.
func (w *Window[T]) Bounds() (oldest, newest int64) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.oldest, w.newest
}

// Newest returns the newest position.
func (w *Window[T]) Newest() int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.newest
}

// Watch calls f after every Append until stop is called. f must not block, nor call Append, Watch or stop.
func (w *Window[T]) Watch(f func()) (stop func()) { return w.watchers.add(f) }

// watchers is a set of functions to call.
type watchers struct {
	mu  sync.RWMutex
	set map[*func()]struct{}
}

func (w *watchers) add(f func()) (remove func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.set == nil {
		w.set = make(map[*func()]struct{})
	}
	w.set[&f] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.set, &f)
	}
}

func (w *watchers) wake() {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for f := range w.set {
		(*f)()
	}
}
