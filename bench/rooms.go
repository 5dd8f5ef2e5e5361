//go:build linux

package main

import (
	"context"
	"fmt"
)

// roomLog is how many entries each room of partRooms gets.
const roomLog = 20

// roomsResult is the memory of one room, in KiB.
type roomsResult struct{ opened, filled float64 }

// measureRooms opens rooms with a subscriber each, posts entries in every one, and checks every delivery.
func measureRooms(ctx context.Context, b *bench, n int) (r roomsResult, err error) {
	s, err := b.chattok.start(ctx, b.dir)
	if err != nil {
		return r, err
	}
	defer s.kill()
	before, err := settle(s.pid(), settleLimit)
	if err != nil {
		return r, err
	}
	l := load{subscribers: n, sessions: n, posters: 1, entries: roomLog * n, size: b.size}
	a, err := openAudience(s, l)
	if err != nil {
		return r, err
	}
	defer a.close()
	opened, err := settle(s.pid(), settleLimit)
	if err != nil {
		return r, err
	}
	d, err := newDesks(s, a, l)
	if err != nil {
		return r, err
	}
	if err := a.warmUp(d.one); err != nil {
		return r, err
	}
	all := a.expect(l.entries)
	err = parallel(s.host, n, func(session int, c *client) error {
		for range roomLog {
			if err := d.post(c, d.posters[session]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	if err := a.fleet.await(all.done, fanoutTimeout, "the deliveries"); err != nil {
		return r, fmt.Errorf("%w; %d deliveries are missing", err, all.left.Load())
	}
	filled, err := settle(s.pid(), settleLimit)
	if err != nil {
		return r, err
	}
	kib := func(bytes int64) float64 { return float64(bytes) / float64(n) / 1024 }
	r = roomsResult{opened: kib(int64(opened) - int64(before)), filled: kib(int64(filled) - int64(before))}
	b.progress("%d rooms: %s KiB each when opened, %s with a log", n, figure(r.opened), figure(r.filled))
	return r, a.finish()
}

// partRooms measures the memory of many rooms, each with one subscriber and a log of which the server caches what its
// budget allows.
func partRooms(ctx context.Context, b *bench) (section, error) {
	t := table{head: []string{"rooms", "KiB a room just opened", "KiB a room with a log"}}
	for _, n := range []int{1000, 10_000} {
		var results []roomsResult
		for range b.turns {
			r, err := measureRooms(ctx, b, n)
			if err != nil {
				return section{}, fmt.Errorf("%d rooms: %w", n, err)
			}
			results = append(results, r)
		}
		t.add(grouped(n), spread(over(results, func(r roomsResult) float64 { return r.opened })),
			spread(over(results, func(r roomsResult) float64 { return r.filled })))
	}
	return section{title: "Many rooms", tables: []table{t},
		text: fmt.Sprintf("Resident memory of the server, settled, each room with one subscriber: before it has an entry, and after %d of %d bytes "+
			"and a second connection that posted them. Everything counts: room, socket, connections, and garbage. The parts "+
			"of the logs that are kept are bounded by `CHATTOK_MEMORY`.", roomLog, b.size)}, nil
}
