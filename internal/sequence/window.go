package sequence

import (
	"sync"
	"sync/atomic"

	"chattok/internal/budget"
)

// Window keeps the newest events of a numbered sequence, and wakes those who Watch it. Events leave it when there are too
// many, or when the Budget is used up; Read says so. It is safe for concurrent use.
type Window[T any] struct {
	maxEvents int
	maxBytes  int           // over all events kept; the newest is kept whatever its size
	size      func(T) int   // about the bytes of an event
	protected func(T) bool  // nil: no event is
	key       func(T) int64 // of an event, for Find; nil: no event has one
	kept      *budget.Kept

	mu     sync.RWMutex
	ring   []T   // the event at position p is ring[p&(len(ring)-1)]; its length is a power of two
	oldest int64 // the oldest position kept; newest+1 where none is
	newest int64
	bytes  int
	index  map[int64]int64 // the newest position of each key

	ended    bool // by End
	watchers watchers
	replaced atomic.Int64 // calls of Replace and Clear
}

// firstRing is how many events a Window has room for at first; it doubles up to maxEvents, so that a quiet one is small.
const firstRing = 16

// NewWindow returns an empty Window whose next event has position newest+1. It keeps maxEvents, which must be a power of two,
// and maxBytes at most, by the size of each event; its bytes count to b.
func NewWindow[T any](b *budget.Budget, newest int64, maxEvents, maxBytes int, size func(T) int) *Window[T] {
	w := &Window[T]{maxEvents: maxEvents, maxBytes: maxBytes, size: size, oldest: newest + 1, newest: newest}
	w.kept = b.Keep(w)
	return w
}

// Protect keeps the events for which f is true until nothing else in the Budget can give way: those that can't be read again
// and that somebody may still wait for. It must be called before the Window is used.
func (w *Window[T]) Protect(f func(T) bool) { w.protected = f }

// Index lets Find find events by a key, in the same time however many are kept. An event for which key returns 0 has none. An indexed
// event takes IndexBytes more, which the size should count. It must be called before the Window is used.
func (w *Window[T]) Index(key func(T) int64) { w.key = key }

// IndexBytes is about the memory that the key of an event takes.
const IndexBytes = 32

// Find returns the newest event with a key of those kept. Where that event has been replaced by one with another key, older ones with its
// key are not found.
func (w *Window[T]) Find(key int64) (e T, ok bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	position, ok := w.index[key]
	if ok {
		e = w.ring[position&int64(len(w.ring)-1)]
	}
	return e, ok
}

// set puts an event at a position, in the place of the one there.
func (w *Window[T]) set(position int64, e T) {
	at := &w.ring[position&int64(len(w.ring)-1)]
	if w.key != nil {
		before, now := w.key(*at), w.key(e)
		if before != now && w.index[before] == position {
			delete(w.index, before)
		}
		if now != 0 && w.index[now] < position {
			if w.index == nil {
				w.index = make(map[int64]int64)
			}
			w.index[now] = position
		}
	}
	*at = e
}

// Append adds events at the positions after the newest one, and wakes every watcher once.
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

// Prepend adds older events, the last of which is at position last. It adds only those that end directly before the oldest
// one kept, and no more than the Window holds.
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
		w.set(w.oldest, events[i])
		w.bytes += size
		last--
	}
	grown := w.bytes - before
	w.mu.Unlock()
	w.kept.Add(int64(grown))
}

// Replace puts another event in the place of the one at a position, where the Window has it, for readers that come to it from
// now on. It wakes nobody.
func (w *Window[T]) Replace(position int64, e T) {
	w.mu.Lock()
	w.replaced.Add(1)
	if position < w.oldest || position > w.newest {
		w.mu.Unlock()
		return
	}
	before := w.bytes
	at := position & int64(len(w.ring)-1)
	w.bytes += w.size(e) - w.size(w.ring[at])
	w.set(position, e)
	w.trim()
	grown := w.bytes - before
	w.mu.Unlock()
	w.kept.Add(int64(grown))
}

// Clear drops all events that are kept. A reader that has not got them goes on as after any that have left the Window.
func (w *Window[T]) Clear() {
	w.mu.Lock()
	w.replaced.Add(1)
	before := w.bytes
	for w.oldest <= w.newest {
		w.drop()
	}
	w.mu.Unlock()
	w.kept.Add(int64(-before))
}

// Replaced returns how often Replace or Clear was called. Where the number is another than before, what was made of events before may be
// out of date.
func (w *Window[T]) Replaced() int64 { return w.replaced.Load() }

// Jump goes on after a position beyond the newest one, without the events up to it, and drops all that are kept.
func (w *Window[T]) Jump(position int64) {
	w.mu.Lock()
	before := w.bytes
	for w.oldest <= w.newest {
		w.drop()
	}
	w.oldest, w.newest = position+1, position
	w.mu.Unlock()
	w.kept.Add(int64(-before))
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
	w.set(w.newest, e)
	w.bytes += w.size(e)
	w.trim()
}

// trim drops the oldest events above maxBytes.
func (w *Window[T]) trim() {
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

// drop drops the oldest event.
func (w *Window[T]) drop() {
	var none T
	at := w.oldest & int64(len(w.ring)-1)
	w.bytes -= w.size(w.ring[at])
	w.set(w.oldest, none)
	w.oldest++
}

// GiveWay drops the oldest events up to the first that is protected. When hard, it drops the older half in any case.
func (w *Window[T]) GiveWay(hard bool) {
	if !w.mu.TryLock() {
		return
	}
	defer w.mu.Unlock()
	before := w.bytes
	half := w.oldest + (w.newest-w.oldest)/2
	for w.oldest <= w.newest {
		if w.protected != nil && !(hard && w.oldest <= half) && w.protected(w.ring[w.oldest&int64(len(w.ring)-1)]) {
			break
		}
		w.drop()
	}
	if w.oldest > w.newest {
		w.ring, w.index = nil, nil
	}
	w.kept.Add(int64(w.bytes - before))
}

// Close gives the Window's bytes back to the Budget. Readers may still read its events.
func (w *Window[T]) Close() { w.kept.Drop() }

// End is for a sequence that is over. From now on no event can be read here, and every watcher is woken to find that out.
func (w *Window[T]) End() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.watchers.wake()
}

// Ended says whether End was called.
func (w *Window[T]) Ended() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.ended
}

// Read appends to dst the events after position after, limit at most. gone says that the next one has left the Window, or
// that the sequence has ended; dst is then returned as it was.
func (w *Window[T]) Read(dst []T, after int64, limit int) (events []T, gone bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.ended || after < w.oldest-1 {
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

// Mapped is a Window as a Source of its events in another form, at the same positions.
type Mapped[S, T any] struct {
	*Window[S]
	Map func(S) T
}

// Read implements Source.
func (m Mapped[S, T]) Read(dst []T, after int64, limit int) (events []T, gone bool) {
	w := m.Window
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.ended || after < w.oldest-1 {
		return dst, true
	}
	if after < w.newest {
		w.kept.Touch()
	}
	for p := after + 1; p <= w.newest && limit > 0; p, limit = p+1, limit-1 {
		dst = append(dst, m.Map(w.ring[p&int64(len(w.ring)-1)]))
	}
	return dst, false
}

// Backwards calls f for the events kept, the newest first, until f returns false. f must not call the Window.
func (w *Window[T]) Backwards(f func(T) bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for p := w.newest; p >= w.oldest && f(w.ring[p&int64(len(w.ring)-1)]); p-- {
	}
}

// Bounds returns the oldest and the newest position kept; oldest is newest+1 where none is.
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
