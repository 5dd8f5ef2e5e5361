package graph

import (
	"context"

	"chattok/graph/generated"
	"chattok/session"
)

func (r queryResolver) Webhooks(ctx context.Context) ([]*session.Webhook, error) {
	return r.service.Webhooks(ctx, callerOf(ctx))
}

func (r mutationResolver) CreateWebhook(ctx context.Context, url string, events []session.FeedEventKind, sessionPrefix *string) (*generated.WebhookPayload, error) {
	w, err := r.service.CreateWebhook(ctx, callerOf(ctx), session.WebhookArgs{URL: url, Events: events, SessionPrefix: sessionPrefix})
	if err != nil {
		return nil, err
	}
	return &generated.WebhookPayload{Webhook: w, Secret: w.Secret}, nil
}

func (r mutationResolver) DeleteWebhook(ctx context.Context, id string) (*session.Webhook, error) {
	return r.service.DeleteWebhook(ctx, callerOf(ctx), id)
}

func (r mutationResolver) ReplayWebhook(ctx context.Context, id, after string) (*session.Webhook, error) {
	return r.service.ReplayWebhook(ctx, callerOf(ctx), id, after)
}
