package transport

import (
	"encoding/json"

	"chattok/graph/transport/gqlerr"
)

// initialise begins the handshake with connection_init. A goroutine of its own identifies the caller, so that a second
// connection_init is noticed meanwhile. Errors: a *closeError; errClosed.
func (s *socket) initialise(m message) error {
	if !s.ops.initialise() {
		return &closeError{code: CloseTooManyInits, reason: "connection_init comes once"}
	}
	s.streams.initialised(s)
	values, ok := initPayload(m.Payload)
	if !ok {
		return &closeError{code: CloseBadRequest, reason: "connection_init's payload must be an object, and a token in it a string"}
	}
	init := s.init
	s.init = pendingInit{}
	if !init.timer.Stop() {
		return errClosed // too late: the timer closes the socket
	}
	s.work.Go(func() { s.acknowledge(append(values, init.upgraded...)) })
	return nil
}

// acknowledge identifies the caller by the Authorization values of the upgrade and of connection_init, which must be
// equal.
func (s *socket) acknowledge(values []string) {
	start := s.ops.context()
	ctx, err := start, error(tokensDiffer())
	if authorization, ok := oneAuthorization(values); ok {
		ctx, err = s.streams.config.Authenticate(start, authorization)
	}
	var detach func()
	if err == nil {
		detach, err = s.streams.config.Attach(ctx, s.ended)
	}
	if err != nil {
		if start.Err() == nil {
			s.refuse(err)
		}
		return
	}
	s.detach = detach
	s.ops.acknowledge(ctx)
	_ = s.out.send("connection_ack", "", nil)
	if s.protocol.keepAlive {
		s.alive.keptAlive.Store(s.streams.clock.Load())
		_ = s.out.send("ka", "", nil)
	}
	s.workQueue()
}

// refuse closes the socket of a caller who could not be identified.
func (s *socket) refuse(err error) {
	code, reason := closeFor(err)
	if s.protocol.refuseInit {
		e := asError(err)
		payload, _ := json.Marshal(gqlerr.New(e.Code, e.Reason, e.Message))
		_ = s.out.send("connection_error", "", payload)
	}
	s.close(code, reason)
}
