package transport

import (
	"net"
	"sync/atomic"

	"github.com/gobwas/ws"
)

// member is one subscription of a WebSocket in a group. It is a position and has no queue.
type member struct {
	membership
	socket *socket
	op     *operation
	prefix []byte // JSON of each of its frames, up to the payload

	shard  *shard      // nil until it is live; guarded by group.placing
	after  int64       // the position of the last event it got; guarded by shard.mu, and before the member is live owned by catchUp
	large  bool        // the event after it is a large one; guarded like after
	waited bool        // the event after it has to be waited for; guarded by shard.mu
	ended  bool        // its last frame is being written; guarded by shard.mu
	over   atomic.Bool // its last frame is written, or about to be
	left   atomic.Bool
}

// append appends the frame of an event.
func (m *member) append(b []byte, r rendered) []byte {
	if r.none() {
		return b
	}
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

// write calls send with the socket's lock held, unless the member has left: its id may belong to another subscription
// then.
func (m *member) write(send func() error) error {
	out := &m.socket.out
	out.mu.Lock()
	defer out.unlock()
	if out.closed || m.left.Load() {
		return net.ErrClosed
	}
	return send()
}

// writeLarge writes the frame of an event without copying its bytes. The lock of the socket's writer is held.
func (m *member) writeLarge(r rendered) error {
	head := appendFrameHeader(nil, ws.OpText, len(m.prefix)+len(r.payload)+1)
	return m.socket.out.write(append(head, m.prefix...), r.payload, []byte{'}'})
}

// endSoon ends a subscription after its last frame. It starts a goroutine, as the caller holds the shard.
func (m *member) endSoon() {
	m.socket.streams.running.Go(func() {
		m.socket.ops.finish(m.op)
		m.leave()
	})
}

// leave ends the membership. It may be called more than once.
func (m *member) leave() {
	if m.left.Swap(true) {
		return
	}
	g := m.group
	g.placing.Lock()
	if m.shard != nil {
		m.shard.remove(m)
		m.shard = nil
	}
	g.placing.Unlock()
	m.socket.streams.subscriptions.Add(-1)
	m.withdraw()
}
