package webhook

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"chattok/internal/backoff"
	"chattok/internal/outbound"
	"chattok/internal/sequence"
	"chattok/internal/webhooksign"
	"chattok/session"
)

// Store is what a Sender needs of a session.Store.
type Store interface {
	HoldLease(ctx context.Context, name, node string, length time.Duration) (held bool, err error)
	Webhooks(ctx context.Context) ([]*session.Webhook, error)
	Webhook(ctx context.Context, id string) (*session.Webhook, error)
	CreateWebhook(ctx context.Context, w session.Webhook) (*session.Webhook, error)
	DeleteWebhook(ctx context.Context, id string) (*session.Webhook, error)
	UpdateWebhooks(ctx context.Context, progress []session.WebhookProgress) error
}

// Feed is what a Sender needs of a session.Service.
type Feed interface {
	FollowFeedFrom(ctx context.Context, place int64, prefix string) (*sequence.Follower[*session.FeedEvent], error)
	FeedCursor(place int64) string
}

// Metrics counts what a Sender does. Its methods must not block.
type Metrics interface {
	WebhookSent(events int) // one request that was taken
	WebhookFailed()         // one request that was not
}

// Named is the webhook that the settings name; without a URL there is none.
type Named struct {
	URL    string
	Secret webhooksign.Secret
	Events []session.FeedEventKind // nil: all
}

// Config has the parts and the settings of a Sender.
type Config struct {
	Store   Store
	Feed    Feed
	Node    string // a name that no other node has
	Log     *slog.Logger
	Metrics Metrics
	Changed <-chan struct{} // told of changes of the webhooks on this node
	Named   Named
	Private bool // receivers may have addresses that are not public; the Named one always may

	Lease   time.Duration   // how long another node waits after this one was last heard of; zero: 10 s
	Retry   backoff.Backoff // between a request that failed and the next; zero: 1 s to 10 min
	Timeout time.Duration   // of a request; zero: outbound.DefaultTimeout
}

const (
	leaseName  = "webhooks"
	renewals   = 5               // looks at the webhooks in the time of a lease, each of which renews it
	noteEvery  = time.Second     // how often the place is stored while nothing has to be sent
	stopAfter  = 3 * time.Second // for the requests under way when the Sender ends
	batchLimit = session.MaxWebhooks + 1
)

// Sender sends the events of all webhooks while its node holds the lease.
type Sender struct {
	cfg      Config
	public   *outbound.Client
	private  *outbound.Client
	progress *progress

	heldUntil time.Time // when the lease runs out, by this node's clock

	mu      sync.Mutex // held while workers begin and end, so that Stats can count them
	workers map[string]*worker
}

// New returns a Sender that works while Run does.
func New(cfg Config) *Sender {
	if cfg.Lease == 0 {
		cfg.Lease = 10 * time.Second
	}
	if cfg.Retry == (backoff.Backoff{}) {
		cfg.Retry = backoff.Backoff{First: time.Second, Longest: 10 * time.Minute}
	}
	return &Sender{cfg: cfg, workers: make(map[string]*worker), progress: newProgress(cfg.Store),
		public:  outbound.New(outbound.Config{Private: cfg.Private, Timeout: cfg.Timeout}),
		private: outbound.New(outbound.Config{Private: true, Timeout: cfg.Timeout})}
}

// Run sends until ctx is done, and returns when all that it began has ended and every answer is stored. It may be called once.
func (s *Sender) Run(ctx context.Context) {
	var noting sync.WaitGroup
	noting.Go(s.progress.run)
	ticker := time.NewTicker(s.cfg.Lease / renewals)
	defer ticker.Stop()
	for ctx.Err() == nil {
		s.look(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-s.cfg.Changed:
		}
	}
	s.stopAll(stopAfter)
	s.progress.close()
	noting.Wait()
	if time.Now().Before(s.heldUntil) {
		if _, err := s.cfg.Store.HoldLease(context.WithoutCancel(ctx), leaseName, s.cfg.Node, 0); err != nil {
			s.cfg.Log.Warn("the lease of webhooks is not given up; another node takes over when it has run out", "error", err)
		}
	}
	s.public.Close()
	s.private.Close()
}

// look renews the lease where there are webhooks, and begins and ends workers so that each webhook has one.
func (s *Sender) look(ctx context.Context) {
	webhooks, err := s.hold(ctx)
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("webhooks can't be looked after; trying again", "error", err)
	}
	if !time.Now().Before(s.heldUntil) {
		s.stopAll(0)
		return
	}
	if err == nil {
		s.match(webhooks)
	}
}

// hold takes or renews the lease and returns the webhooks. A node without webhooks needs no lease.
func (s *Sender) hold(ctx context.Context) ([]*session.Webhook, error) {
	webhooks, err := s.cfg.Store.Webhooks(ctx)
	if err != nil || len(webhooks) == 0 && s.cfg.Named.URL == "" {
		return nil, err
	}
	begun := time.Now()
	held, err := s.cfg.Store.HoldLease(ctx, leaseName, s.cfg.Node, s.cfg.Lease)
	if err != nil {
		return nil, err
	}
	if !held {
		s.heldUntil = time.Time{}
		return nil, nil
	}
	s.heldUntil = begun.Add(s.cfg.Lease)
	if made, err := s.keepNamed(ctx, webhooks); err != nil || !made {
		return webhooks, err
	}
	return s.cfg.Store.Webhooks(ctx)
}

// keepNamed stores the webhook that the settings name, where the store does not have it as they say.
func (s *Sender) keepNamed(ctx context.Context, webhooks []*session.Webhook) (made bool, err error) {
	if s.cfg.Named.URL == "" {
		return false, nil
	}
	named := s.cfg.Named
	for _, w := range webhooks {
		if w.ID == session.EnvironmentWebhook && w.URL == named.URL && slices.Equal(w.Events, named.Events) {
			return false, nil
		}
	}
	_, err = s.cfg.Store.CreateWebhook(ctx, session.Webhook{ID: session.EnvironmentWebhook, URL: named.URL, Events: named.Events})
	return err == nil, err
}

// match ends the workers of webhooks that are no more, begins those of new ones, and wakes those whose place was set.
func (s *Sender) match(webhooks []*session.Webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := make(map[string]bool, len(webhooks))
	for _, w := range webhooks {
		if w.ID == session.EnvironmentWebhook && s.cfg.Named.URL == "" {
			continue // which the settings of this node do not name any more
		}
		there[w.ID] = true
		known := s.workers[w.ID]
		if known == nil || known.ended() {
			s.workers[w.ID] = s.begin(w)
		} else if known.replays.Load() != w.Replays {
			known.kick()
		}
	}
	for id, w := range s.workers {
		if !there[id] {
			w.abort()
			<-w.done
			delete(s.workers, id)
		}
	}
}

// stopAll ends all workers, and aborts their requests after a time.
func (s *Sender) stopAll(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.workers {
		w.stop()
	}
	late := time.NewTimer(after)
	defer late.Stop()
	for id, w := range s.workers {
		select {
		case <-w.done:
		case <-late.C:
			late.Reset(0)
			w.abort()
			<-w.done
		}
		delete(s.workers, id)
	}
}
