// Package rates limits how often, and how much, one caller may do. Each connection, each client address and each IPv6 site
// has an account with a token bucket for every Kind; an operation is charged to all accounts of its caller, and refused
// with the time to wait where one of them lacks enough. Accounts belong to one process: nodes do not add up what a caller
// does on each of them.
//
// Enter bounds besides how many operations of a caller, and of all callers, are worked on at once.
package rates

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"chattok/internal/processors"
)

// Accounts are the accounts of the connections and networks that were last active. They are safe for concurrent use.
type Accounts struct {
	connection, client, site [kinds]Rate // rates of one connection, one address, one IPv6 site
	uncharged                *account    // turns of the callers to whom nothing is charged
	works                    [works]chan struct{}

	mu   sync.Mutex
	byID *simplelru.LRU[accountID, *account]
}

// maxAccounts bounds the accounts. The least recently used one is dropped first: its buckets are most likely full again.
const maxAccounts = 1 << 16

// accountID identifies an account by a connection's id or by a network.
type accountID struct {
	connection string
	network    netip.Prefix
}

// account holds what one connection or network has left.
type account struct {
	rates   *[kinds]Rate
	buckets [kinds]atomic.Pointer[rate.Limiter]
	turns   chan struct{} // one element for each operation being worked on; its capacity is their limit
	refused *rate.Limiter // of refusals that are answered

	// Of a network alone; nil for a connection's account.
	writes chan struct{} // one element for each write that waits for the store
	parses chan struct{} // one element for each message that is parsed
	parsed func()        // takes one out of parses; made once, since messages are many
}

// maxWrites is how many writes of one network wait for the store at once: few enough for everybody else's to be in the next commit, and
// enough for an office, whose rate is far below what the store does in groups of so many.
const maxWrites = 64

// An IPv6 client has at least a /64, and a site at most a /48 (RFC 6177).
const (
	clientBits = 64
	siteBits   = 48
	SiteTimes  = 10 // a site's limit is this many times a client's
)

// New returns Accounts under these limits.
func New(limits Limits) *Accounts {
	byID, err := simplelru.NewLRU[accountID, *account](maxAccounts, nil)
	if err != nil {
		panic(err) // for a size below 1
	}
	count := processors.Count()
	a := &Accounts{connection: limits.Rates, byID: byID}
	a.uncharged = newAccount(new([kinds]Rate), count-1)
	a.works[Reading] = make(chan struct{}, max(1, count/2))
	a.works[Executing] = make(chan struct{}, 4*count)
	for k, r := range limits.Rates {
		times := limits.AddressTimes
		if Kind(k) == Connects { // its rate is an address's already
			times = 1
		}
		a.client[k], a.site[k] = r.times(times), r.times(times*SiteTimes)
	}
	return a
}

// Payer returns the payer of a caller with a connection's id, which is "" for a caller without one, and a client address. Nothing is
// charged to a caller that has neither a connection nor an address of Networks, such as a local one; all such callers share their
// turns.
func (a *Accounts) Payer(connection string, address netip.Addr) *Payer {
	p := &Payer{works: &a.works}
	if connection != "" {
		p.accounts = append(p.accounts, a.account(accountID{connection: connection}, &a.connection, processors.Count()/2))
	}
	for i, network := range Networks(address) {
		rates := &a.client
		if i > 0 {
			rates = &a.site
		}
		p.accounts = append(p.accounts, a.account(accountID{network: network}, rates, processors.Count()-1))
	}
	if len(p.accounts) == 0 {
		p.accounts = append(p.accounts, a.uncharged)
	}
	return p
}

// Networks returns the networks that an address is counted by: of an IPv4 address itself, of an IPv6 address its client's
// /64 and its site's /48, and none of a loopback or invalid address.
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

// account returns the account of id, making it where there is none.
func (a *Accounts) account(id accountID, rates *[kinds]Rate, turns int) *account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.byID.Get(id); ok {
		return found
	}
	made := newAccount(rates, turns)
	if id.network.IsValid() {
		made.writes, made.parses = make(chan struct{}, maxWrites), make(chan struct{}, max(1, processors.Count()-1))
		made.parsed = func() { <-made.parses }
	}
	a.byID.Add(id, made)
	return made
}

func newAccount(rates *[kinds]Rate, turns int) *account {
	return &account{rates: rates, turns: make(chan struct{}, max(1, turns)), refused: rate.NewLimiter(refusalRate, refusalRate)}
}

// bucket returns the bucket of a kind, or nil where the kind is unlimited.
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

// Work is a stage of an operation that only so many callers are in at once.
type Work uint8

const (
	Reading   Work = iota // parsing and validating, which use a processor throughout: half of the processors at most
	Executing             // resolving, which may also wait for the store: four times the processors
	works
)

// Payer is the accounts that a caller's operations are charged to. A nil Payer is charged nothing.
type Payer struct {
	accounts []*account
	works    *[works]chan struct{}
}

// Charge is an amount of a kind.
type Charge struct {
	Kind   Kind
	Amount int
}

// Take makes all charges, or none where one is lacking at first; where another call takes the rest meanwhile, the charges before that
// one stay. It returns the kind that is lacking and the time until there is enough; wait is 0 where none is. A charge above a bucket's
// burst counts as the burst.
func (p *Payer) Take(charges []Charge) (lacking Kind, wait time.Duration) {
	if p == nil {
		return 0, 0
	}
	now := time.Now()
	for _, a := range p.accounts {
		for _, charge := range charges {
			if b := a.bucket(charge.Kind); b != nil {
				if wait := until(b, now, min(charge.Amount, b.Burst())); wait > 0 {
					return charge.Kind, wait
				}
			}
		}
	}
	for _, a := range p.accounts {
		for _, charge := range charges {
			if b := a.bucket(charge.Kind); b != nil {
				n := min(charge.Amount, b.Burst())
				if !b.AllowN(now, n) { // another call took it since
					return charge.Kind, max(until(b, now, n), time.Millisecond)
				}
			}
		}
	}
	return 0, 0
}

// until returns the time until the bucket holds n, which is 0 where it does now.
func until(b *rate.Limiter, now time.Time, n int) time.Duration {
	missing := float64(n) - b.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(b.Limit()) * float64(time.Second))
}

// Owes returns the time until the caller's debt of a kind is paid off, which is 0 where it has none.
func (p *Payer) Owes(k Kind) (wait time.Duration) {
	if p == nil {
		return 0
	}
	now := time.Now()
	for _, a := range p.accounts {
		if b := a.bucket(k); b != nil {
			wait = max(wait, until(b, now, 0))
		}
	}
	return wait
}

// Spend charges an amount that has been used already, if need be as a debt, and returns the time until that is paid off.
func (p *Payer) Spend(k Kind, amount int) (wait time.Duration) {
	if p == nil {
		return 0
	}
	now := time.Now()
	for _, a := range p.accounts {
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

// Refusals are answered as fast as a client that heeds them asks. One that doesn't, or a thousand of an address, would keep a processor busy
// with them.
const (
	refusalRate    = 200 // in a second, and at once
	longestRefusal = 5 * time.Second
)

// Refused returns for how long a refusal of the caller is to be delayed.
func (c *Payer) Refused() (wait time.Duration) {
	if c == nil {
		return 0
	}
	now := time.Now()
	for _, a := range c.accounts {
		r := a.refused.ReserveN(now, 1)
		delay := r.DelayFrom(now)
		if delay > longestRefusal {
			r.CancelAt(now)
			delay = longestRefusal
		}
		wait = max(wait, delay)
	}
	return wait
}

// Enter waits for a turn of the caller's own, so that one caller can't occupy every processor before it has been charged,
// and then for one of the turns of all callers for this work, so that many together can't either. The returned function
// ends both turns. The error is the cause of ctx's end, where ctx ends first.
func (p *Payer) Enter(ctx context.Context, work Work) (leave func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	for i, a := range p.accounts {
		select {
		case a.turns <- struct{}{}:
		case <-ctx.Done():
			p.leave(i)
			return nil, context.Cause(ctx)
		}
	}
	select {
	case p.works[work] <- struct{}{}:
	case <-ctx.Done():
		p.leave(len(p.accounts))
		return nil, context.Cause(ctx)
	}
	return func() {
		<-p.works[work]
		p.leave(len(p.accounts))
	}, nil
}

func (p *Payer) leave(entered int) {
	for _, a := range p.accounts[:entered] {
		<-a.turns
	}
}

// BeginWrite waits while as many writes of one of the caller's networks wait for the store as may. EndWrite ends the turn. The error is the
// cause of ctx's end, where ctx ends first.
func (p *Payer) BeginWrite(ctx context.Context) error {
	if p == nil {
		return nil
	}
	for i, a := range p.accounts {
		if a.writes == nil {
			continue
		}
		select {
		case a.writes <- struct{}{}:
		case <-ctx.Done():
			endWrite(p.accounts[:i])
			return context.Cause(ctx)
		}
	}
	return nil
}

// EndWrite ends the turn of a BeginWrite that returned no error.
func (p *Payer) EndWrite() {
	if p != nil {
		endWrite(p.accounts)
	}
}

func endWrite(entered []*account) {
	for _, a := range entered {
		if a.writes != nil {
			<-a.writes
		}
	}
}

// Parse waits for a turn to parse a message, of which a network has one fewer than there are processors: a thousand sockets that have
// messages at the same time would make everybody else wait for all of theirs. The returned function ends the turn. The error is the cause
// of ctx's end, where ctx ends first.
func (p *Payer) Parse(ctx context.Context) (done func(), err error) {
	done = func() {}
	if p == nil {
		return done, nil
	}
	var client *account // the first network; an IPv6 client's site is the second
	for _, a := range p.accounts {
		if a.parses == nil {
			continue
		}
		select {
		case a.parses <- struct{}{}:
		case <-ctx.Done():
			done()
			return nil, context.Cause(ctx)
		}
		if client == nil {
			client, done = a, a.parsed
			continue
		}
		done = func() { a.parsed(); client.parsed() }
	}
	return done, nil
}
