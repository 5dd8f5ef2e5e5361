package transport

import "time"

// work serves shards until the queue is closed.
func (g *groups) work() {
	var d delivery
	for h := g.queue.take(); h != nil; h = g.queue.take() {
		d.pass(h)
	}
}

// delivery is the state of one worker during a pass over a shard: its buffers, and the events that it has read for
// members at the same position.
type delivery struct {
	events  []any
	bytes   []rendered
	blocked bool // the event after bytes has to be waited for
	gone    bool
	more    bool      // the source has events after those read
	after   int64     // the position that events come after
	waited  bool      // the first event was waited for
	read    bool      // events have been read in this pass
	until   time.Time // when the pass renders no more; the zero time before it has rendered anything
	frames  []byte
	taken   int64 // events in frames
	release []*member
}

// pass writes to the members of a shard the events that wait for them, in one write each. It ends early where rendering has taken
// its time; the next pass begins with the member that comes next.
func (d *delivery) pass(h *shard) {
	d.read, d.until = false, time.Time{}
	d.release = d.release[:0]
	again := false
	h.mu.Lock()
	begin := h.begin
	if begin >= len(h.members) {
		begin = 0
	}
	h.begin = 0
	for i := range h.members {
		at := begin + i
		if at >= len(h.members) {
			at -= len(h.members)
		}
		more, ok := d.serve(h.members[at])
		if again = again || more || !ok; !ok {
			h.begin = at
			break
		}
	}
	for _, stream := range h.streams {
		wakeStream(stream)
	}
	h.mu.Unlock()
	for _, m := range d.release {
		m.catchUpAgain()
	}
	clear(d.events)
	clear(d.bytes)
	if cap(d.frames) > maxPooledBytes*4 {
		d.frames = nil
	}
	if again {
		h.group.all.queue.put(h)
	}
}

// load reads and renders the events after a position, unless the member before was at the same one; ok is false where the pass has
// no time left for that.
func (d *delivery) load(g *group, after int64, waited bool) (ok bool) {
	if d.read && d.after == after && d.waited == waited {
		return true
	}
	if now := time.Now(); d.until.IsZero() {
		d.until = now.Add(g.all.passTime)
	} else if !now.Before(d.until) {
		return false
	}
	d.events, d.gone = g.topic.read(d.events[:0], after, takeEvents)
	d.more = len(d.events) == takeEvents
	d.bytes, d.blocked = g.render(d.bytes[:0], d.events, waited, d.until)
	if !d.blocked && len(d.bytes) < len(d.events) {
		d.events, d.more = d.events[:len(d.bytes)], true
	}
	d.after, d.waited, d.read = after, waited, true
	return true
}

// serve writes to one member and says whether there is more for it; ok is false where the pass has no time left for it. h.mu is held.
func (d *delivery) serve(m *member) (again, ok bool) {
	if m.left.Load() || m.ended {
		return false, true
	}
	s := m.socket
	if !s.out.tryLock() {
		return false, true
	}
	if !d.load(m.group, m.after, m.waited) {
		s.out.unlock()
		return true, false
	}
	if m.left.Load() { // the member has left meanwhile; with the last member the execution ends, and bytes are void
		s.out.unlock()
		return false, true
	}
	if d.gone {
		s.out.unlock()
		d.release = append(d.release, m)
		return false, true
	}
	n, final := d.take(m)
	if n == 0 && !final && len(d.bytes) > 0 && len(d.frames) == 0 && len(d.bytes[0].payload) > largeEvent {
		s.out.unlock()
		m.large = true
		d.release = append(d.release, m)
		return false, true
	}
	m.ended = final
	m.after += int64(n)
	m.waited = d.blocked && n == len(d.bytes)
	again = !m.waited && (n < len(d.events) || d.more)
	if len(d.frames) > 0 && !s.out.closed {
		s.streams.counts.deliveries.Add(d.taken)
		if told := s.streams.config.Delivered; told != nil && d.taken > 0 {
			told(d.events[:n])
		}
		s.out.writeNow(d.frames)
	} else {
		s.out.unlock()
	}
	if final {
		m.endSoon()
		return false, true
	}
	return again, true
}

// take builds the frames of the events that the member sees, about takeBytes, and returns how many events it went past.
func (d *delivery) take(m *member) (n int, final bool) {
	d.frames, d.taken = d.frames[:0], 0
	sees := m.topic.filter()
	for i, r := range d.bytes {
		if len(d.frames) > takeBytes {
			return i, false
		}
		if sees != nil && !sees(d.events[i]) {
			continue
		}
		if len(r.payload) > largeEvent && !r.final { // left for catchUp, where it holds up nobody
			return i, false
		}
		d.frames = m.append(d.frames, r)
		if r.final {
			return i, true
		}
		if !r.none() {
			d.taken++
		}
	}
	return len(d.bytes), false
}
