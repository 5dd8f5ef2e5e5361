package transport

import (
	"context"
	"net/netip"
	"sync"
)

// maxBehind is how many readers of an address, or of a /48, hold entries of the past at once: up to 256 KiB each, beside the budget.
const maxBehind = 32

// behindPlaces lets few readers of an address hold what they have read of the past, from reading it until their clients have taken it.
// Those of an address wait for each other, and nobody else waits for them.
type behindPlaces struct {
	mu sync.Mutex
	of map[netip.Prefix]*behindOfOne
}

type behindOfOne struct {
	places  chan struct{}
	readers int // that have a place, or wait for one
}

// enter waits for a place; ok is false where ctx is done first. A client on this machine needs none.
func (b *behindPlaces) enter(ctx context.Context, client netip.Prefix) (leave func(), ok bool) {
	if !client.IsValid() {
		return func() {}, true
	}
	if whole := site(client); whole.IsValid() {
		client = whole
	}
	one := b.count(client, 1)
	select {
	case one.places <- struct{}{}:
		return func() {
			<-one.places
			b.count(client, -1)
		}, true
	case <-ctx.Done():
		b.count(client, -1)
		return nil, false
	}
}

// count counts the readers of a network.
func (b *behindPlaces) count(network netip.Prefix, n int) *behindOfOne {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.of[network]
	if one == nil {
		if b.of == nil {
			b.of = make(map[netip.Prefix]*behindOfOne)
		}
		one = &behindOfOne{places: make(chan struct{}, maxBehind)}
		b.of[network] = one
	}
	if one.readers += n; one.readers == 0 {
		delete(b.of, network)
	}
	return one
}
