package transport

import (
	"slices"

	"github.com/vektah/gqlparser/v2/gqlerror"

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
			if events, next, ok = m.readBehind(m.after); !ok {
				return
			}
			if len(events) == 0 && next == m.after {
				m.group.goLive(m)
				return
			}
		}
		m.large = false
		if sees := m.topic.filter(); sees != nil {
			events = slices.DeleteFunc(events, func(event any) bool { return !sees(event) })
		}
		if !m.deliver(events) {
			return
		}
		m.after = next
	}
}

// deliver writes events, as many at a time as fit a write, and says whether the subscription goes on.
func (m *member) deliver(events []any) bool {
	for len(events) > 0 {
		n := m.deliverSome(events)
		if n == 0 {
			return false
		}
		events = events[n:]
	}
	return true
}

// deliverSome writes the first of some events and returns how many it wrote; 0 where the subscription is over. The
// members of a socket take turns, so that nothing is rendered before it can be written.
func (m *member) deliverSome(events []any) int {
	s := m.socket
	s.catching.Lock()
	defer s.catching.Unlock()
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

// readBehind reads events that the source no longer has, however long the store takes; ok is false where the
// subscription has ended.
func (m *member) readBehind(after int64) (events []any, next int64, ok bool) {
	ctx := m.socket.ops.context()
	for try := 1; ; try++ {
		events, next, err := m.topic.behind(ctx, after)
		if err == nil {
			return events, next, ctx.Err() == nil
		}
		if asError(err).Code != session.CodeUnavailable {
			m.socket.endWith(m.op, m.socket.exec.DispatchError(ctx, gqlerror.List{gqlerror.WrapPath(nil, err)}).Errors)
			m.leave()
			return nil, after, false
		}
		if !retryRead.Pause(try, ctx.Done()) || m.left.Load() {
			return nil, after, false
		}
	}
}
