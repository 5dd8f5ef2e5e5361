//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// Sizes of the log that is read.
const (
	latestCallers = 64
	latestEntries = 32 // of each caller
)

// latestResult holds the figures of one run of reads.
type latestResult struct{ perSecond, serverMicros, clientMicros, p50, p99 float64 }

// partLatest measures latestChatEntry of each caller's own entry, in a session in which all of them have posted.
func partLatest(ctx context.Context, b *bench) (section, error) {
	s, err := b.chattok.start(ctx, b.dir)
	if err != nil {
		return section{}, err
	}
	defer s.kill()
	session := newSession()
	members, err := connectAll(s, latestCallers, func(int) string { return session })
	if err != nil {
		return section{}, err
	}
	want := make([][]byte, len(members))
	err = parallel(s.host, len(members), func(i int, c *client) (err error) {
		want[i], err = postAndRead(c, members[i], b.size)
		return err
	})
	if err != nil {
		return section{}, err
	}
	var results []latestResult
	for range b.turns {
		r, err := measureLatest(s, members, want, b.lasts)
		if err != nil {
			return section{}, err
		}
		results = append(results, r)
		b.progress("latest: %s/s", figure(r.perSecond))
	}
	t := table{head: []string{"callers", "latestChatEntry/s", "p50 ms", "p99 ms", "server CPU µs a read", "client CPU µs a read"}}
	t.add(fmt.Sprint(latestCallers), spread(over(results, func(r latestResult) float64 { return r.perSecond })),
		figure(median(over(results, func(r latestResult) float64 { return r.p50 }))),
		figure(median(over(results, func(r latestResult) float64 { return r.p99 }))),
		figure(median(over(results, func(r latestResult) float64 { return r.serverMicros }))),
		figure(median(over(results, func(r latestResult) float64 { return r.clientMicros }))))
	return section{title: "Reads over HTTP", tables: []table{t},
		text: fmt.Sprintf("`latestChatEntry` of the caller's own entry (id, seq, body, createdAt), in a session of %d entries; %d turns of %v.",
			latestCallers*latestEntries, b.turns, b.lasts)}, nil
}

func latestRequest(host string, m member) []byte {
	return graphqlRequest(host, m.access, `query($c:ID!){latestChatEntry(connectionId:$c){id seq body createdAt}}`, map[string]any{"c": m.id})
}

// postAndRead posts an entry as the member and returns the answer that its reads must have from then on.
func postAndRead(c *client, m member, size int) ([]byte, error) {
	p := newPoster(c.host, m, size)
	for range latestEntries {
		p.setTime(p.request, time.Now().UnixNano())
		body, err := c.do(p.request, requestTimeout)
		if err != nil {
			return nil, err
		}
		if err := p.took(body, 0, 0); err != nil {
			return nil, err
		}
	}
	answer, err := c.do(latestRequest(c.host, m), requestTimeout)
	if err != nil {
		return nil, err
	}
	want := fmt.Appendf(nil, `"seq":%d,"body":"%s`, p.posts[len(p.posts)-1].seq, p.request[p.stamp:p.stamp+stampDigits])
	if !bytes.Contains(answer, want) {
		return nil, fmt.Errorf("latestChatEntry answered %.500s, which has no %s", answer, want)
	}
	return bytes.Clone(answer), nil
}

func measureLatest(s *server, members []member, want [][]byte, lasts time.Duration) (latestResult, error) {
	f, err := newFleet(1)
	if err != nil {
		return latestResult{}, err
	}
	defer f.close()
	callers, latencies := newCallers(f, len(members)), make([][]int64, len(members))
	var until int64
	for i, m := range members {
		err := callers.open(s.host, &caller{
			request: latestRequest(s.host, m),
			next:    func(_ []byte, now int64) bool { return now < until },
			answer: func(body []byte, sent, now int64) error {
				if !bytes.Equal(body, want[i]) {
					return fmt.Errorf("latestChatEntry answered %.500s, not %.500s", body, want[i])
				}
				latencies[i] = append(latencies[i], now-sent)
				return nil
			},
		})
		if err != nil {
			return latestResult{}, err
		}
	}
	used, err := measureCPU(s)
	if err != nil {
		return latestResult{}, err
	}
	until = time.Now().Add(lasts).UnixNano()
	took, err := callers.run(lasts+requestTimeout, "reads")
	if err != nil {
		return latestResult{}, err
	}
	server, own, err := used.since(s)
	if err != nil {
		return latestResult{}, err
	}
	var all []int64
	for _, some := range latencies {
		all = append(all, some...)
	}
	n := float64(len(all))
	return latestResult{perSecond: n / took.Seconds(), serverMicros: micros(server) / n, clientMicros: micros(own) / n,
		p50: float64(quantile(all, 0.5)) / 1e6, p99: float64(quantile(all, 0.99)) / 1e6}, nil
}
