//go:build unix

package natstest

// Pause stops the server's process (SIGSTOP) until Resume: its sockets stay open and nothing is answered.
func (s *Server) Pause() {
	s.tb.Helper()
	if err := s.process.Pause(); err != nil {
		s.tb.Fatal(err)
	}
}

// Resume continues a paused server.
func (s *Server) Resume() {
	s.tb.Helper()
	if err := s.process.Resume(); err != nil {
		s.tb.Fatal(err)
	}
}
