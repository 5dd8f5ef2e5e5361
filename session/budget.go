package session

import (
	"sync"
	"sync/atomic"
)

// DefaultBudgetBytes is the budget of a Service that was given none.
const DefaultBudgetBytes = 64 << 20

// Budget bounds, in bytes, what a node keeps in memory to be fast: windows, chunks of logs, rooms that nobody uses and
// rendered events, together with the answers that wait to be written. What is kept gives way, the least used first, as soon
// as the sum is above the limit; what is reserved does not, and makes what is kept give way.
//
// The order is that of a clock: a hand goes round, passes what was used since it last came by, and takes the rest. It
// costs a reader one flag, where a list by time would cost a lock. All methods are safe for concurrent use. They may be
// called with the keeper's own lock held, since a keeper that is locked is passed by.
type Budget struct {
	limit    int64
	used     atomic.Int64 // kept and reserved
	reserved atomic.Int64

	mu   sync.Mutex // guards the ring
	hand *Kept      // looked at next; nil where the ring is empty
	ring int        // how many are in it
}

// Keeper has something that can give way.
type Keeper interface {
	// GiveWay drops what the keeper can have again, and takes its bytes off its Kept. It must not wait for a lock, nor
	// call the Budget otherwise. hard says that nothing else is left to give way.
	GiveWay(hard bool)
}

// Kept is the bytes that one Keeper keeps.
type Kept struct {
	budget     *Budget
	keeper     Keeper
	bytes      atomic.Int64
	used       atomic.Bool // since the hand last came by
	joined     atomic.Bool // in the ring
	next, prev *Kept       // guarded by budget.mu
}

// NewBudget returns a Budget of so many bytes; 0 stands for DefaultBudgetBytes.
func NewBudget(limit int64) *Budget {
	if limit == 0 {
		limit = DefaultBudgetBytes
	}
	return &Budget{limit: limit}
}

// Limit returns how many bytes there may be.
func (b *Budget) Limit() int64 { return b.limit }

// Used returns how many bytes are kept and reserved.
func (b *Budget) Used() int64 { return b.used.Load() }

// Reserved returns how many bytes are reserved.
func (b *Budget) Reserved() int64 { return b.reserved.Load() }

// Over says whether more is kept and reserved than there may be, as what was locked did not give way.
func (b *Budget) Over() bool { return b.used.Load() > b.limit }

// Reserve counts bytes that can't give way; a negative number takes them back.
func (b *Budget) Reserve(bytes int64) {
	b.reserved.Add(bytes)
	if b.used.Add(bytes) > b.limit && bytes > 0 {
		b.makeRoom()
	}
}

// Keep returns what counts the bytes of a keeper, which has none yet.
func (b *Budget) Keep(keeper Keeper) *Kept { return &Kept{budget: b, keeper: keeper} }

// Bytes returns what the keeper keeps now.
func (k *Kept) Bytes() int64 { return k.bytes.Load() }

// Touch says that the keeper was used.
func (k *Kept) Touch() {
	if !k.used.Load() { // most often it is; a store would take the line from other processors
		k.used.Store(true)
	}
}

// Add counts bytes that the keeper keeps from now on; a negative number takes them back.
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

// Drop forgets a keeper that has come to its end.
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
	if k.joined.Load() {
		return
	}
	k.joined.Store(true)
	b.ring++
	if b.hand == nil {
		b.hand, k.next, k.prev = k, k, k
		return
	}
	k.next, k.prev = b.hand, b.hand.prev // behind the hand, which comes there last
	k.next.prev, k.prev.next = k, k
}

// leave takes k out of the ring. mu is held.
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

// makeRoom has keepers give way until what is left is within the limit. Where somebody does so already, nothing is done.
func (b *Budget) makeRoom() {
	if !b.mu.TryLock() {
		return
	}
	defer b.mu.Unlock()
	// The first turn may meet nothing but what was used, the second takes it, the third also takes what is hard to lose.
	turn := b.ring
	for looked := 0; looked < 3*turn && b.hand != nil && b.used.Load() > b.limit; looked++ {
		k := b.hand
		b.hand = k.next
		switch {
		case k.bytes.Load() <= 0:
			b.leave(k)
		case !k.used.Swap(false):
			k.keeper.GiveWay(looked >= 2*turn)
		}
	}
}
