//go:build unix

package accept

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"chattok/internal/await"
)

// A connection that says nothing is not given to the http.Server, which gets it with its first byte.
func TestSilentIsNotGiven(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 50}, false)
	silent := w.dial(t, "127.0.0.3")
	w.waits(t, 1)
	if !w.dial(t, "127.0.0.4").ask("/") {
		t.Fatal("another one is not answered")
	}
	if w.all.Open() != 2 || w.open.Load() != 1 {
		t.Errorf("%d are open, of which the server has %d", w.all.Open(), w.open.Load())
	}
	if !silent.ask("/") {
		t.Error("not answered once it asks")
	}
}

// A connection that says nothing for too long is closed; one that speaks in time has all of its time from then on.
func TestSilentForTooLong(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 50, patience: 100 * time.Millisecond}, false)
	if _, err := w.dial(t, "127.0.0.3").r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("it ends with %v", err)
	}
	await.True(t, "it is counted out", func() bool { return w.all.Open() == 0 })
	spoke := w.dial(t, "127.0.0.3")
	if !spoke.ask("/") {
		t.Fatal("not answered")
	}
	time.Sleep(2 * w.all.config.patience) // its time for the first byte
	if !spoke.ask("/") {
		t.Error("not answered later")
	}
}

// While handshakes wait for their turn, the http.Server has two connections of an address, however many come, and two of another one too.
func TestHandshakesArrive(t *testing.T) {
	w := newWorld(t, Config{Max: 1000, PerAddress: 500}, true)
	w.takeTurns()
	const clients = 10
	answered := make(chan bool)
	for i, from := range []string{"127.0.0.3", "127.0.0.4"} {
		for range clients {
			c := w.dial(t, from)
			go func() { answered <- w.secure(c).ask("/") }()
		}
		w.waits(t, (i+1)*clients)
		await.True(t, "the server has two more", func() bool { return w.open.Load() == int64(i+1)*shakingOfOne })
	}
	w.giveTurns()
	for range 2 * clients {
		if !<-answered {
			t.Error("one is not answered")
		}
	}
	w.turnsEnd(t)
}

// A listener that is closed closes what has not arrived: the silent, and those that wait before their handshake.
func TestClosedWhileArriving(t *testing.T) {
	w := newWorld(t, Config{Max: 1000, PerAddress: 500}, true)
	w.takeTurns()
	ended := make(chan error)
	for _, speaks := range []bool{false, true, true, true, true} {
		c := w.dial(t, "127.0.0.3")
		if speaks {
			go func() { ended <- w.secure(c).Conn.(interface{ Handshake() error }).Handshake() }()
		} else {
			go func() {
				_, err := c.r.ReadByte()
				ended <- err
			}()
		}
	}
	await.True(t, "two are given away, and three are not", func() bool { return w.open.Load() == 2 && w.there() == 5 })
	if err := w.arriving.Close(); err != nil {
		t.Error(err)
	}
	for range 3 {
		if err := <-ended; err == nil || errors.Is(err, net.ErrClosed) {
			t.Errorf("it ends with %v", err)
		}
	}
	if _, err := w.arriving.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept returns %v", err)
	}
	w.giveTurns()
	for range 2 {
		if err := <-ended; err != nil {
			t.Errorf("one that was given away ends with %v", err)
		}
	}
	w.turnsEnd(t)
}
