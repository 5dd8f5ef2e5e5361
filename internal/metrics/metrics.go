// Package metrics holds the server's figures for Prometheus. The domain counts its events here as they happen; every other figure is
// asked of the part that knows it, at each scrape. docs/operations.md explains each.
package metrics

import (
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"chattok/bus"
	"chattok/graph"
	"chattok/media"
	"chattok/session"
	"chattok/webhook"
)

// Metrics are the figures of one node. It is safe for concurrent use.
type Metrics struct {
	registry     *prometheus.Registry
	entries      prometheus.Counter
	signals      prometheus.Counter
	negotiations prometheus.Counter
	swept        prometheus.Counter
	removed      prometheus.Counter
	group        prometheus.Histogram
	commit       prometheus.Histogram
	webhookSent  prometheus.Counter
	webhookFails prometheus.Counter

	requests *prometheus.CounterVec
	refused  prometheus.Counter

	answeredMu sync.RWMutex
	answered   map[[2]string]prometheus.Counter // of requests, by its labels, so that counting allocates nothing

	questions, reviewFailures, reviewRefusals prometheus.Counter
	review                                    prometheus.Histogram

	committed     commits
	databaseBytes atomic.Int64 // at the last sample of the history
}

var (
	_ session.Metrics = (*Metrics)(nil)
	_ webhook.Metrics = (*Metrics)(nil)
	_ graph.Metrics   = (*Metrics)(nil)
)

// Build says what is running.
type Build struct{ Version string }

// New returns the metrics that need no other part of the server, Go's own and the process's among them.
func New(b Build) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), answered: map[[2]string]prometheus.Counter{},
		entries:      prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_entries_total", Help: "Chat entries stored since the start."}),
		signals:      prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_signals_total", Help: "Signals sent since the start."}),
		negotiations: prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_negotiations_total", Help: "Session descriptions and ICE candidates sent since the start."}),
		swept:        prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_connections_swept_total", Help: "Connections ended because they did not come back."}),
		removed:      prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_entries_removed_total", Help: "Entries removed because they were older than they are kept."}),
		group: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "chattok_commit_entries", Help: "Entries that shared a commit.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "chattok_commit_seconds", Help: "Time that a commit of entries took.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2, 14)}),
		webhookSent:  prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_webhook_events_total", Help: "Events that receivers of webhooks took."}),
		webhookFails: prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_webhook_failures_total", Help: "Requests that receivers of webhooks did not take."}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "chattok_requests_total",
			Help: "Root fields of the API that were answered, and subscriptions that began, by name and code."}, []string{"operation", "code"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_origins_refused_total",
			Help: "Requests of pages whose origin may not use the server."}),
		questions:      prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_before_post_questions_total", Help: "Questions to the backend before posts are stored."}),
		reviewFailures: prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_before_post_failures_total", Help: "Posts about which the backend gave no verdict in time."}),
		reviewRefusals: prometheus.NewCounter(prometheus.CounterOpts{Name: "chattok_before_post_refusals_total", Help: "Posts that the backend refused."}),
		review: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "chattok_before_post_seconds", Help: "Time that a question to the backend took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 12)})}
	m.registry.MustRegister(m.entries, m.signals, m.negotiations, m.swept, m.removed, m.group, m.commit, m.webhookSent, m.webhookFails, m.questions, m.reviewFailures, m.reviewRefusals, m.review,
		m.requests, m.refused, buildInfo(b),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// buildInfo is a metric that is always 1 and says by its labels what is running.
func buildInfo(b Build) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "chattok_build_info", Help: "1; the labels say which version runs, and what built it.",
		ConstLabels: prometheus.Labels{"version": b.Version, "go_version": runtime.Version()}})
	info.Set(1)
	return info
}

// closedSockets has the sockets that were closed, by code.
type closedSockets struct {
	desc   *prometheus.Desc
	closed func() map[string]int64
}

func (c closedSockets) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

func (c closedSockets) Collect(to chan<- prometheus.Metric) {
	for code, n := range c.closed() {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(n), code)
	}
}

// Observe adds the figures of the domain and of the transports.
func (m *Metrics) Observe(s *session.Service, g *graph.Handler) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("chattok_connections", "Connections that have a socket on this node.", func() float64 { return float64(s.Stats().Attached) })
	gauge("chattok_open_sessions", "Sessions that somebody on this node follows.", func() float64 { return float64(s.Stats().Rooms) })
	gauge("chattok_waiting_entries", "Entries that wait to be committed.", func() float64 { return float64(s.Stats().WaitingWrites) })
	gauge("chattok_before_post_waiting", "Posts that wait until the backend has been asked about them.", func() float64 { return float64(s.Stats().Reviewing) })
	gauge("chattok_memory_bytes", "Bytes of the budget (CHATTOK_MEMORY) in use: what is kept to be fast, and answers that wait to be taken.", func() float64 { return float64(s.Stats().Kept) })
	gauge("chattok_sockets", "Open WebSockets.", func() float64 { return float64(g.Streams().Sockets()) })
	gauge("chattok_http_streams", "Subscriptions over HTTP, as SSE or multipart.", func() float64 { return float64(g.Streams().HTTPStreams()) })
	gauge("chattok_subscriptions", "Subscriptions under way, over WebSocket and HTTP.", func() float64 { return float64(g.Streams().Subscriptions()) })
	gauge("chattok_database_bytes", "Size of the database on its disk, as it was some seconds ago.", func() float64 { return float64(m.databaseBytes.Load()) })
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "chattok_deliveries_total",
		Help: "Events written to subscribers: one event that a thousand get counts a thousand."},
		func() float64 { return float64(g.Streams().Deliveries()) }))
	m.registry.MustRegister(closedSockets{prometheus.NewDesc("chattok_sockets_closed_total",
		"WebSockets that ended, by the code of the server's close frame; other: one that the client chose; none: without one.", []string{"code"}, nil), g.Streams().Closed})
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "chattok_readers_cut_off_total",
		Help: "Sockets and streams that were ended because their clients took too little of what was written."},
		func() float64 { return float64(g.Streams().CutOff()) }))
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "chattok_feed_older_reads_total",
		Help: "Reads of the store for readers that were behind the live end of a log."},
		func() float64 { return float64(s.Stats().OlderReads) }))
}

// ObserveTURN adds the figures of the built-in TURN server.
func (m *Metrics) ObserveTURN(t *media.TURN) {
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

// Bus is a bus that joins this node with others.
type Bus interface {
	Err() error // nil while other nodes can be reached
	Stats() bus.Stats
}

// ObserveBus adds the figures of the bus between nodes.
func (m *Metrics) ObserveBus(b Bus) {
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

// EntriesCommitted implements session.Metrics.
func (m *Metrics) EntriesCommitted(group int, took time.Duration) {
	m.committed.add(group, took)
	m.entries.Add(float64(group))
	m.group.Observe(float64(group))
	m.commit.Observe(took.Seconds())
}

// Answered implements graph.Metrics.
func (m *Metrics) Answered(field, code string) {
	labels := [2]string{field, code}
	m.answeredMu.RLock()
	counter := m.answered[labels]
	m.answeredMu.RUnlock()
	if counter == nil {
		counter = m.requests.WithLabelValues(field, code)
		m.answeredMu.Lock()
		m.answered[labels] = counter
		m.answeredMu.Unlock()
	}
	counter.Inc()
}

// OriginRefused counts a request of a page whose origin may not use the server.
func (m *Metrics) OriginRefused() { m.refused.Inc() }

// SignalSent implements session.Metrics.
func (m *Metrics) SignalSent() { m.signals.Inc() }

// NegotiationSent implements session.Metrics.
func (m *Metrics) NegotiationSent() { m.negotiations.Inc() }

// ConnectionsSwept implements session.Metrics.
func (m *Metrics) ConnectionsSwept(n int) { m.swept.Add(float64(n)) }

// EntriesRemoved implements session.Metrics.
func (m *Metrics) EntriesRemoved(n int) { m.removed.Add(float64(n)) }

// Reviewed implements session.Metrics.
func (m *Metrics) Reviewed(drafts, refused, failed int, took time.Duration) {
	if drafts > 0 {
		m.questions.Inc()
		m.review.Observe(took.Seconds())
	}
	m.reviewRefusals.Add(float64(refused))
	m.reviewFailures.Add(float64(failed))
}

// ObserveWebhooks adds the figures of the webhooks that this node sends to.
func (m *Metrics) ObserveWebhooks(w *webhook.Sender) {
	gauge := func(name, help string, value func(webhook.Stats) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(w.Stats()) }))
	}
	gauge("chattok_webhooks", "Webhooks that this node sends to; 0 where another node does.", func(s webhook.Stats) float64 { return float64(s.Webhooks) })
	gauge("chattok_webhooks_failing", "Of them, those whose last request was not taken.", func(s webhook.Stats) float64 { return float64(s.Failing) })
	gauge("chattok_webhook_lag", "Places of the feed that the webhook furthest behind has not got.", func(s webhook.Stats) float64 { return float64(s.Lag) })
}

// WebhookSent implements webhook.Metrics.
func (m *Metrics) WebhookSent(events int) { m.webhookSent.Add(float64(events)) }

// WebhookFailed implements webhook.Metrics.
func (m *Metrics) WebhookFailed() { m.webhookFails.Inc() }

// Handler answers a scrape in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
