package config

import (
	"flag"
	"fmt"
	"slices"

	"chattok/internal/webhooksign"
	"chattok/session"
)

// WebhookSecretVariable names the environment variable of the secret of the webhook that the settings name. There is no such flag:
// everybody on the machine could read it in the list of processes.
const WebhookSecretVariable = "CHATTOK_WEBHOOK_SECRET"

// Webhooks says to which receivers events are sent.
type Webhooks struct {
	URL     string // of the one that the settings name; none where empty
	Secret  webhooksign.Secret
	Events  []session.FeedEventKind // of that one; nil for all
	Private bool                    // webhooks of the API may have receivers that are not on the public internet

	secret, events string
}

func (w *Webhooks) flags(f *flag.FlagSet) {
	f.StringVar(&w.URL, "webhook", "", "`url` to which the events of all sessions are sent, beside the webhooks that the API makes; it needs "+WebhookSecretVariable)
	f.StringVar(&w.events, "webhook-events", "", "`kinds` of events that are sent to -webhook, separated by commas, as ENTRY_ADDED,ENTRY_CHANGED; all where it is not set")
	BoolVar(f, &w.Private, "webhook-private", false, "let webhooks of the API have receivers on this machine and in private networks, and over plain HTTP")
}

// validate reads the settings into URL, Secret and Events.
func (w *Webhooks) validate() (err error) {
	if w.URL == "" {
		if w.secret != "" || w.events != "" {
			return fmt.Errorf("%w: %s and -webhook-events need -webhook", ErrUsage, WebhookSecretVariable)
		}
		return nil
	}
	if err := session.ValidWebhookURL("-webhook", w.URL, true); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if w.secret == "" {
		return fmt.Errorf("%w: -webhook needs %s, the secret that its requests are signed with: whsec_ and base64 of 24 to 64 bytes", ErrUsage, WebhookSecretVariable)
	}
	if w.Secret, err = webhooksign.Parse(w.secret); err != nil {
		return fmt.Errorf("%w: %s %w", ErrUsage, WebhookSecretVariable, err)
	}
	for _, name := range List(w.events) {
		kind := session.FeedEventKind(name)
		if !kind.Valid() {
			return fmt.Errorf("%w: -webhook-events: %q is no kind of event, such as ENTRY_ADDED", ErrUsage, name)
		}
		if !slices.Contains(w.Events, kind) {
			w.Events = append(w.Events, kind)
		}
	}
	return nil
}
