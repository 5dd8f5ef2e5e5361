package session

import (
	"crypto/rand"
	"log/slog"
	"time"

	"chattok/internal/budget"
)

// Config has the parts and the settings of a Service.
type Config struct {
	Store Store
	Bus   Bus
	Log   *slog.Logger // nil: discarded
	ICE   ICE          // nil: no ICE servers

	// Reviewer is asked about what people post before it is stored; nil: nobody is. A question that takes ReviewTimeout (zero: 2 s) has
	// failed, and then what was posted is refused, or stored with AllowNotReviewed.
	Reviewer         Reviewer
	AllowNotReviewed bool
	ReviewTimeout    time.Duration
	ReviewLimit      int // drafts that may wait, of which one session may have as many as are left for the others; zero: DefaultReviewLimit
	ReviewBytes      int // of their texts, shared in the same way; zero: DefaultReviewBytes

	// UserKey is the key by which users' ids are derived from the keys that clients keep. It belongs to the database, since
	// another key makes everybody another user; empty: one of this process's own.
	UserKey []byte

	Open  bool          // open mode: connect without a token, and guests in the lobby
	Grace time.Duration // to come back after the last socket closed; zero: 20 s
	Idle  time.Duration // from the last request of a connection without a socket to its end; zero: 10 min

	GroupLimit  int // writes a commit; zero: 256
	QueueLimit  int // writes that may wait; zero: 8192
	SocketLimit int // sockets and streams a connection has open on this node; zero: DefaultSocketLimit

	EditWindow time.Duration // how long after it was stored an entry can be edited; zero: never

	Retention time.Duration // how long entries of sessions without a Retention of their own are kept; zero: as long as the session

	MaxStay time.Duration // from a connection's creation to its end for good; zero: none

	Budget             *budget.Budget // of the memory for caches; nil: one of budget.DefaultBytes
	SessionBytes       int64          // of a session that was made on first use, as quota.go counts them; zero: no bound
	SessionConnections int            // live connections of a session; zero: DefaultSessionConnections
	TokenConnections   int            // live connections of one session token; zero: DefaultTokenConnections
	AddressConnections int            // live connections of one client address; zero: DefaultAddressConnections

	WebhookPrivate bool // webhooks may be plain HTTP
	WebhookNamed   bool // the settings name a webhook, EnvironmentWebhook

	Node    string           // the node's id, which no other node has; empty: a new one
	Tracer  Tracer           // nil: nothing is traced
	Version string           // the server's, told to other nodes
	Load    func() NodeLoad  // what is open on this node, called while Run works; nil: nothing is told
	Samples func() []*Sample // what was measured on this node, oldest first, as a slice of its caller's; nil: nothing

	Lease   time.Duration    // how long a node's sockets keep its connections after it was last heard of; zero: ten ticks, 3 s at least
	Tick    time.Duration    // how often leases and rooms are looked after; zero: 1 s, or less for a short Grace
	Now     func() time.Time // nil: time.Now
	Metrics Metrics          // nil: none
}

// Defaults of the limits.
const (
	DefaultSocketLimit        = 64 // sockets and streams of a connection on a node
	DefaultSessionBytes       = 1 << 30
	DefaultSessionConnections = 100_000
	DefaultTokenConnections   = 1_000
	DefaultAddressConnections = 1_000
)

// Metrics counts the work of a Service. Its methods must not block.
type Metrics interface {
	EntriesCommitted(group int, took time.Duration) // one commit of so many entries
	SignalSent()
	NegotiationSent()
	ConnectionsSwept(n int)
	EntriesRemoved(n int) // that were older than they are kept
	// Reviewed is one question to the Reviewer about so many drafts, some of which were refused. failed drafts got no answer, or were
	// not asked about since they had waited too long: drafts may then be 0.
	Reviewed(drafts, refused, failed int, took time.Duration)
}

type noMetrics struct{}

func (noMetrics) EntriesCommitted(int, time.Duration) {}
func (noMetrics) SignalSent()                         {}
func (noMetrics) NegotiationSent()                    {}
func (noMetrics) ConnectionsSwept(int)                {}
func (noMetrics) EntriesRemoved(int)                  {}

func (noMetrics) Reviewed(int, int, int, time.Duration) {}

// withDefaults returns the Config with its zero fields set.
func (c Config) withDefaults() Config {
	set(&c.Log, slog.New(slog.DiscardHandler))
	set(&c.Grace, 20*time.Second)
	set(&c.Idle, 10*time.Minute)
	set(&c.GroupLimit, 256)
	set(&c.QueueLimit, 8192)
	set(&c.SocketLimit, DefaultSocketLimit)
	set(&c.ReviewTimeout, DefaultReviewTimeout)
	set(&c.ReviewLimit, DefaultReviewLimit)
	set(&c.ReviewBytes, DefaultReviewBytes)
	if len(c.UserKey) == 0 {
		c.UserKey = make([]byte, 32)
		_, _ = rand.Read(c.UserKey) // never fails
	}
	if c.Budget == nil {
		c.Budget = budget.New(0)
	}
	set(&c.SessionConnections, DefaultSessionConnections)
	set(&c.TokenConnections, DefaultTokenConnections)
	set(&c.AddressConnections, DefaultAddressConnections)
	set(&c.Tick, max(10*time.Millisecond, min(time.Second, c.Grace/4)))
	set(&c.Lease, max(10*c.Tick, 3*time.Second))
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Metrics == nil {
		c.Metrics = noMetrics{}
	}
	return c
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
