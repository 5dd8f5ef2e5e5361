package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"chattok/bus"
	"chattok/graph"
	"chattok/media"
	"chattok/session"
)

// metrics are the server's, for Prometheus.
type metrics struct {
	registry     *prometheus.Registry
	entries      prometheus.Counter
	signals      prometheus.Counter
	negotiations prometheus.Counter
	swept        prometheus.Counter
	group        prometheus.Histogram
	commit       prometheus.Histogram
}

var _ session.Metrics = (*metrics)(nil)

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry(),
		entries:      prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_entries_total", Help: "Chat entries stored since the start."}),
		signals:      prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_signals_total", Help: "Signals sent since the start."}),
		negotiations: prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_negotiations_total", Help: "Session descriptions and ICE candidates sent since the start."}),
		swept:        prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_connections_swept_total", Help: "Connections ended because they did not come back."}),
		group: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "chattok_commit_entries", Help: "Entries that shared a commit.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "chattok_commit_seconds", Help: "Time that a commit of entries took.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2, 14)})}
	m.registry.MustRegister(m.entries, m.signals, m.negotiations, m.swept, m.group, m.commit,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe adds what is counted when it is asked for.
func (m *metrics) observe(s *session.Service, g *graph.Handler) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("chattok_connections", "Connections that have a socket on this node.", func() float64 { return float64(s.Stats().Attached) })
	gauge("chattok_open_sessions", "Sessions that somebody on this node follows.", func() float64 { return float64(s.Stats().Rooms) })
	gauge("chattok_waiting_entries", "Entries that wait to be committed.", func() float64 { return float64(s.Stats().WritesQueue) })
	gauge("chattok_memory_bytes", "Bytes of the budget (CHATTOK_MEMORY) in use: what is kept to be fast, and answers that wait to be taken.", func() float64 { return float64(s.Stats().Kept) })
	gauge("chattok_sockets", "Open WebSockets.", func() float64 { return float64(g.Streams().Sockets()) })
	gauge("chattok_http_streams", "Subscriptions over HTTP, as SSE or multipart.", func() float64 { return float64(g.Streams().HTTPStreams()) })
	gauge("chattok_subscriptions", "Subscriptions under way, over WebSocket and HTTP.", func() float64 { return float64(g.Streams().Subscriptions()) })
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "chattok_feed_older_reads_total",
		Help: "Reads of the store for readers that were behind the live end of a log."},
		func() float64 { return float64(s.Stats().OlderReads) }))
}

// observeTURN adds what is counted of the built-in TURN server.
func (m *metrics) observeTURN(t *media.TURN) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "chattok_turn_allocations",
		Help: "Relay allocations now."}, func() float64 { return float64(t.Stats().Allocations) }))
	counter := func(name, help string, value func(media.Stats) int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value(t.Stats())) }))
	}
	counter("chattok_turn_sent_bytes_total", "Bytes relayed to peers.", func(s media.Stats) int64 { return s.SentBytes })
	counter("chattok_turn_received_bytes_total", "Bytes relayed from peers.", func(s media.Stats) int64 { return s.ReceivedBytes })
	counter("chattok_turn_dropped_packets_total", "Packets dropped above a connection's bandwidth.", func(s media.Stats) int64 { return s.Dropped })
	counter("chattok_turn_refused_total", "Allocations above a connection's quota, and peers that nothing is relayed to.",
		func(s media.Stats) int64 { return s.Refused })
	counter("chattok_turn_unauthorized_total", "Requests with a wrong or an expired credential.", func(s media.Stats) int64 { return s.Unauthorized })
}

// observeBus adds what is counted of the bus between nodes.
func (m *metrics) observeBus(b nodeBus) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "chattok_bus_up",
		Help: "1 while other nodes can be reached by the bus, else 0."}, func() float64 {
		if b.Err() != nil {
			return 0
		}
		return 1
	}))
	counter := func(name, help string, value func(bus.Stats) int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value(b.Stats())) }))
	}
	counter("chattok_bus_published_total", "Messages handed to other nodes.", func(s bus.Stats) int64 { return s.Published })
	counter("chattok_bus_received_total", "Messages received from other nodes.", func(s bus.Stats) int64 { return s.Received })
	counter("chattok_bus_refused_total", "Messages that could not be handed to other nodes.", func(s bus.Stats) int64 { return s.Refused })
	counter("chattok_bus_lost_total", "Times that messages of other nodes may have been lost, as at each connection but the first.",
		func(s bus.Stats) int64 { return s.Lost })
}

func (m *metrics) EntriesCommitted(group int, took time.Duration) {
	m.entries.Add(float64(group))
	m.group.Observe(float64(group))
	m.commit.Observe(took.Seconds())
}

func (m *metrics) SignalSent()            { m.signals.Inc() }
func (m *metrics) NegotiationSent()       { m.negotiations.Inc() }
func (m *metrics) ConnectionsSwept(n int) { m.swept.Add(float64(n)) }

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
