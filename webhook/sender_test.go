package webhook

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/internal/webhooksign"
	"chattok/session"
)

// TestSends: a receiver gets all entries from its webhook's creation on, in order and once, in requests of 100 at most.
func TestSends(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	if _, err := w.service.AddChatEntry(t.Context(), guest, session.EntryArgs{ConnectionID: pointer("alice"), Body: "before"}); err != nil {
		t.Fatal(err)
	}
	s, _ := w.send(nil)
	await.True(t, "the entry before comes to the feed, after the session's creation", func() bool {
		end, err := w.service.FeedEnd(t.Context())
		return err == nil && end.Place >= 2
	})
	hook := w.create(r)
	w.post(250)
	r.expect(250)
	w.await("all is noted", hook.ID, well)
	if st := s.Stats(); st != (Stats{Webhooks: 1}) {
		t.Errorf("%+v", st)
	}
	if strings.Contains(w.log.String(), strings.TrimPrefix(hook.Secret, "whsec_")) {
		t.Error("the secret is in the log")
	}
}

// TestReceivers: each kind of failure is told in words of the server's own, all comes later, in order and once, and another webhook
// is not delayed.
func TestReceivers(t *testing.T) {
	const word = "hunter2"
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, q *http.Request) (took bool)
		want   string
	}{
		"status 500": {func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, word, http.StatusInternalServerError)
			return false
		}, "the answer's status is 500"},
		"redirect": {func(w http.ResponseWriter, q *http.Request) bool {
			http.Redirect(w, q, "/"+word, http.StatusPermanentRedirect)
			return false
		}, "the answer is a redirect (status 308), which is not followed"},
		"hangs": {func(w http.ResponseWriter, q *http.Request) bool {
			hang(w, q)
			return false
		}, "no answer within 250ms"},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) bool {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = conn.Write([]byte(word + "\r\n\r\n"))
				_ = conn.Close()
			}
			return false
		}, "the answer is no HTTP, or it ended early"},
		"closes": {func(w http.ResponseWriter, _ *http.Request) bool {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
			return false
		}, "the connection was closed before the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			w, failing, other := newWorld(t), newReceiver(t), newReceiver(t)
			failing.answers(c.answer)
			s, _ := w.send(func(cfg *Config) { cfg.Timeout = 250 * time.Millisecond })
			bad, good := w.create(failing), w.create(other)
			w.post(150)
			other.expect(150)
			w.await("the failure is told", bad.ID, func(h *session.Webhook) bool { return h.LastError != "" })
			h := w.webhook(bad.ID)
			if h.LastError != c.want || h.FailingSince == nil || h.Lag < 150 {
				t.Errorf("%q, failing since %v, lag %d", h.LastError, h.FailingSince, h.Lag)
			}
			w.await("the other is well", good.ID, well)
			since := *h.FailingSince
			asked := failing.asked.Load()
			await.True(t, "it is tried again and again", func() bool { return failing.asked.Load() >= asked+2 })
			if again := w.webhook(bad.ID); again.FailingSince == nil || !again.FailingSince.Equal(since) {
				t.Errorf("failing since %v, then %v", since, again.FailingSince)
			}
			if st := s.Stats(); st.Failing != 1 || st.Lag < 150 {
				t.Errorf("%+v", st)
			}
			failing.answers(nil)
			failing.expect(150)
			w.await("it is well again", bad.ID, well)
			first := failing.took[0].id
			if slices.ContainsFunc(failing.refused, func(id string) bool { return id != first }) || first == failing.took[1].id {
				t.Errorf("the first message is %s, and was %v before", first, failing.refused)
			}
			if strings.Contains(w.log.String(), word) {
				t.Error("the log quotes the answer")
			}
		})
	}
}

// TestSlowAndLarge: receivers that take their time, and that answer with more than anybody reads, get all, and others get all
// meanwhile.
func TestSlowAndLarge(t *testing.T) {
	w, slow, large, other := newWorld(t), newReceiver(t), newReceiver(t), newReceiver(t)
	goOn := make(chan struct{})
	slow.answers(func(http.ResponseWriter, *http.Request) bool {
		<-goOn
		return true
	})
	large.answers(func(rw http.ResponseWriter, _ *http.Request) bool {
		chunk := make([]byte, 1<<20)
		for n := range 1024 {
			if _, err := rw.Write(chunk); err != nil {
				return true
			}
			if n == 1023 {
				t.Error("the sender read a gigabyte")
			}
		}
		return true
	})
	w.send(nil)
	w.create(slow)
	w.create(large)
	w.create(other)
	w.post(300)
	other.expect(300)
	large.expect(300)
	if n := len(slow.events()); n != 0 {
		t.Errorf("%d events were taken", n)
	}
	close(goOn)
	slow.expect(300)
}

// TestAway: a receiver that is away when the events come, over a restart of the server too, gets all of them when it is back.
func TestAway(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, stop := w.send(nil)
	made, err := w.service.CreateWebhook(t.Context(), operator, session.WebhookArgs{URL: "http://" + address + "/", Events: []session.FeedEventKind{session.EventEntryAdded}})
	if err != nil {
		t.Fatal(err)
	}
	r.secret.Store(&made.Secret)
	w.post(120)
	w.await("it is away", made.ID, func(h *session.Webhook) bool { return h.LastError == "the host refuses connections" })
	stop()
	w.post(130)
	_, stop = w.send(nil)
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(r.serve)}}
	server.Start()
	defer server.Close()
	r.expect(250)
	stop()
}

// TestSelects: a webhook gets the kinds and the sessions that it names, and goes on past all others.
func TestSelects(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	w.send(nil)
	prefix := "room."
	made, err := w.service.CreateWebhook(t.Context(), operator, session.WebhookArgs{URL: r.url(), SessionPrefix: &prefix,
		Events: []session.FeedEventKind{session.EventConnectionCreated, session.EventSessionCreated}})
	if err != nil {
		t.Fatal(err)
	}
	r.secret.Store(&made.Secret)
	w.post(200) // in the lobby, of which it wants nothing
	for _, id := range []string{"room.1", "other.1", "room.2"} {
		if _, _, err := w.service.Connect(t.Context(), session.ConnectArgs{SessionID: &id}); err != nil {
			t.Fatal(err)
		}
	}
	w.await("it has everything", made.ID, func(h *session.Webhook) bool { return well(h) && len(r.events()) >= 4 })
	var got []string
	for _, e := range r.events() {
		got = append(got, fmt.Sprint(e["sessionId"], " ", e["type"]))
	}
	slices.Sort(got)
	want := []string{"room.1 ConnectionCreated", "room.1 SessionCreated", "room.2 ConnectionCreated", "room.2 SessionCreated"}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// TestGone: a receiver that answers with 410 gets no more, unless the settings name it.
func TestGone(t *testing.T) {
	w, r, named := newWorld(t), newReceiver(t), newReceiver(t)
	gone := func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusGone)
		return false
	}
	r.answers(gone)
	named.answers(gone)
	secret := webhooksign.NewSecret()
	text := secret.Text()
	named.secret.Store(&text)
	w.send(func(cfg *Config) {
		cfg.Named = Named{URL: named.url(), Secret: secret, Events: []session.FeedEventKind{session.EventEntryAdded}}
	})
	w.await("the webhook of the settings is there", session.EnvironmentWebhook, func(h *session.Webhook) bool { return h != nil })
	made := w.create(r)
	w.post(1)
	w.await("the webhook ends", made.ID, func(h *session.Webhook) bool { return h == nil })
	await.True(t, "its handler has ended", func() bool { return r.asked.Load() > 0 })
	if n := r.asked.Load(); n != 1 {
		t.Errorf("%d requests came", n)
	}
	w.await("the one of the settings fails", session.EnvironmentWebhook, func(h *session.Webhook) bool { return h.LastError == "the answer's status is 410" })
	named.answers(nil)
	named.expect(1)
	w.await("and is well again", session.EnvironmentWebhook, well)
	if h := w.webhook(session.EnvironmentWebhook); h.Secret != "" {
		t.Error("the secret of the settings is stored")
	}
}

// TestPrivate: without leave a webhook of the API reaches no private address, and the one that the settings name does.
func TestPrivate(t *testing.T) {
	w, r, named := newWorld(t), newReceiver(t), newReceiver(t)
	secret := webhooksign.NewSecret()
	text := secret.Text()
	named.secret.Store(&text)
	w.send(func(cfg *Config) {
		cfg.Private = false
		cfg.Named = Named{URL: named.url(), Secret: secret, Events: []session.FeedEventKind{session.EventEntryAdded}}
	})
	w.await("the webhook of the settings is there", session.EnvironmentWebhook, func(h *session.Webhook) bool { return h != nil })
	made := w.create(r)
	w.post(3)
	named.expect(3)
	w.await("the other fails", made.ID, func(h *session.Webhook) bool {
		return h.LastError == "the host's address is not on the public internet"
	})
	if n := r.asked.Load(); n != 0 {
		t.Errorf("%d requests came", n)
	}
}

// TestReplay: after a replay events come again with the ids that they had, also while requests fail.
func TestReplay(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	w.send(func(cfg *Config) { cfg.Retry.First, cfg.Retry.Longest = time.Hour, time.Hour })
	made := w.create(r)
	w.post(30)
	r.expect(30)
	w.await("all is noted", made.ID, well)
	before := r.events()
	after := before[9]["cursor"].(string)
	if _, err := w.service.ReplayWebhook(t.Context(), operator, made.ID, after); err != nil {
		t.Fatal(err)
	}
	await.True(t, "they come again", func() bool { return len(r.events()) >= 50 })
	for i, e := range r.events()[30:] {
		if e["id"] != before[10+i]["id"] || e["cursor"] != before[10+i]["cursor"] {
			t.Fatalf("%v comes in place of %v", e, before[10+i])
		}
	}
	r.answers(func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusServiceUnavailable)
		return false
	})
	w.post(1)
	w.await("it fails", made.ID, func(h *session.Webhook) bool { return h.LastError != "" })
	r.answers(nil)
	if _, err := w.service.ReplayWebhook(t.Context(), operator, made.ID, before[29]["cursor"].(string)); err != nil {
		t.Fatal(err)
	}
	await.True(t, "it does not wait for an hour", func() bool { return len(r.events()) == 51 })
	if _, err := w.service.ReplayWebhook(t.Context(), operator, made.ID, "0"); err != nil {
		t.Fatal(err)
	}
	await.True(t, "all comes again", func() bool { return len(r.events()) >= 51+31 })
	for cursor, code := range map[string]session.Code{"nonsense": session.CodeBadUserInput, w.service.FeedCursor(1 << 40): session.CodeBadUserInput} {
		if _, err := w.service.ReplayWebhook(t.Context(), operator, made.ID, cursor); session.CodeOf(err) != code {
			t.Errorf("%s: %v", cursor, err)
		}
	}
	if _, err := w.service.ReplayWebhook(t.Context(), operator, "nothing-has-this-id", "0"); session.CodeOf(err) != session.CodeNotFound {
		t.Errorf("%v", err)
	}
}

// TestDeletedText: a text that is deleted between two tries is not sent any more.
func TestDeletedText(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	r.answers(func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusInternalServerError)
		return false
	})
	w.send(nil)
	made := w.create(r, session.EventEntryAdded, session.EventEntryChanged)
	session1 := "room"
	c, _, err := w.service.Connect(t.Context(), session.ConnectArgs{SessionID: &session1})
	if err != nil {
		t.Fatal(err)
	}
	me := session.Caller{Kind: session.Member, SessionID: session1, Connection: c}
	e, err := w.service.AddChatEntry(t.Context(), me, session.EntryArgs{ConnectionID: &c.ID, Body: "a secret"})
	if err != nil {
		t.Fatal(err)
	}
	w.await("it was tried", made.ID, func(h *session.Webhook) bool { return h.LastError != "" })
	if _, err := w.service.DeleteChatEntry(t.Context(), me, e.ID()); err != nil {
		t.Fatal(err)
	}
	asked := r.asked.Load()
	await.True(t, "it is tried once more", func() bool { return r.asked.Load() > asked+1 })
	r.answers(nil)
	await.True(t, "both events come", func() bool { return len(r.events()) >= 2 })
	if got := r.bodies(); !slices.Equal(got, []string{"", ""}) {
		t.Errorf("%q", got)
	}
}

// TestDeletion: a webhook that is deleted while a request is under way ends that request and makes no other.
func TestDeletion(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	arrived, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	r.answers(func(rw http.ResponseWriter, q *http.Request) bool {
		arrived <- struct{}{}
		hang(rw, q)
		ended <- struct{}{}
		return false
	})
	s, _ := w.send(nil)
	made := w.create(r)
	w.post(1)
	await.Value(t, "a request comes", arrived)
	if was, err := w.service.DeleteWebhook(t.Context(), operator, made.ID); err != nil || was.ID != made.ID {
		t.Fatalf("%+v, %v", was, err)
	}
	await.Value(t, "it is ended", ended)
	w.post(1)
	await.True(t, "nothing is sent to it", func() bool { return s.Stats().Webhooks == 0 })
	await.True(t, "its handler has ended", func() bool { return r.asked.Load() > 0 })
	if n := r.asked.Load(); n != 1 {
		t.Errorf("%d requests came", n)
	}
	if _, err := w.service.DeleteWebhook(t.Context(), operator, made.ID); session.CodeOf(err) != session.CodeNotFound {
		t.Errorf("%v", err)
	}
}

// TestShutdown: a sender that ends lets the request under way be answered, notes it, and gives the lease to another node at once.
func TestShutdown(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	arrived, answer := make(chan struct{}, 1), make(chan struct{})
	r.answers(func(http.ResponseWriter, *http.Request) bool {
		arrived <- struct{}{}
		<-answer
		return true
	})
	_, stop := w.send(nil)
	made := w.create(r)
	w.post(5)
	await.Value(t, "a request comes", arrived)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	close(answer)
	await.Closed(t, "the sender has ended", stopped)
	taken := len(r.events())
	if taken == 0 {
		t.Error("the request under way was not answered")
	}
	if h := w.webhook(made.ID); h.LastError != "" || h.Place == made.Place {
		t.Errorf("%+v", h)
	}
	r.answers(nil)
	w.send(nil)
	r.expect(5)
}

// TestShutdownHangs: a request that hangs does not keep a sender from ending.
func TestShutdownHangs(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	arrived := make(chan struct{}, 1)
	r.answers(func(rw http.ResponseWriter, q *http.Request) bool {
		arrived <- struct{}{}
		hang(rw, q)
		return false
	})
	_, stop := w.send(nil)
	made := w.create(r)
	w.post(5)
	await.Value(t, "a request comes", arrived)
	stop()
	if h := w.webhook(made.ID); h.LastError != "" || h.Place != made.Place {
		t.Errorf("its end is taken for the receiver's failure: %+v", h)
	}
	r.answers(nil)
	w.send(nil)
	r.expect(5)
}

// TestManyThatHang: as many webhooks as there may be, whose receivers all hang, hold a bounded part of large events.
func TestManyThatHang(t *testing.T) {
	const most = 64 << 20
	w := newWorld(t)
	answered := make(chan struct{})
	answer := sync.OnceFunc(func() { close(answered) })
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked.Add(1)
		<-answered
	}))
	t.Cleanup(server.Close)
	t.Cleanup(answer)
	for range session.MaxWebhooks {
		if _, err := w.service.CreateWebhook(t.Context(), operator, session.WebhookArgs{URL: server.URL, Events: []session.FeedEventKind{session.EventEntryAdded}}); err != nil {
			t.Fatal(err)
		}
	}
	large := strings.Repeat("\x01", session.MaxBodyBytes) // JSON needs six bytes for each
	for range 100 {
		if _, err := w.service.AddChatEntry(t.Context(), guest, session.EntryArgs{ConnectionID: pointer("alice"), Body: large}); err != nil {
			t.Fatal(err)
		}
	}
	await.True(t, "all is in the feed", func() bool {
		ids, _, err := w.store.FeedBehind(t.Context(), "", 100)
		return err == nil && len(ids) == 0
	})
	before := liveHeap()
	w.send(nil)
	await.True(t, "all receivers are asked", func() bool { return asked.Load() == session.MaxWebhooks })
	if grown := liveHeap() - before; grown > most {
		t.Errorf("the requests hold %d MiB, and may hold %d", grown>>20, int64(most)>>20)
	}
	answer()
}

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
