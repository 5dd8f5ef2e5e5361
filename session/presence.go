package session

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// presence tells the Store which connections have a socket on this node, and which make requests without one. One goroutine,
// run, writes the attachments, so that a socket that closes and one that opens at the same moment can't overtake each other.
type presence struct {
	store       Store
	node        string
	grace       time.Duration
	maxStay     maxStay
	cache       *connectionCache
	attachments *attachments
	requests    *requests
	log         *slog.Logger
	now         func() time.Time
}

func newPresence(cfg Config, node string, cache *connectionCache, b *background) *presence {
	return &presence{store: cfg.Store, node: node, grace: cfg.Grace, maxStay: maxStay(cfg.MaxStay), cache: cache,
		attachments: newAttachments(cfg.SocketLimit, b), requests: newRequests(cfg), log: cfg.Log, now: cfg.Now}
}

// attach counts a socket in and waits until the Store has its connection attached. release is called when the connection has
// no socket here any more. Errors: RATE_LIMITED; UNAVAILABLE; those of Store.Attach; ctx's own.
func (p *presence) attach(ctx context.Context, c *Connection, onEnd func(*Error), release func()) (*Attachment, error) {
	a, stored, err := p.attachments.open(c, p.maxStay.end(c), onEnd, release)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-stored:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		a.Detach()
		return nil, err
	}
	return a, nil
}

// run writes the queued connections to the Store, a group at a time, until the attachments are closed.
func (p *presence) run() {
	for range p.attachments.wake {
		for p.write() {
		}
		if p.attachments.isClosed() {
			return
		}
	}
}

// close refuses further sockets; run returns when it has written the queued connections.
func (p *presence) close() { p.attachments.close() }

// flush tells the Store of the requests since the last flush, and writes again the connections that it did not take.
func (p *presence) flush(ctx context.Context) error {
	p.attachments.retry()
	return p.requests.flush(ctx)
}

// count returns how many connections have a socket here, or had one and the Store is still to be told.
func (p *presence) count() int { return p.attachments.count() }

// presenceGroup is how many connections one call of the Store attaches, detaches or touches at most. A larger group, as after
// a lease that had run out, would be a statement without a bound, in a transaction that others wait for.
const presenceGroup = 1000

// write writes a group of the queued connections, and says whether there may be more to write. Connections that the Store does
// not take are queued again, for the next tick.
func (p *presence) write() (more bool) {
	ctx := context.Background() // the last ones are written after the service's end
	attach, detach := p.attachments.takeQueued(presenceGroup)
	if len(attach)+len(detach) == 0 {
		return false
	}
	var failed []error
	if len(attach) > 0 {
		refused, err := p.store.Attach(ctx, p.node, attach)
		p.attachments.attachWritten(attach, refused, err)
		failed = append(failed, err)
	}
	if len(detach) > 0 {
		err := p.store.Detach(ctx, p.node, detach, p.grace)
		p.attachments.detachWritten(detach, err)
		failed = append(failed, err)
	}
	if err := errors.Join(failed...); err != nil {
		p.log.Warn("can't record which connections have a socket; trying again", "error", err)
		return false
	}
	return true
}

// ended is called once for each connection whose end this node learns of; reason is empty where the node does not learn it.
func (p *presence) ended(c *Connection, reason DisconnectReason) {
	p.cache.put(c.ID, ConnectionState{Connection: c, Destroyed: true})
	p.requests.remove(c.ID)
	p.attachments.end(c.ID, endedError(reason))
}

// sessionDeleted ends the sockets of a connection whose session was deleted.
func (p *presence) sessionDeleted(c *Connection) {
	p.cache.put(c.ID, ConnectionState{Connection: c, Destroyed: true, SessionDeleted: true})
	p.requests.remove(c.ID)
	p.attachments.end(c.ID, SessionDeletedError())
}

// endRemoved ends the sockets of connections of a session that went with it. A session with the id may have been made again since,
// whose connections stay. It tries until the Store answers.
func (p *presence) endRemoved(ctx context.Context, sessionID string) {
	p.cache.forget(sessionID)
	for ids := range slices.Chunk(p.attachments.of(sessionID), checkGroup) {
		for {
			states, err := p.store.Connections(ctx, ids)
			if err == nil {
				p.endAbsent(ids, states)
				break
			}
			p.log.Warn("can't find out which connections a removed session had; trying again", "session", sessionID, "error", err)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return
			}
		}
	}
}

// endAbsent ends the sockets of those connections that are no longer there, because their session was deleted.
func (p *presence) endAbsent(ids []string, states map[string]ConnectionState) {
	for _, id := range ids {
		switch state, found := states[id]; {
		case !found:
			p.requests.remove(id)
			p.attachments.end(id, SessionDeletedError())
		case state.SessionDeleted:
			p.sessionDeleted(state.Connection)
		}
	}
}

// endStays ends the sockets of connections that have stayed as long as they may. New sockets of theirs are refused, so the
// connections end when their grace time has passed.
func (p *presence) endStays() {
	if p.maxStay != 0 {
		p.attachments.endStays(p.now(), p.maxStay.err())
	}
}

// touch notes a request of a connection. A connection with sockets here lives by them, and needs no requests.
func (p *presence) touch(id string) {
	if !p.attachments.tracked(id) {
		p.requests.add(id)
	}
}
