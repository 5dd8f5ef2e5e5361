//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// addsResult holds the figures of one run of adds.
type addsResult struct {
	perSecond    float64
	p50, p99     float64 // milliseconds from a post to its answer
	serverMicros float64 // server's processor time per add, in µs
	clientMicros float64 // this process's, in µs
}

// measureAdds runs posters that add to new sessions for a while, each posting its next entry once the last was answered. It
// checks that the numbers answered in each session are 1 to n, each once, and that the log ends at n.
func measureAdds(s *server, posters, sessions, size int, lasts time.Duration) (addsResult, error) {
	name := newSession()
	members, err := connectAll(s, posters, func(i int) string { return fmt.Sprintf("%s-%d", name, i%sessions) })
	if err != nil {
		return addsResult{}, err
	}
	f, err := newFleet(1)
	if err != nil {
		return addsResult{}, err
	}
	defer f.close()
	callers, all := newCallers(f, posters), make([]*poster, posters)
	var until int64
	for i := range all {
		// Posters of one session are spread over the nodes.
		host := s.at(i / sessions)
		p := newPoster(host, members[i], size)
		all[i] = p
		err := callers.open(host, &caller{request: p.request, answer: p.took, next: func(request []byte, now int64) bool {
			p.setTime(request, now)
			return now < until
		}})
		if err != nil {
			return addsResult{}, err
		}
	}
	used, err := measureCPU(s)
	if err != nil {
		return addsResult{}, err
	}
	until = time.Now().Add(lasts).UnixNano()
	took, err := callers.run(lasts+requestTimeout, "adds")
	if err != nil {
		return addsResult{}, err
	}
	return summarizeAdds(s, members[:sessions], all, took, used)
}

// summarizeAdds checks the answers of the posters and sums them up. Poster i is in session i modulo the number of members,
// of which each session has one.
func summarizeAdds(s *server, sessions []member, all []*poster, took time.Duration, used *usage) (addsResult, error) {
	server, own, err := used.since(s)
	if err != nil {
		return addsResult{}, err
	}
	numbers, latencies := make([][]int64, len(sessions)), []int64(nil)
	for i, p := range all {
		for _, post := range p.posts {
			numbers[i%len(sessions)] = append(numbers[i%len(sessions)], post.seq)
			latencies = append(latencies, post.answered-post.sent)
		}
	}
	for i, m := range sessions {
		if err := checkNumbers(numbers[i]); err != nil {
			return addsResult{}, err
		}
		if err := checkHead(s, m, int64(len(numbers[i]))); err != nil {
			return addsResult{}, err
		}
	}
	n := float64(len(latencies))
	return addsResult{
		perSecond: n / took.Seconds(), serverMicros: micros(server) / n, clientMicros: micros(own) / n,
		p50: float64(quantile(latencies, 0.5)) / 1e6, p99: float64(quantile(latencies, 0.99)) / 1e6,
	}, nil
}

// checkHead returns an error unless the log of the member's session ends at n.
func checkHead(s *server, m member, n int64) error {
	c, err := dialClient(s.host)
	if err != nil {
		return err
	}
	defer c.close()
	var data struct {
		ChatEntries struct{ Nodes []struct{ Seq int64 } }
	}
	if err := c.graphql(m.access, `{chatEntries(last:1){nodes{seq}}}`, nil, &data); err != nil {
		return err
	}
	if nodes := data.ChatEntries.Nodes; len(nodes) != 1 || nodes[0].Seq != n {
		return fmt.Errorf("the log ends at %v, but %d adds were answered", nodes, n)
	}
	return nil
}

// partAdds compares commits in groups with groups of one, on two servers in turn.
func partAdds(ctx context.Context, b *bench) (section, error) {
	grouped, err := b.chattok.start(ctx, b.dir)
	if err != nil {
		return section{}, err
	}
	defer grouped.kill()
	single, err := b.chattok.start(ctx, b.dir, "CHATTOK_GROUP_LIMIT=1")
	if err != nil {
		return section{}, err
	}
	defer single.kill()
	t := table{head: []string{"posters", "adds/s", "p50 ms", "p99 ms", "server CPU µs an add", "client CPU µs an add",
		"adds/s in groups of one", "times"}}
	for _, posters := range []int{1, 8, 64, 256} {
		var together, alone []addsResult
		for range b.turns {
			for _, run := range []struct {
				server *server
				to     *[]addsResult
			}{{grouped, &together}, {single, &alone}} {
				r, err := measureAdds(run.server, posters, 1, b.size, b.lasts)
				if err != nil {
					return section{}, fmt.Errorf("%d posters: %w", posters, err)
				}
				*run.to = append(*run.to, r)
				b.progress("adds: %d posters, %s/s", posters, figure(r.perSecond))
			}
		}
		rate := func(r addsResult) float64 { return r.perSecond }
		t.add(fmt.Sprint(posters), spread(over(together, rate)),
			figure(median(over(together, func(r addsResult) float64 { return r.p50 }))),
			figure(median(over(together, func(r addsResult) float64 { return r.p99 }))),
			figure(median(over(together, func(r addsResult) float64 { return r.serverMicros }))),
			figure(median(over(together, func(r addsResult) float64 { return r.clientMicros }))),
			spread(over(alone, rate)),
			figure(median(over(together, rate))/median(over(alone, rate))))
	}
	return section{title: "Durable adds over HTTP", tables: []table{t},
		text: fmt.Sprintf("`addChatEntry` with a body of %d bytes, each answered when it is on disk; %d turns of %v for each figure, "+
			"the two servers in turn. Groups of one: `CHATTOK_GROUP_LIMIT=1`.", b.size, b.turns, b.lasts)}, nil
}
