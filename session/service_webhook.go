package session

import (
	"context"

	"chattok/internal/webhooksign"
)

// CreateWebhook makes a webhook that is sent the events of all sessions from now on, with a new secret. Errors: UNAUTHENTICATED,
// FORBIDDEN; BAD_USER_INPUT; RATE_LIMITED with ReasonTooManyWebhooks; UNAVAILABLE.
func (s *Service) CreateWebhook(ctx context.Context, c Caller, a WebhookArgs) (*Webhook, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if err := a.Validate(s.cfg.WebhookPrivate); err != nil {
		return nil, err
	}
	w := Webhook{ID: newID(), URL: a.URL, Events: a.Events, Secret: webhooksign.NewSecret().Text()}
	if a.SessionPrefix != nil {
		w.SessionPrefix = *a.SessionPrefix
	}
	made, err := s.cfg.Store.CreateWebhook(ctx, w)
	if err == nil {
		s.webhooksChanged.tell()
	}
	return made, err
}

// Webhooks returns all webhooks, oldest first. Errors: UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) Webhooks(ctx context.Context, c Caller) ([]*Webhook, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	return s.cfg.Store.Webhooks(ctx)
}

// DeleteWebhook ends a webhook, and returns it as it was. A request that is under way on another node may still arrive. Errors:
// UNAUTHENTICATED, FORBIDDEN, NOT_FOUND; BAD_USER_INPUT for the one that the settings name; UNAVAILABLE.
func (s *Service) DeleteWebhook(ctx context.Context, c Caller, id string) (*Webhook, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if id == EnvironmentWebhook && s.cfg.WebhookNamed {
		return nil, Errorf(CodeBadUserInput, "id is the webhook that the server's settings name; it ends with CHATTOK_WEBHOOK")
	}
	was, err := s.cfg.Store.DeleteWebhook(ctx, id)
	if err == nil {
		s.webhooksChanged.tell()
	}
	return was, err
}

// ReplayWebhook makes a webhook go on after a cursor of the feed, at once, and returns it as it is then. Errors: UNAUTHENTICATED,
// FORBIDDEN, NOT_FOUND; BAD_USER_INPUT with ReasonCursorMismatch; UNAVAILABLE.
func (s *Service) ReplayWebhook(ctx context.Context, c Caller, id, after string) (*Webhook, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	place, err := s.placeInFeed(ctx, "after", after)
	if err != nil {
		return nil, err
	}
	w, err := s.cfg.Store.ReplayWebhook(ctx, id, place)
	if err == nil {
		s.webhooksChanged.tell()
	}
	return w, err
}

// WebhooksChanged returns a channel that gets a value after changes of the webhooks on this node. It has one reader.
func (s *Service) WebhooksChanged() <-chan struct{} { return s.webhooksChanged }
