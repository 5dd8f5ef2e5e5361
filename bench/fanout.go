//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// load is one run of a fan-out.
type load struct {
	subscribers int
	stalled     int // further subscribers, which never read
	sessions    int
	posters     int
	entries     int           // in all of the sessions together
	rate        float64       // entries a second; 0 is flat out
	size        int           // bytes of a body
	settle      time.Duration // how long the memory is waited for at most; 0 takes it as it is
}

// fanoutResult holds the figures of one run.
type fanoutResult struct {
	perSecond    float64 // deliveries per second, from the first post to the last delivery
	serverMicros float64 // server's processor time per delivery, in µs
	clientMicros float64 // this process's, in µs
	postP50      float64 // milliseconds from the post to the reader
	postP99      float64
	answerP50    float64 // milliseconds from the post's answer, when the entry is stored, to the reader
	answerP99    float64
	kibibytes    float64 // resident memory of a subscriber before the first entry
	grown        float64 // resident memory in MiB that the run itself added
	addsPerSec   float64
	addMicros    float64 // server's processor time per add with its deliveries, in µs
}

// Waits of a fan-out.
const (
	settleLimit   = 10 * time.Second
	fanoutTimeout = 2 * time.Minute
	// surplusWait is how long a run waits for surplus deliveries after the last.
	surplusWait = 100 * time.Millisecond
)

// measureFanout starts the product, opens the subscribers, posts the entries and checks every delivery.
func measureFanout(ctx context.Context, b *bench, p product, l load) (fanoutResult, error) {
	s, err := p.start(ctx, b.dir)
	if err != nil {
		return fanoutResult{}, err
	}
	defer s.kill()
	r, err := runFanout(s, l)
	if err != nil {
		return r, fmt.Errorf("%s, %+v: %w", p.name, l, err)
	}
	b.progress("%s, %d subscribers, %d sessions: %s deliveries/s, %s µs of server CPU each, p50 %s ms, p99 %s ms", p.name,
		l.subscribers, l.sessions, figure(r.perSecond), figure(r.serverMicros), figure(r.postP50), figure(r.postP99))
	return r, nil
}

func runFanout(s *server, l load) (fanoutResult, error) {
	before, err := settle(s.pid(), l.settle)
	if err != nil {
		return fanoutResult{}, err
	}
	a, err := openAudience(s, l)
	if err != nil {
		return fanoutResult{}, err
	}
	defer a.close()
	idle, err := settle(s.pid(), l.settle)
	if err != nil {
		return fanoutResult{}, err
	}
	publish, err := preparePublisher(s, a, l)
	if err != nil {
		return fanoutResult{}, err
	}
	if err := a.warmUp(publish.one); err != nil {
		return fanoutResult{}, err
	}

	all := a.expect(l.entries)
	used, err := measureCPU(s)
	if err != nil {
		return fanoutResult{}, err
	}
	begin := time.Now()
	took, err := publish.all(begin)
	if err != nil {
		return fanoutResult{}, err
	}
	if err := a.fleet.await(all.done, fanoutTimeout, "the deliveries"); err != nil {
		return fanoutResult{}, fmt.Errorf("%w; %d deliveries are missing", err, all.left.Load())
	}
	server, own, err := used.since(s)
	if err != nil {
		return fanoutResult{}, err
	}
	grown, err := resident(s.pid())
	if err != nil {
		return fanoutResult{}, err
	}
	if err := a.finish(); err != nil {
		return fanoutResult{}, err
	}
	answers, err := publish.check()
	if err != nil {
		return fanoutResult{}, err
	}
	n := float64(l.subscribers / l.sessions * l.entries)
	r := fanoutResult{perSecond: n / all.at.Sub(begin).Seconds(), serverMicros: micros(server) / n, clientMicros: micros(own) / n,
		kibibytes: float64(idle-before) / float64(l.subscribers+l.stalled) / 1024, grown: float64(grown-idle) / (1 << 20),
		addsPerSec: float64(l.entries) / took.Seconds(), addMicros: micros(server) / float64(l.entries)}
	r.postP50, r.postP99, r.answerP50, r.answerP99 = a.latencies(answers)
	return r, nil
}

// partFanout measures ChatTok alone.
func partFanout(ctx context.Context, b *bench) (section, error) {
	t := newFanoutTable("load")
	for _, row := range []struct {
		name string
		load load
	}{
		{"flat out", b.flatOut(1000)},
		{"100 entries/s", b.calm(1000)},
	} {
		var results []fanoutResult
		for range b.turns {
			r, err := measureFanout(ctx, b, b.chattok, row.load)
			if err != nil {
				return section{}, err
			}
			results = append(results, r)
		}
		t.addResults(row.name, results)
	}
	return section{title: "Fan-out", tables: []table{t.table},
		text: fmt.Sprintf("1,000 WebSocket subscribers of one session (`entryAdded`), entries added over HTTP by %d posters with bodies "+
			"of %d bytes; every subscriber has every number once and in order. Server CPU includes the adds. Latency is from "+
			"the post, and from its answer (the entry is on disk), to the reader; medians of %d turns.", b.posters, b.size, b.turns)}, nil
}

// flatOut returns a load with the deliveries of one run, whatever the number of subscribers.
func (b *bench) flatOut(subscribers int) load {
	return load{subscribers: subscribers, sessions: 1, posters: b.posters, entries: max(20, b.deliveries/subscribers), size: b.size, settle: settleLimit}
}

// calm returns a load of 100 entries per second.
func (b *bench) calm(subscribers int) load {
	return load{subscribers: subscribers, sessions: 1, posters: 16, entries: int(100 * b.calmLasts.Seconds()), rate: 100, size: b.size, settle: settleLimit}
}

// fanoutTable returns a table with a row for each load.
type fanoutTable struct{ table }

func newFanoutTable(first string) *fanoutTable {
	return &fanoutTable{table{head: []string{first, "deliveries/s", "server CPU µs a delivery", "client CPU µs a delivery",
		"p50 / p99 ms from the post", "p50 / p99 ms from the answer", "KiB a subscriber", "entries/s"}}}
}

func (t *fanoutTable) addResults(name string, results []fanoutResult) {
	m := func(f func(fanoutResult) float64) string { return figure(median(over(results, f))) }
	fromAnswer := "–" // where the server posts by itself, there is none
	if median(over(results, func(r fanoutResult) float64 { return r.answerP99 })) != 0 {
		fromAnswer = m(func(r fanoutResult) float64 { return r.answerP50 }) + " / " + m(func(r fanoutResult) float64 { return r.answerP99 })
	}
	t.add(name, spread(over(results, func(r fanoutResult) float64 { return r.perSecond })),
		m(func(r fanoutResult) float64 { return r.serverMicros }), m(func(r fanoutResult) float64 { return r.clientMicros }),
		m(func(r fanoutResult) float64 { return r.postP50 })+" / "+m(func(r fanoutResult) float64 { return r.postP99 }),
		fromAnswer, m(func(r fanoutResult) float64 { return r.kibibytes }), m(func(r fanoutResult) float64 { return r.addsPerSec }))
}
