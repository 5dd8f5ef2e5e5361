package metrics

import (
	"context"
	"math"
	"runtime"
	runtimemetrics "runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"chattok/session"
)

// databaseWait is how long a sample waits for the database to say its size.
const databaseWait = 2 * time.Second

// Observed are the parts that samples are taken of.
type Observed struct {
	Stats         func() session.Stats
	Load          func() session.NodeLoad
	Deliveries    func() int64 // since the start
	DatabaseBytes func(context.Context) (int64, error)
}

// History has the samples of the last hour. It takes them while Run runs.
type History struct {
	metrics  *Metrics
	observed Observed

	last   counted // at the last sample; owned by Run
	lastAt time.Time

	mu      sync.Mutex
	samples []*session.Sample
}

// counted are figures that only grow.
type counted struct{ commits, entries, nanoseconds, deliveries int64 }

// History returns a history without samples. It is of these metrics and of the parts named.
func (m *Metrics) History(o Observed) *History {
	return &History{metrics: m, observed: o}
}

// Run takes a sample at once, and one each SampleInterval until ctx is done.
func (h *History) Run(ctx context.Context) {
	tick := time.NewTicker(session.SampleInterval)
	defer tick.Stop()
	h.lastAt = time.Now()
	h.last, _ = h.count()
	for {
		h.take(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Samples returns the samples, oldest first, in a slice of the caller's.
func (h *History) Samples() []*session.Sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*session.Sample(nil), h.samples...)
}

// count returns the figures that only grow, and how long the slowest commit took since the call before.
func (h *History) count() (counted, time.Duration) {
	c := &h.metrics.committed
	return counted{c.commits.Load(), c.entries.Load(), c.nanoseconds.Load(), h.observed.Deliveries()}, time.Duration(c.slowest.Swap(0))
}

// take adds a sample, and drops the oldest one above MaxSamples.
func (h *History) take(ctx context.Context) {
	now := time.Now()
	count, slowest := h.count()
	elapsed := now.Sub(h.lastAt).Seconds()
	rate := func(now, before int64) float64 {
		if elapsed < 1 { // the first sample
			return 0
		}
		return thousandths(float64(now-before) / elapsed)
	}
	stats, load := h.observed.Stats(), h.observed.Load()
	s := &session.Sample{At: now.UTC(), Sockets: load.Sockets, HTTPStreams: load.HTTPStreams, Subscriptions: load.Subscriptions,
		Connections: stats.Attached, WaitingEntries: stats.WaitingWrites, MemoryBytes: float64(memoryInUse()), Goroutines: runtime.NumGoroutine(),
		CommitsPerSecond: rate(count.commits, h.last.commits), EntriesPerSecond: rate(count.entries, h.last.entries),
		DeliveriesPerSecond: rate(count.deliveries, h.last.deliveries)}
	if commits := count.commits - h.last.commits; commits > 0 {
		mean := thousandths(float64(count.nanoseconds-h.last.nanoseconds) / float64(commits) / 1e6)
		most := thousandths(float64(slowest) / 1e6)
		s.CommitMs, s.SlowestCommitMs = &mean, &most
	}
	h.last, h.lastAt = count, now
	asking, answered := context.WithTimeout(ctx, databaseWait)
	defer answered()
	if size, err := h.observed.DatabaseBytes(asking); err == nil {
		bytes := float64(size)
		s.DatabaseBytes = &bytes
		h.metrics.databaseBytes.Store(size)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.samples = append(h.samples, s)
	if len(h.samples) > session.MaxSamples {
		h.samples[0] = nil
		h.samples = h.samples[1:] // append moves the rest to a new array once in a while
	}
}

// thousandths rounds to three places, which is what a graph shows and an answer need hold.
func thousandths(x float64) float64 { return math.Round(x*1000) / 1000 }

// memoryInUse returns the bytes that Go's runtime has of the system and has not given back.
func memoryInUse() uint64 {
	figures := []runtimemetrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	runtimemetrics.Read(figures)
	return figures[0].Value.Uint64() - figures[1].Value.Uint64()
}

// commits are the commits of entries since the start.
type commits struct {
	commits, entries, nanoseconds atomic.Int64
	slowest                       atomic.Int64 // nanoseconds, since it was last read
}

func (c *commits) add(entries int, took time.Duration) {
	c.commits.Add(1)
	c.entries.Add(int64(entries))
	c.nanoseconds.Add(int64(took))
	for {
		most := c.slowest.Load()
		if int64(took) <= most || c.slowest.CompareAndSwap(most, int64(took)) {
			return
		}
	}
}
