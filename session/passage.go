package session

import (
	"context"
	"time"
)

// passage is what passes through a room and is not stored, signals or negotiations: the newest of it, and where it stood
// when each connection came that has not listened yet, so that what was sent to that one waits.
type passage[T any] struct {
	window *Window[passing[T]]
	// missed returns a value like one, marked with how many its reader missed before it.
	missed func(one T, count int) T

	arrived map[string]int64 // positions by connection; guarded by room.mu
}

// passing is a value and when it passed.
type passing[T any] struct {
	value T
	at    time.Time
}

func newPassage[T any](s *Service, maxEvents, maxBytes int, size func(T) int, missed func(T, int) T) *passage[T] {
	p := &passage[T]{missed: missed, arrived: make(map[string]int64),
		window: NewWindow(s.budget, 0, maxEvents, maxBytes, func(p passing[T]) int { return size(p.value) })}
	// What passed can't be had again. A reader that has not taken it for so long is cut off by the transport, or lost.
	p.window.dear = func(p passing[T]) bool { return s.now().Sub(p.at) <= waitingTime }
	return p
}

// expect says that a connection has come: what passes from now on may be meant for it. room.mu is held.
func (p *passage[T]) expect(connectionID string) { p.arrived[connectionID] = p.window.Newest() }

// take returns where a connection's reading begins, and the first time what waited for it: of what it sees, the newest
// waitingLimit that passed less than waitingTime before now. room.mu is held.
func (p *passage[T]) take(connectionID string, sees func(T) bool, now time.Time) (waited []T, after int64) {
	after, ok := p.arrived[connectionID]
	delete(p.arrived, connectionID)
	if !ok {
		return nil, p.window.Newest()
	}
	kept, gone := p.window.Read(nil, after, p.window.maxEvents)
	for gone {
		oldest, _ := p.window.Bounds()
		after = oldest - 1
		kept, gone = p.window.Read(nil, after, p.window.maxEvents)
	}
	for _, one := range kept {
		if sees(one.value) && now.Sub(one.at) <= waitingTime {
			waited = append(waited, one.value)
		}
	}
	return waited[max(0, len(waited)-waitingLimit):], after + int64(len(kept))
}

// Bounds, Read and Watch make a passage the Source of its values, without the times at which they passed.

func (p *passage[T]) Bounds() (oldest, newest int64)  { return p.window.Bounds() }
func (p *passage[T]) Watch(wake func()) (stop func()) { return p.window.Watch(wake) }
func (p *passage[T]) Read(dst []T, after int64, limit int) (values []T, gone bool) {
	kept, gone := p.window.Read(make([]passing[T], 0, 8), after, limit)
	for _, one := range kept {
		dst = append(dst, one.value)
	}
	return dst, gone
}

// resume goes on with the oldest value left that the reader sees, marked with how many it missed.
func (p *passage[T]) resume(after int64, sees func(T) bool) ([]T, int64, error) {
	oldest, newest := p.Bounds()
	left, gone := p.Read(nil, oldest-1, int(newest-oldest+1))
	if gone { // it moved on meanwhile
		return nil, after, nil
	}
	for i, one := range left {
		if sees(one) {
			return []T{p.missed(one, int(oldest-1-after))}, oldest + int64(i), nil
		}
	}
	return nil, newest, nil
}

// followPassage follows what of a room's passage the connection sees. release is called at the end.
func followPassage[T any](s *Service, r *room, p *passage[T], key, connectionID string, sees func(T) bool, release func()) *Follower[T] {
	f := &Follower[T]{Source: p, Key: r.key(key), release: release, Sees: sees,
		Behind: func(_ context.Context, after int64) ([]T, int64, error) { return p.resume(after, sees) }}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.First, f.After = p.take(connectionID, sees, s.now())
	return f
}
