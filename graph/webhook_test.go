package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"chattok/internal/webhooksign"
	"chattok/session"
)

// TestWebhookAPI: a webhook is made with a secret that is told once, listed as it is, replayed and deleted.
func TestWebhookAPI(t *testing.T) {
	w := newWorld(t, options{})
	type hook struct {
		ID, URL, SessionPrefix string
		Events                 []string
		Lag                    int
		LastError              *string
		FailingSince           *string
		CreatedAt              string
	}
	const fields = `{id url events sessionPrefix lag lastError failingSince createdAt}`
	made := read[struct {
		CreateWebhook struct {
			Webhook hook
			Secret  string
		}
	}](t, w.mustDo(t, testSecret, `mutation{createWebhook(url:"https://example.com/hook",events:[ENTRY_ADDED,SESSION_DELETED],sessionPrefix:"room"){webhook`+fields+` secret}}`, nil)).CreateWebhook
	if _, err := webhooksign.Parse(made.Secret); err != nil {
		t.Errorf("the secret %v", err)
	}
	h := made.Webhook
	if h.ID == "" || h.URL != "https://example.com/hook" || fmt.Sprint(h.Events) != "[ENTRY_ADDED SESSION_DELETED]" || h.SessionPrefix != "room" ||
		h.Lag != 0 || h.LastError != nil || h.FailingSince != nil || h.CreatedAt == "" {
		t.Errorf("%+v", h)
	}
	listed := w.mustDo(t, testSecret, `{webhooks`+fields+`}`, nil)
	if all := read[struct{ Webhooks []hook }](t, listed).Webhooks; len(all) != 1 || fmt.Sprint(all[0].Events) != fmt.Sprint(h.Events) || all[0].ID != h.ID {
		t.Errorf("%+v", all)
	}
	if strings.Contains(string(mustJSON(t, listed)), made.Secret) {
		t.Error("the secret is told again")
	}
	id := map[string]any{"id": h.ID}
	w.mustDo(t, testSecret, `mutation($id:ID!){replayWebhook(id:$id,after:"0"){id lag}}`, id)
	w.mustDo(t, testSecret, `mutation($id:ID!){deleteWebhook(id:$id){id url}}`, id)
	if got := w.code(t, testSecret, `mutation($id:ID!){deleteWebhook(id:$id){id}}`, id); got != missing {
		t.Errorf("deleted twice: %s", got)
	}
	all := read[struct{ CreateWebhook struct{ Webhook hook } }](t, w.mustDo(t, testSecret, `mutation{createWebhook(url:"https://example.com/"){webhook`+fields+`}}`, nil)).CreateWebhook.Webhook
	if all.Events != nil || all.SessionPrefix != "" {
		t.Errorf("%+v", all)
	}
}

// TestWebhookInput: wrong arguments are refused with the argument and its limit.
func TestWebhookInput(t *testing.T) {
	closed, private := newWorld(t, options{}), newWorld(t, options{domain: session.Config{WebhookPrivate: true}})
	long := "https://example.com/" + strings.Repeat("x", session.MaxWebhookURLBytes)
	for _, c := range []struct {
		world     *world
		variables map[string]any
		want      string // "" for none
	}{
		{closed, map[string]any{"u": ""}, "url must be 1 to 2048 bytes"},
		{closed, map[string]any{"u": long}, "url must be 1 to 2048 bytes"},
		{closed, map[string]any{"u": "http://example.com/"}, "url must begin with https://"},
		{private, map[string]any{"u": "http://example.com/"}, ""},
		{private, map[string]any{"u": "ftp://example.com/"}, "url must begin with https://"},
		{private, map[string]any{"u": "/hook"}, "url must be an absolute URL"},
		{private, map[string]any{"u": "https:example.com"}, "url must be an absolute URL"},
		{private, map[string]any{"u": "https:///hook"}, "url must be an absolute URL"},
		{private, map[string]any{"u": "https://exa mple.com/"}, "url must be an absolute URL"},
		{private, map[string]any{"u": "https://me:hunter2@example.com/"}, "url must have no user and no password"},
		{private, map[string]any{"u": "https://example.com/#x"}, "url must have no fragment"},
		{closed, map[string]any{"u": "https://example.com/", "e": []string{}}, "events must name one at least"},
		{closed, map[string]any{"u": "https://example.com/", "p": "a b"}, "sessionPrefix may have only the characters"},
		{closed, map[string]any{"u": "https://example.com/", "p": strings.Repeat("x", 129)}, "sessionPrefix must be 1 to 128 bytes"},
		{closed, map[string]any{"u": "https://example.com/", "p": ""}, ""},
	} {
		_, failures := c.world.do(t, testSecret, `mutation($u:String!,$e:[FeedEventKind!],$p:String){createWebhook(url:$u,events:$e,sessionPrefix:$p){secret}}`, c.variables)
		switch {
		case c.want == "" && len(failures) > 0:
			t.Errorf("%v: %+v", c.variables, failures)
		case c.want != "" && (codeOf(failures) != "BAD_USER_INPUT" || !strings.Contains(failures[0].Message, c.want)):
			t.Errorf("%.80v: %+v, want %s", c.variables, failures, c.want)
		case len(failures) > 0 && strings.Contains(failures[0].Message, "hunter2"):
			t.Errorf("%v: the password is in %q", c.variables, failures[0].Message)
		}
	}
	named := newWorld(t, options{domain: session.Config{WebhookNamed: true}})
	if got := named.code(t, testSecret, `mutation{deleteWebhook(id:"environment"){id}}`, nil); got != "BAD_USER_INPUT" {
		t.Errorf("the webhook of the settings: %s", got)
	}
}
