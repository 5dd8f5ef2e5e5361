package transport

import (
	"context"
	"slices"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/internal/sequence"
	"chattok/session"
)

// catchUpAgain starts a goroutine that catches up for a live member whose position has fallen out of the source.
func (m *member) catchUpAgain() {
	g := m.group
	g.placing.Lock()
	if m.shard == nil || m.left.Load() {
		g.placing.Unlock()
		return
	}
	m.shard.remove(m)
	m.shard = nil
	g.placing.Unlock()
	m.socket.streams.running.Go(func() { m.catchUp(nil) })
}

// catchUp writes the events that come before the newest part of the source, first its own, then those of the log, until
// the member is live. A slow reader holds up nobody but itself here.
func (m *member) catchUp(first []any) {
	if !m.deliver(first) {
		return
	}
	for !m.left.Load() {
		events, gone := m.topic.read(nil, m.after, takeEvents)
		next, ok := m.after+int64(len(events)), true
		switch {
		case !gone && len(events) < takeEvents/2 && !m.large: // near enough: the workers deliver the rest
			m.group.goLive(m)
			return
		case gone:
			if next, ok = m.deliverBehind(); !ok {
				return
			}
			if next == m.after {
				m.group.goLive(m)
				return
			}
			events = nil
		}
		m.large = false
		if !m.deliver(m.seen(events)) {
			return
		}
		m.after = next
	}
}

// seen leaves out the events that the reader does not see.
func (m *member) seen(events []any) []any {
	if sees := m.topic.filter(); sees != nil {
		return slices.DeleteFunc(events, func(event any) bool { return !sees(event) })
	}
	return events
}

// deliverBehind writes events that the source no longer has, however long the store takes, and returns the position to go on after; ok is
// false where the subscription is over.
func (m *member) deliverBehind() (next int64, ok bool) {
	ctx := m.socket.ops.context()
	for try := 1; ; try++ {
		next, ok, err := m.deliverRead(ctx)
		if err == nil {
			return next, ok
		}
		if asError(err).Code != session.CodeUnavailable {
			m.socket.endWith(m.op, m.socket.exec.DispatchError(ctx, gqlerror.List{gqlerror.WrapPath(nil, err)}).Errors)
			m.leave()
			return m.after, false
		}
		if !retryRead.Pause(try, ctx.Done()) || m.left.Load() {
			return m.after, false
		}
	}
}

// deliverRead is deliverBehind up to the first error of the store, and to the end of a chunk, which is read anew where others have
// displaced it meanwhile. The members of a socket take turns from reading to writing, so that one at a time holds what it has read, and few
// of an address do.
func (m *member) deliverRead(ctx context.Context) (next int64, ok bool, err error) {
	m.socket.behind.Lock()
	defer m.socket.behind.Unlock()
	for {
		if m.left.Load() || ctx.Err() != nil {
			return m.after, false, nil
		}
		next, ok, err := m.deliverPart(ctx)
		if err != nil {
			return m.after, false, err
		}
		if !ok || next == m.after || next%sequence.ChunkSize == 0 {
			return next, ok, nil
		}
		if _, gone := m.topic.read(nil, next, 1); !gone {
			return next, true, nil
		}
		m.after = next
	}
}

// deliverPart is deliverRead for as much as is read at once; socket.behind is held.
func (m *member) deliverPart(ctx context.Context) (next int64, ok bool, err error) {
	leave, ok := m.socket.streams.behind.enter(ctx, m.socket.client)
	if !ok {
		return m.after, false, nil
	}
	defer leave()
	if m.left.Load() {
		return m.after, false, nil
	}
	events, next, err := m.topic.behind(ctx, m.after)
	if err != nil {
		return m.after, false, err
	}
	return next, ctx.Err() == nil && m.deliver(m.seen(events)), nil
}

// deliver writes events, as many at a time as fit a write, and says whether the subscription goes on.
func (m *member) deliver(events []any) bool {
	for len(events) > 0 {
		m.socket.catching.Lock()
		n := m.deliverSome(events)
		m.socket.catching.Unlock()
		if n == 0 {
			return false
		}
		events = events[n:]
	}
	return true
}

// deliverSome writes the first of some events and returns how many it wrote; 0 where the subscription is over. The
// members of a socket take turns, so that nothing is rendered before it can be written: socket.catching is held.
func (m *member) deliverSome(events []any) int {
	s := m.socket
	bytes, release := m.group.renderInTurn(s.ops.context(), s.client, events)
	defer release()
	if bytes == nil || m.left.Load() { // the member has left meanwhile; with the last member the execution ends, and bytes are void
		return 0
	}
	var frames []byte
	taken := int64(0)
	for _, r := range bytes {
		if !r.final && len(r.payload) > takeBytes {
			if len(frames) > 0 && m.write(func() error { return s.out.write(frames) }) != nil || m.write(func() error { return m.writeLarge(r) }) != nil {
				return 0
			}
			frames = nil
			taken++
			continue
		}
		frames = m.append(frames, r)
		if r.final {
			_ = m.write(func() error { return s.out.write(frames) })
			m.endSoon()
			return 0
		}
		if !r.none() {
			taken++
		}
	}
	if len(frames) > 0 && m.write(func() error { return s.out.write(frames) }) != nil {
		return 0
	}
	s.streams.counts.deliveries.Add(taken)
	if told := s.streams.config.Delivered; told != nil && taken > 0 {
		told(events[:len(bytes)])
	}
	return len(bytes)
}
