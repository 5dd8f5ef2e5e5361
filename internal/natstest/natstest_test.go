package natstest

import "testing"

// TestServer has one server killed, stopped, started again and paused, each at the same address.
func TestServer(t *testing.T) {
	s := Start(t, Config("max_payload: 4096"))
	url := s.URL()
	for _, end := range []func(){s.Kill, s.Stop} {
		end()
		if err := s.answers(); err == nil {
			t.Fatal("it answers though it has ended")
		}
		s.Start()
		if s.URL() != url {
			t.Fatalf("at %s, was at %s", s.URL(), url)
		}
	}
	s.Pause()
	if err := s.answers(); err == nil {
		t.Error("it answers though it is paused")
	}
	s.Resume()
	if err := waitFor(s.answers); err != nil {
		t.Error(err)
	}
}
