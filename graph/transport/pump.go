package transport

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// work serves shards until the queue is closed.
func (g *groups) work() {
	var p pump
	for h := g.queue.take(); h != nil; h = g.queue.take() {
		p.pass(h)
	}
}

// pump is what a worker needs for a pass: its buffers, and what it has read for members at the same position.
type pump struct {
	events  []any
	bytes   []rendered
	blocked bool // the event after bytes has to be waited for
	gone    bool
	more    bool  // there are events after those read
	after   int64 // that events come after
	waited  bool  // whether the first of them was waited for
	read    bool  // whether they were
	frames  []byte
	release []*member
}

// pass gives every member of a shard what it has waiting, in one write each.
func (p *pump) pass(h *shard) {
	p.read = false
	p.release = p.release[:0]
	again := false
	h.mu.Lock()
	for _, m := range h.members {
		again = p.serve(m) || again
	}
	for _, stream := range h.streams {
		rouse(stream)
	}
	h.mu.Unlock()
	for _, m := range p.release {
		m.behind()
	}
	clear(p.events)
	clear(p.bytes)
	if cap(p.frames) > maxPooledBytes*4 {
		p.frames = nil
	}
	if again {
		h.group.all.queue.put(h)
	}
}

// load reads the events after a position, or has them from the member before.
func (p *pump) load(g *group, after int64, waited bool) {
	if p.read && p.after == after && p.waited == waited {
		return
	}
	p.events, p.gone = g.topic.read(p.events[:0], after, takeEvents)
	p.more = len(p.events) == takeEvents
	p.bytes, p.blocked = g.render(p.bytes[:0], p.events, waited)
	if !p.blocked && len(p.bytes) < len(p.events) {
		p.events, p.more = p.events[:len(p.bytes)], true
	}
	p.after, p.waited, p.read = after, waited, true
}

// serve writes to one member and says whether there is more for it. h.mu is held.
func (p *pump) serve(m *member) (again bool) {
	if m.left.Load() || m.ended {
		return false
	}
	s := m.socket
	if !s.writing.TryLock() {
		// Somebody writes: who unlocks looks for what waits. It may have unlocked just now, so one more try.
		s.waiting.Store(true)
		if !s.writing.TryLock() {
			return false
		}
		// waiting stays set, at the price of a look too many: a shard that could not lock may count on it.
	}
	p.load(m.group, m.after, m.waited)
	if m.left.Load() { // meanwhile; with the last member the execution ends, and what it gave is void
		s.unlock()
		return false
	}
	if p.gone {
		s.unlock()
		p.release = append(p.release, m)
		return false
	}
	n, final := p.take(m)
	if n == 0 && !final && len(p.bytes) > 0 && len(p.frames) == 0 && len(p.bytes[0].payload) > largeEvent {
		s.unlock()
		m.large = true
		p.release = append(p.release, m)
		return false
	}
	m.ended = final
	m.after += int64(n)
	m.waited = p.blocked && n == len(p.bytes)
	again = !m.waited && (n < len(p.events) || p.more)
	if len(p.frames) > 0 && !s.closed {
		s.writeNow(p.frames)
	} else {
		s.unlock()
	}
	if final {
		m.endSoon()
		return false
	}
	return again
}

// take builds the frames of what the member sees, takeBytes about, and returns how many events it passed.
func (p *pump) take(m *member) (n int, final bool) {
	p.frames = p.frames[:0]
	for i, r := range p.bytes {
		if len(p.frames) > takeBytes {
			return i, false
		}
		if m.topic.sees != nil && !m.topic.sees(p.events[i]) {
			continue
		}
		if len(r.payload) > largeEvent && !r.final { // it waits for its turn where it holds up nobody
			return i, false
		}
		p.frames = m.append(p.frames, r)
		if r.final {
			return i, true
		}
	}
	return len(p.bytes), false
}

// append appends the frame of an event's bytes.
func (m *member) append(b []byte, r rendered) []byte {
	if r.final {
		m.over.Store(true)
		kind := "error"
		if r.payload == nil {
			kind = "complete"
		}
		return appendFrame(b, ws.OpText, appendMessage(nil, kind, m.op.id, r.payload))
	}
	b = appendFrameHeader(b, ws.OpText, len(m.prefix)+len(r.payload)+1)
	b = append(b, m.prefix...)
	b = append(b, r.payload...)
	return append(b, '}')
}

// endSoon ends a subscription whose last frame is out.
func (m *member) endSoon() {
	m.socket.streams.running.Go(func() {
		m.socket.finish(m.op)
		m.leave()
	})
}

// behind has a live member that fell out of the source catch up on a goroutine of its own.
func (m *member) behind() {
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

// write sends what send writes of the member's, unless it has left: then its id may be another subscription's.
func (m *member) write(send func() error) error {
	s := m.socket
	s.writing.Lock()
	defer s.unlock()
	if s.closed || m.left.Load() {
		return net.ErrClosed
	}
	return send()
}

// catchUp gives a member what comes before the source's newest part: first, and then the log, until it is live. A
// reader that is slow here holds up nobody but itself.
func (m *member) catchUp(first []any) {
	if !m.deliver(first) {
		return
	}
	for !m.left.Load() {
		events, gone := m.topic.read(nil, m.after, takeEvents)
		next, ok := m.after+int64(len(events)), true
		switch {
		case !gone && len(events) < takeEvents/2 && !m.large: // near enough: the workers give it the rest
			m.group.live(m)
			return
		case gone:
			if events, next, ok = m.older(m.after); !ok {
				return
			}
			if len(events) == 0 && next == m.after {
				m.group.live(m)
				return
			}
		}
		m.large = false
		if sees := m.topic.sees; sees != nil {
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

// deliverSome writes the first of some events and returns how many; none where the subscription is over. Of a socket's
// members one at a time does so, so that no more is rendered than what is written next.
func (m *member) deliverSome(events []any) int {
	s := m.socket
	s.catching.Lock()
	defer s.catching.Unlock()
	bytes, release := m.group.renderInTurn(s.context(), s.client, events)
	defer release()
	if bytes == nil || m.left.Load() { // meanwhile; with the last member the execution ends, and what it gave is void
		return 0
	}
	var frames []byte
	for _, r := range bytes {
		if !r.final && len(r.payload) > takeBytes {
			if len(frames) > 0 && m.write(func() error { return s.writeLocked(frames) }) != nil || m.write(func() error { return m.writeLarge(r) }) != nil {
				return 0
			}
			frames = nil
			continue
		}
		frames = m.append(frames, r)
		if r.final {
			_ = m.write(func() error { return s.writeLocked(frames) })
			m.endSoon()
			return 0
		}
	}
	if len(frames) > 0 && m.write(func() error { return s.writeLocked(frames) }) != nil {
		return 0
	}
	return len(bytes)
}

// writeLarge writes the frame of an event from where its bytes are. The socket's writing is held.
func (m *member) writeLarge(r rendered) error {
	head := appendFrameHeader(nil, ws.OpText, len(m.prefix)+len(r.payload)+1)
	return m.socket.writeLocked(append(head, m.prefix...), r.payload, []byte{'}'})
}

// older reads what the source has no more, however long the store takes; ok is false where the subscription has ended.
func (m *member) older(after int64) (events []any, next int64, ok bool) {
	ctx := m.socket.context()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		events, next, err := m.topic.behind(ctx, after)
		if err == nil {
			return events, next, ctx.Err() == nil
		}
		if asError(err).Code != session.CodeUnavailable {
			m.socket.endWith(m.op, m.socket.exec.DispatchError(ctx, gqlerror.List{gqlerror.WrapPath(nil, err)}).Errors)
			m.leave()
			return nil, after, false
		}
		if !sleep(ctx, wait) || m.left.Load() {
			return nil, after, false
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
