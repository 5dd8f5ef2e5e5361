package transport

import (
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"
)

// counter counts the bytes that are written to it.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) { c.n.Add(int64(len(b))); return len(b), nil }

// BenchmarkFanOut delivers each event to 200 sockets of one group, over loopback, and checks that every byte arrives. The
// writer stays 64 events ahead of the readers at most.
func BenchmarkFanOut(b *testing.B) { fanOut(b, false) }

// BenchmarkFanOutOfChanges is BenchmarkFanOut where each event changes an earlier one too, as an edit does.
func BenchmarkFanOutOfChanges(b *testing.B) { fanOut(b, true) }

func fanOut(b *testing.B, changes bool) {
	const members = 200
	g, w := newGroupWorld(b)
	var got atomic.Int64
	for range members {
		s := w.ready(b)
		_ = s.SetDeadline(time.Time{})
		s.subscribe("1", entryQuery)
		go func() { _, _ = io.Copy(counter{&got}, s.r) }()
	}
	until(b, "all follow", func() bool { return w.sockets.Subscriptions() == members })
	frame := int64(len(`{"id":"1","type":"next","payload":{"data":{"entryAdded":{"body":"00000000"}}}}`) + 2)
	b.ResetTimer()
	for i := range b.N {
		e := w.entry("a", fmt.Sprintf("%08d", i))
		if changes {
			g.window.Replace(int64(i-50), e)
		}
		g.window.Append(e)
		if i%16 == 15 {
			for got.Load() < int64(i-64)*members*frame {
				time.Sleep(50 * time.Microsecond)
			}
		}
	}
	for got.Load() < int64(b.N)*members*frame {
		time.Sleep(50 * time.Microsecond)
	}
}
