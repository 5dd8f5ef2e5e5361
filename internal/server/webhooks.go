package server

import (
	"context"
	"crypto/rand"

	"chattok/webhook"
)

// openWebhooks makes the sender of webhooks.
func (s *server) openWebhooks() {
	named := webhook.Named{URL: s.Webhooks.URL, Secret: s.Webhooks.Secret, Events: s.Webhooks.Events}
	s.webhooks = webhook.New(webhook.Config{Store: s.store, Feed: s.service, Node: rand.Text(), Log: s.Log, Metrics: s.metrics,
		Changed: s.service.WebhooksChanged(), Named: named, Private: s.Webhooks.Private})
	s.metrics.ObserveWebhooks(s.webhooks)
}

// sendWebhooks starts the sender, which begins no request once ctx is done, and returns what ends it and waits for that.
func (s *server) sendWebhooks(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.webhooks.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
