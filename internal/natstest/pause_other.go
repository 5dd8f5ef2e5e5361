//go:build !unix

package natstest

// Pause fails the test: this system can't stop a process and let it go on.
func (s *Server) Pause() { s.tb.Helper(); s.tb.Fatal("a process can't be paused on this system") }

// Resume fails the test, as Pause does.
func (s *Server) Resume() { s.tb.Helper(); s.tb.Fatal("a process can't be paused on this system") }
