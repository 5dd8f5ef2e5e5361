package metrics

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"chattok/session"
)

// TestHistory: a sample has what is open at its moment and the work since the sample before, and those of an hour are kept.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Build{})
		var deliveries, size atomic.Int64
		var away atomic.Bool
		h := m.History(Observed{
			Stats:      func() session.Stats { return session.Stats{Attached: 4, WaitingWrites: 7} },
			Load:       func() session.NodeLoad { return session.NodeLoad{Sockets: 5, HTTPStreams: 2, Subscriptions: 9} },
			Deliveries: deliveries.Load,
			DatabaseBytes: func(context.Context) (int64, error) {
				if away.Load() {
					return 0, errors.New("away")
				}
				return size.Load(), nil
			},
		})
		m.EntriesCommitted(3, time.Second) // before the history begins
		size.Store(4096)
		begun := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Run(ctx); close(done) }()
		synctest.Wait()
		first := h.Samples()
		if len(first) != 1 || !first[0].At.Equal(begun) || first[0].CommitsPerSecond != 0 || first[0].CommitMs != nil || *first[0].DatabaseBytes != 4096 {
			t.Fatalf("at the start: %+v", first)
		}
		deliveries.Store(12345)
		m.EntriesCommitted(10, 2*time.Millisecond)
		m.EntriesCommitted(30, 5*time.Millisecond)
		away.Store(true)
		time.Sleep(session.SampleInterval)
		synctest.Wait()
		second := h.Samples()[1]
		got := *second
		got.MemoryBytes, got.Goroutines = 0, 0
		got.CommitMs, got.SlowestCommitMs = nil, nil
		want := session.Sample{At: begun.Add(session.SampleInterval).UTC(), Sockets: 5, HTTPStreams: 2, Subscriptions: 9, Connections: 4, WaitingEntries: 7,
			CommitsPerSecond: 0.2, EntriesPerSecond: 4, DeliveriesPerSecond: 1234.5}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if *second.CommitMs != 3.5 || *second.SlowestCommitMs != 5 {
			t.Errorf("commits took %v ms, %v at most", *second.CommitMs, *second.SlowestCommitMs)
		}
		if second.MemoryBytes < 1<<20 || second.Goroutines < 2 {
			t.Errorf("%v bytes, %d goroutines", second.MemoryBytes, second.Goroutines)
		}
		time.Sleep(time.Hour + session.SampleInterval)
		synctest.Wait()
		all := h.Samples()
		if len(all) != session.MaxSamples || all[len(all)-1].At.Sub(all[0].At) != time.Hour-session.SampleInterval {
			t.Errorf("%d samples from %v to %v", len(all), all[0].At, all[len(all)-1].At)
		}
		if last := all[len(all)-1]; last.CommitMs != nil || last.DeliveriesPerSecond != 0 {
			t.Errorf("an idle sample: %+v", last)
		}
		cancel()
		<-done
	})
	if bytes := 2 * session.MaxSamples * (unsafe.Sizeof(session.Sample{}) + 3*unsafe.Sizeof(float64(0)) + unsafe.Sizeof(uintptr(0))); bytes > 1<<20 {
		t.Errorf("the samples of an hour take %d bytes", bytes)
	}
}
