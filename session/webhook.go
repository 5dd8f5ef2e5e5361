package session

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits of webhooks.
const (
	MaxWebhooks        = 100 // beside the one that the settings name
	MaxWebhookURLBytes = 2048
)

// EnvironmentWebhook is the id of the webhook that the settings name.
const EnvironmentWebhook = "environment"

// Webhook is a reader of the feed to which the server sends what it has not got yet.
type Webhook struct {
	ID            string
	URL           string
	Events        []FeedEventKind // those that are sent; empty: all
	SessionPrefix string          // only sessions whose id begins so are told of
	Secret        string          // by which requests are signed, as webhooksign.Secret.Text; empty for EnvironmentWebhook
	Place         int64           // of the feed, up to which everything was taken
	Replays       int64           // how often Place was set from outside
	LastError     string          // why the last request failed; empty where it did not
	FailingSince  *time.Time      // when the first request failed since the last that did not; nil where the last did not
	CreatedAt     time.Time
	Lag           int64 // places of the feed after Place
}

// WebhookProgress is what became of a request. Where Place and Replays are not as they were when it was made, the webhook has
// another reader or begins elsewhere by now, and stays as it is.
type WebhookProgress struct {
	ID      string
	From    int64 // Place as it was
	Replays int64 // as it was
	Place   int64 // up to which everything was taken
	Error   string
}

// WebhookArgs are the arguments of CreateWebhook.
type WebhookArgs struct {
	URL           string
	Events        []FeedEventKind
	SessionPrefix *string
}

// Validate checks the arguments. Plain HTTP is allowed where private is. Errors: BAD_USER_INPUT.
func (a WebhookArgs) Validate(private bool) error {
	if err := ValidWebhookURL("url", a.URL, private); err != nil {
		return err
	}
	for _, kind := range a.Events {
		if !kind.Valid() {
			return Errorf(CodeBadUserInput, "events must be names of events")
		}
	}
	if a.Events != nil && len(a.Events) == 0 {
		return Errorf(CodeBadUserInput, "events must name one at least; leave it out for all")
	}
	if len(a.Events) > len(FeedEventKinds) {
		return Errorf(CodeBadUserInput, "events must name %d at most, but names %d", len(FeedEventKinds), len(a.Events))
	}
	if a.SessionPrefix == nil || *a.SessionPrefix == "" {
		return nil
	}
	return validName("sessionPrefix", *a.SessionPrefix)
}

// ValidWebhookURL checks the URL of a receiver: absolute, https, or http where plain HTTP is allowed, with a host, and without a
// user, a password and a fragment. Errors: BAD_USER_INPUT, which does not quote it.
func ValidWebhookURL(argument, text string, plain bool) error {
	if text == "" || len(text) > MaxWebhookURLBytes {
		return Errorf(CodeBadUserInput, "%s must be 1 to %d bytes, but is %d", argument, MaxWebhookURLBytes, len(text))
	}
	if err := validText(argument, text, MaxWebhookURLBytes); err != nil {
		return err
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return Errorf(CodeBadUserInput, "%s must be an absolute URL, as https://example.com/path", argument)
	case u.User != nil:
		return Errorf(CodeBadUserInput, "%s must have no user and no password in it: requests are signed", argument)
	case u.Fragment != "" || strings.Contains(text, "#"):
		return Errorf(CodeBadUserInput, "%s must have no fragment", argument)
	case plain && u.Scheme != "https" && u.Scheme != "http":
		return Errorf(CodeBadUserInput, "%s must begin with https:// or http://", argument)
	case !plain && u.Scheme != "https":
		return Errorf(CodeBadUserInput, "%s must begin with https://", argument)
	}
	return nil
}

// Wants says whether the webhook is sent an event of this kind. FeedTruncated is always sent, and LogTruncated with events of logs:
// without them a receiver would take what follows for complete.
func (w *Webhook) Wants(kind FeedEventKind) bool {
	logs := slices.Contains(w.Events, EventEntryAdded) || slices.Contains(w.Events, EventEntryChanged)
	return len(w.Events) == 0 || kind == EventFeedTruncated || kind == EventLogTruncated && logs || slices.Contains(w.Events, kind)
}

// Failure is LastError; nil where the last request did not fail.
func (w *Webhook) Failure() *string {
	if w.LastError == "" {
		return nil
	}
	return &w.LastError
}

// TooManyWebhooks is the error for one above MaxWebhooks.
func TooManyWebhooks() *Error {
	return Errorf(CodeRateLimited, "there are %d webhooks, which is as many as there may be; delete one", MaxWebhooks).
		WithReason(ReasonTooManyWebhooks)
}
