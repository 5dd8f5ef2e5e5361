// Package budget bounds, in bytes, the memory that many caches of one process take together.
//
// Each cache is a Keeper: it counts its bytes on a Kept of its own, and gives way when the sum over all of them passes
// the Budget's limit. Memory that can't give way, such as answers being written, is reserved, and makes the caches give way.
//
// Which Keeper gives way is decided by the clock algorithm: a hand goes round all of them, passes those that were used since
// it last came by, and takes from the others. A use costs one flag, where an exact order by time would cost a lock.
//
// All methods are safe for concurrent use. They may be called while the Keeper's own lock is held: a Budget never waits for a
// Keeper, and passes by one that is locked. So the sum may exceed the limit for a moment, by what is in use.
package budget

import (
	"sync"
	"sync/atomic"
)

// DefaultBytes is the limit of New(0).
const DefaultBytes = 64 << 20

// Budget is a limit on the bytes that its Keepers keep and that are reserved.
type Budget struct {
	limit    int64
	used     atomic.Int64 // kept and reserved
	reserved atomic.Int64

	mu   sync.Mutex // guards the ring
	hand *Kept      // the next to be looked at; nil while the ring is empty
	ring int        // how many are in it
}

// Keeper is a cache that can give way.
type Keeper interface {
	// GiveWay drops things that the Keeper can get again, and takes their bytes off its Kept. It must not wait for a lock, nor
	// call the Budget otherwise. hard says that nothing else is left to give way.
	GiveWay(hard bool)
}

// Kept counts the bytes of one Keeper.
type Kept struct {
	budget     *Budget
	keeper     Keeper
	bytes      atomic.Int64
	used       atomic.Bool // since the hand last came by
	joined     atomic.Bool // in the ring
	next, prev *Kept       // guarded by budget.mu
}

// New returns a Budget of limit bytes; 0 stands for DefaultBytes.
func New(limit int64) *Budget {
	if limit == 0 {
		limit = DefaultBytes
	}
	return &Budget{limit: limit}
}

// Limit returns the limit in bytes.
func (b *Budget) Limit() int64 { return b.limit }

// Used returns how many bytes are kept and reserved.
func (b *Budget) Used() int64 { return b.used.Load() }

// Reserved returns how many bytes are reserved.
func (b *Budget) Reserved() int64 { return b.reserved.Load() }

// Over says whether more than the limit is used, because Keepers that were locked did not give way.
func (b *Budget) Over() bool { return b.used.Load() > b.limit }

// Reserve counts bytes that can't give way; a negative number takes them back.
func (b *Budget) Reserve(bytes int64) {
	b.reserved.Add(bytes)
	if b.used.Add(bytes) > b.limit && bytes > 0 {
		b.makeRoom()
	}
}

// Keep returns a Kept for a Keeper that keeps nothing yet.
func (b *Budget) Keep(keeper Keeper) *Kept { return &Kept{budget: b, keeper: keeper} }

// Bytes returns how many bytes the Keeper keeps now.
func (k *Kept) Bytes() int64 { return k.bytes.Load() }

// Touch says that the Keeper was used.
func (k *Kept) Touch() {
	if !k.used.Load() { // an unneeded store would take the cache line from other processors
		k.used.Store(true)
	}
}

// Add counts bytes that the Keeper keeps from now on; a negative number takes them back.
func (k *Kept) Add(bytes int64) {
	if bytes == 0 {
		return
	}
	k.bytes.Add(bytes)
	used := k.budget.used.Add(bytes)
	if bytes < 0 {
		return
	}
	k.Touch()
	if !k.joined.Load() {
		k.budget.join(k)
	}
	if used > k.budget.limit {
		k.budget.makeRoom()
	}
}

// Drop forgets a Keeper that is no longer used, with all its bytes.
func (k *Kept) Drop() {
	b := k.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used.Add(-k.bytes.Swap(0))
	b.leave(k)
}

func (b *Budget) join(k *Kept) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.enter(k)
}

// enter puts k into the ring. b.mu is held.
func (b *Budget) enter(k *Kept) {
	if k.joined.Load() {
		return
	}
	k.joined.Store(true)
	b.ring++
	if b.hand == nil {
		b.hand, k.next, k.prev = k, k, k
		return
	}
	k.next, k.prev = b.hand, b.hand.prev // the place that the hand comes to last
	k.next.prev, k.prev.next = k, k
}

// leave takes k out of the ring. b.mu is held.
func (b *Budget) leave(k *Kept) {
	if !k.joined.Load() {
		return
	}
	k.joined.Store(false)
	b.ring--
	switch {
	case b.ring == 0:
		b.hand = nil
	case b.hand == k:
		b.hand = k.next
	}
	k.next.prev, k.prev.next = k.prev, k.next
	k.next, k.prev = nil, nil
}

// makeRoom takes from Keepers until the sum is within the limit. It does nothing while another goroutine holds the ring's lock; the
// next Add or Reserve above the limit tries again.
func (b *Budget) makeRoom() {
	if !b.mu.TryLock() {
		return
	}
	defer b.mu.Unlock()
	// In the first turn every Keeper may have been used; the second turn takes from those, and the third is hard.
	turn := b.ring
	for looked := 0; looked < 3*turn && b.hand != nil && b.used.Load() > b.limit; looked++ {
		k := b.hand
		b.hand = k.next
		switch {
		case k.bytes.Load() <= 0:
			b.leave(k)
			if k.bytes.Load() > 0 { // since an Add that still found it in the ring
				b.enter(k)
			}
		case !k.used.Swap(false):
			k.keeper.GiveWay(looked >= 2*turn)
		}
	}
}
