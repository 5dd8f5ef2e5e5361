package session

import "context"

// send publishes what no number can make good, to one connection or to all of a session. Where other nodes can't be
// reached, it goes on only where everybody whom it is for has a socket here. Errors: UNAVAILABLE; then nobody on another
// node has it.
func (s *Service) send(ctx context.Context, sessionID string, to *string, m Message) error {
	ctx = context.WithoutCancel(ctx)
	if s.bus.Err() == nil {
		err := s.bus.Publish(ctx, m)
		if err == nil || s.allHere(ctx, sessionID, to) {
			return nil
		}
		return err
	}
	if !s.allHere(ctx, sessionID, to) {
		return s.Degraded()
	}
	_ = s.bus.Publish(ctx, m) // for those here, whom it reaches whatever it returns
	return nil
}

// allHere says whether a connection, or all that are in a session now, have a socket on this node.
func (s *Service) allHere(ctx context.Context, sessionID string, to *string) bool {
	if to != nil {
		return s.presence.has(*to)
	}
	r, _, release, err := s.current(ctx, sessionID)
	if err != nil {
		return false
	}
	defer release()
	return r.roster.every(s.presence.has)
}

// has says whether a connection has a socket here.
func (p *presence) has(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.local[id]
	return l != nil && len(l.sockets) > 0
}

// every says whether f holds for all connections that are there.
func (o *roster) every(f func(id string) bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id := range o.members.byID {
		if !f(id) {
			return false
		}
	}
	return true
}
