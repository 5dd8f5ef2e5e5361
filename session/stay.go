package session

import "time"

// maxStay is how long after its creation a connection ends for good; 0 for never.
type maxStay time.Duration

// end returns when a connection ends for good; the zero Time for never.
func (m maxStay) end(c *Connection) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return c.CreatedAt.Add(time.Duration(m))
}

// ended says whether a connection has stayed as long as it may.
func (m maxStay) ended(c *Connection, now time.Time) bool {
	end := m.end(c)
	return !end.IsZero() && !now.Before(end)
}

// err is the error for the caller whose connection has stayed as long as it may.
func (m maxStay) err() *Error {
	return Errorf(CodeUnauthenticated, "this connection has been there for %s, which is as long as one may; connect again", time.Duration(m)).
		WithReason(ReasonStayEnded)
}
