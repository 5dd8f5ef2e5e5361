package natstest

import (
	"testing"

	"chattok/internal/await"
)

// TestServer kills, stops, pauses and starts one server again, each time at the same address.
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
	await.True(t, "it answers again", func() bool { return s.answers() == nil })
}
