package storetest

import (
	"fmt"
	"slices"
	"sync"

	"chattok/session"
)

// A webhook begins at the feed's end, keeps its settings and its progress, and is deleted once.
func (s *suite) testWebhooks() {
	s.connect("a", "a1")
	end := s.sequence("a")
	wanted := session.Webhook{ID: "one", URL: "https://example.com/", SessionPrefix: "a", Secret: "whsec_x",
		Events: []session.FeedEventKind{session.EventEntryAdded, session.EventSessionDeleted}}
	made, err := s.store.CreateWebhook(s.ctx(), wanted)
	s.ok(err)
	if made.CreatedAt.IsZero() || end == 0 {
		s.Errorf("made at %v, the feed ends at %d", made.CreatedAt, end)
	}
	want := wanted
	want.CreatedAt, want.Place = made.CreatedAt, end
	equal(s, "made", *made, want)
	s.clock.Advance(bit)
	_, err = s.store.CreateWebhook(s.ctx(), session.Webhook{ID: "two", URL: "https://example.com/2", Secret: "whsec_y"})
	s.ok(err)
	all, err := s.store.Webhooks(s.ctx())
	s.ok(err)
	equal(s, "order", []string{all[0].ID, all[1].ID}, []string{"one", "two"})
	equal(s, "listed", *all[0], want)

	s.connect("a", "a2", "a3")
	after := s.sequence("a")
	one, err := s.store.Webhook(s.ctx(), "one")
	s.ok(err)
	equal(s, "lag", one.Lag, after-end)

	was, err := s.store.DeleteWebhook(s.ctx(), "one")
	s.ok(err)
	equal(s, "deleted", was, one)
	for what, err := range map[string]error{"delete": third(s.store.DeleteWebhook(s.ctx(), "one")), "read": third(s.store.Webhook(s.ctx(), "one")),
		"replay": third(s.store.ReplayWebhook(s.ctx(), "one", 0)), "unstorable": third(s.store.Webhook(s.ctx(), "a\x00b"))} {
		s.fails(what, err, session.CodeNotFound, "")
	}
}

func third[T any](_ T, err error) error { return err }

// Progress is stored where the webhook is as the request found it, and not where it was replayed, moved or deleted meanwhile.
func (s *suite) testWebhookProgress() {
	s.connect("a", "a1", "a2", "a3")
	s.sequence("a")
	for _, id := range []string{"one", "two"} {
		_, err := s.store.CreateWebhook(s.ctx(), session.Webhook{ID: id, URL: "https://example.com/"})
		s.ok(err)
	}
	read := func(id string) *session.Webhook {
		s.Helper()
		w, err := s.store.Webhook(s.ctx(), id)
		s.ok(err)
		return w
	}
	update := func(progress ...session.WebhookProgress) {
		s.Helper()
		s.ok(s.store.UpdateWebhooks(s.ctx(), progress))
	}
	one, err := s.store.ReplayWebhook(s.ctx(), "one", 1)
	s.ok(err)
	equal(s, "replayed", []int64{one.Place, one.Replays}, []int64{1, 1})
	two := read("two")

	update(session.WebhookProgress{ID: "two", From: two.Place, Place: two.Place, Error: "status 500"},
		session.WebhookProgress{ID: "one", From: 1, Replays: 1, Place: 3}, session.WebhookProgress{ID: "gone", Place: 5})
	equal(s, "moved", []int64{read("one").Place, read("one").Replays}, []int64{3, 1})
	failing := read("two")
	if failing.LastError != "status 500" || failing.FailingSince == nil || failing.Place != two.Place {
		s.Errorf("%+v", failing)
	}
	s.clock.Advance(bit)
	update(session.WebhookProgress{ID: "two", From: two.Place, Place: two.Place, Error: "status 501"})
	again := read("two")
	if again.LastError != "status 501" || !again.FailingSince.Equal(*failing.FailingSince) {
		s.Errorf("%+v", again)
	}
	update(session.WebhookProgress{ID: "two", From: two.Place, Place: two.Place + 1})
	if w := read("two"); w.LastError != "" || w.FailingSince != nil || w.Place != two.Place+1 {
		s.Errorf("%+v", w)
	}

	update(session.WebhookProgress{ID: "one", From: 2, Replays: 1, Place: 4}) // another node has moved it
	equal(s, "not moved", read("one").Place, int64(3))
	_, err = s.store.ReplayWebhook(s.ctx(), "one", 3)
	s.ok(err)
	update(session.WebhookProgress{ID: "one", From: 3, Replays: 1, Place: 4}) // it was replayed
	equal(s, "not moved", []int64{read("one").Place, read("one").Replays}, []int64{3, 2})
}

// The webhook of the settings keeps its progress when the settings change, and is not counted among the others, of which there are
// MaxWebhooks at most, whoever makes them at the same time.
func (s *suite) testWebhookLimit() {
	s.connect("a", "a1")
	s.sequence("a")
	named := session.Webhook{ID: session.EnvironmentWebhook, URL: "https://example.com/"}
	made, err := s.store.CreateWebhook(s.ctx(), named)
	s.ok(err)
	s.connect("a", "a2")
	s.sequence("a")
	named.URL, named.Events = "https://example.com/other", []session.FeedEventKind{session.EventEntryAdded}
	again, err := s.store.CreateWebhook(s.ctx(), named)
	s.ok(err)
	equal(s, "settings", []any{again.URL, again.Events, again.Place, again.CreatedAt, again.Lag > 0}, []any{named.URL, named.Events, made.Place, made.CreatedAt, true})

	errs := make([]error, session.MaxWebhooks+20)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			_, errs[i] = s.store.CreateWebhook(s.ctx(), session.Webhook{ID: fmt.Sprint("hook ", i), URL: "https://example.com/"})
		})
	}
	all.Wait()
	refused := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	equal(s, "refused", len(refused), 20)
	for _, err := range refused {
		s.fails("one too many", err, session.CodeRateLimited, session.ReasonTooManyWebhooks)
	}
	there, err := s.store.Webhooks(s.ctx())
	s.ok(err)
	equal(s, "there", len(there), session.MaxWebhooks+1)
	_, err = s.store.CreateWebhook(s.ctx(), named)
	s.ok(err)
}
