package session

import "time"

// StayEnd returns when a connection ends for good, whatever it does; the zero Time for never.
func (s *Service) StayEnd(c *Connection) time.Time {
	if s.cfg.MaxStay == 0 {
		return time.Time{}
	}
	return c.CreatedAt.Add(s.cfg.MaxStay)
}

func (s *Service) stayEnded(c *Connection) bool {
	end := s.StayEnd(c)
	return !end.IsZero() && !s.now().Before(end)
}

func (s *Service) stayEndedError() *Error {
	return Errorf(CodeUnauthenticated, "this connection has been there for %s, which is as long as one may; connect again", s.cfg.MaxStay).
		WithReason(ReasonStayEnded)
}

// endStays closes the sockets of connections whose stay has ended. They can't be opened again, so that the connections end
// when their grace time has passed.
func (p *presence) endStays(s *Service) {
	if s.cfg.MaxStay == 0 {
		return
	}
	now := s.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, l := range p.local {
		if !now.Before(l.stays) {
			p.end(s, id, s.stayEndedError())
		}
	}
}
