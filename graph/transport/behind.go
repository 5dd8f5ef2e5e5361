package transport

import (
	"context"
	"net/netip"
	"sync"
)

// maxBehind is how many readers of an address hold entries of the past at once, up to 256 KiB each, beside the budget; of a /48 twice as many.
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
	var left []func()
	leave = func() {
		for _, l := range left {
			l()
		}
	}
	most := maxBehind
	for _, network := range networksOf(client) {
		if network.IsValid() {
			l, ok := b.enterOne(ctx, network, most)
			if !ok {
				leave()
				return nil, false
			}
			left = append(left, l)
		}
		most *= 2
	}
	return leave, true
}

func (b *behindPlaces) enterOne(ctx context.Context, network netip.Prefix, most int) (leave func(), ok bool) {
	one := b.come(network, most)
	select {
	case one.places <- struct{}{}:
		return func() {
			<-one.places
			b.gone(network, one)
		}, true
	case <-ctx.Done():
		b.gone(network, one)
		return nil, false
	}
}

// come counts a reader in.
func (b *behindPlaces) come(network netip.Prefix, most int) *behindOfOne {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.of[network]
	if one == nil {
		if b.of == nil {
			b.of = make(map[netip.Prefix]*behindOfOne)
		}
		one = &behindOfOne{places: make(chan struct{}, most)}
		b.of[network] = one
	}
	one.readers++
	return one
}

// gone counts a reader out.
func (b *behindPlaces) gone(network netip.Prefix, one *behindOfOne) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one.readers--; one.readers == 0 {
		delete(b.of, network)
	}
}
