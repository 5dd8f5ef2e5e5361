package transport

import (
	"testing"
	"time"
)

// The older protocol's reference client sends operations right after connection_init, and so does this test. They are
// taken in, and answered after the ack in their order; an operation before connection_init is refused.
func TestLegacyDoesNotWait(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	for range 50 {
		s := w.dial(t, protocolLegacy)
		s.text(`{"type":"connection_init","payload":{}}`)
		for _, id := range []string{"1", "2", "3"} {
			s.text(`{"id":"` + id + `","type":"start","payload":{"query":"{__typename}"}}`)
		}
		s.text(`{"id":"3","type":"stop"}`) // may be answered before it is stopped
		s.text(`{"id":"4","type":"start","payload":{"query":"{__typename}"}}`)
		s.expect(`{"type":"connection_ack"}`)
		s.expect(`{"type":"ka"}`)
		for _, id := range []string{"1", "2"} {
			s.expect(`{"id":"` + id + `","type":"data","payload":{"data":{"__typename":"Query"}}}`)
			s.expect(`{"id":"` + id + `","type":"complete"}`)
		}
		got := s.next()
		if got == `{"id":"3","type":"data","payload":{"data":{"__typename":"Query"}}}` {
			if got = s.next(); got == `{"id":"3","type":"complete"}` {
				got = s.next()
			}
		}
		if got != `{"id":"4","type":"data","payload":{"data":{"__typename":"Query"}}}` {
			t.Fatal(got)
		}
		_ = s.Close()
	}
	early := w.dial(t, protocolLegacy)
	early.text(`{"id":"1","type":"start","payload":{"query":"{__typename}"}}`)
	early.expectClose(CloseUnauthorized)

	refused := w.dial(t, protocolLegacy)
	refused.text(`{"type":"connection_init","payload":{"Authorization":"Bearer expired"}}`)
	refused.text(`{"id":"1","type":"start","payload":{"query":"{__typename}"}}`)
	refused.expect(`{"type":"connection_error","payload":{"message":"the access token has expired","extensions":{"code":"UNAUTHENTICATED","reason":"TOKEN_EXPIRED"}}}`)
	refused.expectClose(CloseForbidden)
}

// A client of the older protocol gets ka repeatedly, one of the newer protocol gets none.
func TestLegacyIsKeptAlive(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{KeepAlive: 50 * time.Millisecond, PingInterval: time.Hour})
	modern := w.dial(t, protocolModern)
	modern.text(initMessage)
	modern.expect(`{"type":"connection_ack"}`)
	s := w.dial(t, protocolLegacy)
	s.text(`{"type":"connection_init"}`)
	s.expect(`{"type":"connection_ack"}`)
	for range 5 {
		s.expect(`{"type":"ka"}`)
	}
	modern.subscribe("1", "{__typename}")
	modern.expect(`{"id":"1","type":"next","payload":{"data":{"__typename":"Query"}}}`)
}
