package transport

import (
	"sync/atomic"

	"github.com/gobwas/ws"
)

// liveness notes when a socket's client showed a sign of life and when it was asked for one, in ticks of Streams.watch.
type liveness struct {
	heard     atomic.Int64 // the client last sent something
	pinged    atomic.Int64 // the client was last pinged
	keptAlive atomic.Int64 // the client last got a ka, in the older protocol
}

func (l *liveness) begin(now int64) {
	l.heard.Store(now)
	l.pinged.Store(now)
}

// checkAlive pings a client that has been silent for an interval, and hangs up on one that has been silent for two;
// now, interval and kaInterval are in ticks. One tick more leaves time to read messages that came during a pause of the
// process.
func (s *socket) checkAlive(now, interval, kaInterval int64) {
	if !s.ops.acknowledged() {
		return // the init timer closes it
	}
	if s.protocol.keepAlive && now-s.alive.keptAlive.Load() >= kaInterval {
		// The client takes the first ka for a promise of more, and reconnects where none comes for 30 s.
		s.alive.keptAlive.Store(now)
		s.streams.running.Go(func() { _ = s.out.send("ka", "", nil) })
	}
	silent := now - s.alive.heard.Load()
	switch {
	case silent > 2*interval:
		s.hangUp()
	case silent >= interval && now-s.alive.pinged.Load() >= interval:
		s.alive.pinged.Store(now)
		s.streams.running.Go(func() { _ = s.out.frame(ws.OpPing, nil) }) // on a goroutine, as a stalled socket must not delay the pings of others
	}
}
