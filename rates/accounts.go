// Package rates limits how often, and how much, one caller may do: by token buckets of a connection, of the address that
// it comes from, and of an IPv6 network. A caller that asks for more is told when to come back. The buckets are this
// process's own: nodes do not add up what a caller does on each.
package rates

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// Accounts has an account for each connection and network that did something of late.
type Accounts struct {
	connection, client, site [kinds]Rate // of one of each
	nobody                   *account    // of callers that are not counted: their turns
	works                    [works]chan struct{}

	mu   sync.Mutex
	byID *simplelru.LRU[accountID, *account]
}

// maxAccounts bounds how many accounts there are. The one that is forgotten is the one that was used longest ago, whose
// buckets are most likely full.
const maxAccounts = 1 << 16

// accountID is a connection's id, or a network.
type accountID struct {
	connection string
	network    netip.Prefix
}

// account is what one connection, or one network, has left.
type account struct {
	rates   *[kinds]Rate
	buckets [kinds]atomic.Pointer[rate.Limiter]
	turns   chan struct{} // has room for as many operations as may be worked on at once
}

// Parts of an IPv6 address: one client has a /64 at least, and one site a /48 (RFC 6177).
const (
	clientBits = 64
	siteBits   = 48
	SiteTimes  = 10 // how many times what a client may have a site may
)

// New returns Accounts under these limits.
func New(limits Limits) *Accounts {
	byID, err := simplelru.NewLRU[accountID, *account](maxAccounts, nil)
	if err != nil {
		panic(err) // for a size below 1
	}
	processors := runtime.GOMAXPROCS(0)
	a := &Accounts{connection: limits.Rates, byID: byID}
	a.nobody = newAccount(new([kinds]Rate), processors-1)
	a.works[Reading] = make(chan struct{}, max(1, processors/2))
	a.works[Executing] = make(chan struct{}, 4*processors)
	for k, r := range limits.Rates {
		times := limits.Address
		if Kind(k) == Connects { // which only addresses do
			times = 1
		}
		a.client[k], a.site[k] = r.times(times), r.times(times*SiteTimes)
	}
	return a
}

// Caller returns whom operations of a connection are charged to; of a caller that is none, connection is "". Nothing is
// charged to one that is neither a connection nor has an address that counts, as those of this machine don't; but all such
// callers take their turns together.
func (a *Accounts) Caller(connection string, address netip.Addr) *Caller {
	c := &Caller{works: &a.works}
	if connection != "" {
		c.accounts = append(c.accounts, a.account(accountID{connection: connection}, &a.connection, runtime.GOMAXPROCS(0)/2))
	}
	for i, network := range Networks(address) {
		rates := &a.client
		if i > 0 {
			rates = &a.site
		}
		c.accounts = append(c.accounts, a.account(accountID{network: network}, rates, runtime.GOMAXPROCS(0)-1))
	}
	if len(c.accounts) == 0 {
		c.accounts = append(c.accounts, a.nobody)
	}
	return c
}

// Networks returns what of an address is counted: all of an IPv4 address; of an IPv6 one the client's network and its
// site's; nothing of an address of this machine or one that is not known.
func Networks(address netip.Addr) []netip.Prefix {
	address = address.Unmap().WithZone("")
	switch {
	case !address.IsValid() || address.IsLoopback():
		return nil
	case address.Is4():
		return []netip.Prefix{netip.PrefixFrom(address, 32)}
	}
	return []netip.Prefix{netip.PrefixFrom(address, clientBits).Masked(), netip.PrefixFrom(address, siteBits).Masked()}
}

// account returns the account, which is made where there is none.
func (a *Accounts) account(id accountID, rates *[kinds]Rate, turns int) *account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.byID.Get(id); ok {
		return found
	}
	made := newAccount(rates, turns)
	a.byID.Add(id, made)
	return made
}

func newAccount(rates *[kinds]Rate, turns int) *account {
	return &account{rates: rates, turns: make(chan struct{}, max(1, turns))}
}

// bucket returns the bucket of a kind; nil where there is no limit.
func (a *account) bucket(k Kind) *rate.Limiter {
	if b := a.buckets[k].Load(); b != nil {
		return b
	}
	if a.rates[k].Unlimited() {
		return nil
	}
	a.buckets[k].CompareAndSwap(nil, a.rates[k].limiter())
	return a.buckets[k].Load()
}

// Work is something that is done for few callers at once.
type Work uint8

const (
	Reading   Work = iota // of what only takes the processor: on half of them at most
	Executing             // of what may wait for the store too
	works
)

// Caller is whom operations are charged to. Its methods may be called on nil, to which nothing is charged.
type Caller struct {
	accounts []*account
	works    *[works]chan struct{}
}

// Charge is so much of a kind.
type Charge struct {
	Kind   Kind
	Amount int
}

// Take charges all, or nothing and says of what kind there is too little, and when there will be enough. More than the
// bucket holds is taken from a full one.
func (c *Caller) Take(charges []Charge) (lacking Kind, wait time.Duration) {
	if c == nil {
		return 0, 0
	}
	now := time.Now()
	for _, a := range c.accounts {
		for _, charge := range charges {
			if b := a.bucket(charge.Kind); b != nil {
				if wait := until(b, now, min(charge.Amount, b.Burst())); wait > 0 {
					return charge.Kind, wait
				}
			}
		}
	}
	for _, a := range c.accounts {
		for _, charge := range charges {
			if b := a.bucket(charge.Kind); b != nil {
				n := min(charge.Amount, b.Burst())
				if !b.AllowN(now, n) { // somebody was quicker
					return charge.Kind, max(until(b, now, n), time.Millisecond)
				}
			}
		}
	}
	return 0, 0
}

// until is for how long the bucket has less than n; 0 where it has as much.
func until(b *rate.Limiter, now time.Time, n int) time.Duration {
	missing := float64(n) - b.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(b.Limit()) * float64(time.Second))
}

// Owes is for how long the caller has used more of a kind than there was; 0 where it has not.
func (c *Caller) Owes(k Kind) (wait time.Duration) {
	if c == nil {
		return 0
	}
	now := time.Now()
	for _, a := range c.accounts {
		if b := a.bucket(k); b != nil {
			wait = max(wait, until(b, now, 0))
		}
	}
	return wait
}

// Spend charges what has been used already, and returns for how long the caller owes it.
func (c *Caller) Spend(k Kind, amount int) (wait time.Duration) {
	if c == nil {
		return 0
	}
	now := time.Now()
	for _, a := range c.accounts {
		b := a.bucket(k)
		if b == nil {
			continue
		}
		if n := min(amount, b.Burst()); !b.AllowN(now, n) {
			wait = max(wait, b.ReserveN(now, n).DelayFrom(now))
		}
	}
	return wait
}

// Enter waits for the caller's turn to be worked for, so that it can't take all processors before its debt is known, and
// then for a turn among all callers' for this work, so that many can't either. It returns what ends the turn. Errors: ctx's,
// where that ends first.
func (c *Caller) Enter(ctx context.Context, work Work) (leave func(), err error) {
	if c == nil {
		return func() {}, nil
	}
	for i, a := range c.accounts {
		select {
		case a.turns <- struct{}{}:
		case <-ctx.Done():
			c.leave(i)
			return nil, context.Cause(ctx)
		}
	}
	select {
	case c.works[work] <- struct{}{}:
	case <-ctx.Done():
		c.leave(len(c.accounts))
		return nil, context.Cause(ctx)
	}
	return func() {
		<-c.works[work]
		c.leave(len(c.accounts))
	}, nil
}

func (c *Caller) leave(entered int) {
	for _, a := range c.accounts[:entered] {
		<-a.turns
	}
}
