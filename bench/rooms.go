//go:build linux

package main

import (
	"context"
	"fmt"
)

// roomLog is how many entries each room of partRooms gets.
const roomLog = 20

// partRooms measures the memory of many rooms, each with one subscriber and a log that the server would keep if it could.
func partRooms(ctx context.Context, b *bench) (section, error) {
	t := table{head: []string{"rooms", "KiB a room just opened, with its subscriber", "KiB a room when each has got its entries", "entries/s"}}
	for _, n := range []int{1000, 10_000} {
		var results []fanoutResult
		for range b.turns {
			r, err := measureFanout(ctx, b, b.chattok, load{subscribers: n, sessions: n, posters: n, entries: roomLog * n, size: b.size, settle: settleLimit})
			if err != nil {
				return section{}, err
			}
			results = append(results, r)
		}
		t.add(grouped(n), spread(over(results, func(r fanoutResult) float64 { return r.kibibytes })),
			spread(over(results, func(r fanoutResult) float64 { return r.kibibytes + r.grown*1024/float64(n) })),
			spread(over(results, func(r fanoutResult) float64 { return r.addsPerSec })))
	}
	return section{title: "Many rooms", tables: []table{t},
		text: fmt.Sprintf("Resident memory of the server, each room with one subscriber of its own, before it has an entry and after %d of %d bytes. "+
			"Everything counts: room, socket, connection, a second connection that posts, and garbage; what is kept of the logs is bounded by `CHATTOK_MEMORY`.", roomLog, b.size)}, nil
}
