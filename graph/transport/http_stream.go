package transport

import (
	"context"
	"net/netip"
)

// httpStream is one subscription in one HTTP response.
type httpStream struct {
	client netip.Prefix // whose limit it counts to; not valid where to none
	cancel context.CancelCauseFunc
}

// end ends the stream: with an error for why the connection has ended, or, for errRestart, without an end.
func (s *httpStream) end(why error) { s.cancel(why) }
