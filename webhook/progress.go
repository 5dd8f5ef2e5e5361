package webhook

import (
	"context"

	"chattok/internal/groupcommit"
	"chattok/session"
)

// progress stores what became of requests, for several webhooks in one commit.
type progress struct {
	queue *groupcommit.Queue[session.WebhookProgress, error]
}

func newProgress(store Store) *progress {
	return &progress{groupcommit.NewQueue(batchLimit, 2*batchLimit, func(group []session.WebhookProgress) []error {
		err := store.UpdateWebhooks(context.Background(), group) // many workers share the commit
		errs := make([]error, len(group))
		for i := range errs {
			errs[i] = err
		}
		return errs
	})}
}

// run stores until close is called and nothing waits.
func (p *progress) run() { p.queue.Run() }

func (p *progress) close() { p.queue.Close() }

// note stores what became of one request. A worker that is aborted waits for it all the same: the commit is short, and what it
// stores is true.
func (p *progress) note(ctx context.Context, w session.WebhookProgress) error {
	failed, err := p.queue.Do(context.WithoutCancel(ctx), w)
	if err != nil {
		return err
	}
	return failed
}
