package webhook

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chattok/bus"
	"chattok/db"
	"chattok/internal/await"
	"chattok/internal/backoff"
	"chattok/internal/pgtest"
	"chattok/session"
)

func TestMain(m *testing.M) {
	code := pgtest.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}

var (
	operator = session.Caller{Kind: session.Operator}
	guest    = session.Caller{Kind: session.Guest, SessionID: session.Lobby}
)

// world is a node without an edge: a store, the domain and a sender.
type world struct {
	*testing.T
	store   *db.Store
	service *session.Service
	log     *lockedBuffer
	posted  int // entries of post
}

// lockedBuffer is a log that a test reads while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newWorld starts the store and the domain, which end with the test.
func newWorld(t *testing.T) *world {
	t.Helper()
	return worldAt(t, filepath.Join(t.TempDir(), "test.db"), bus.New())
}

func worldAt(t *testing.T, database string, b session.Bus) *world {
	t.Helper()
	w := &world{T: t, log: new(lockedBuffer)}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	if w.store, err = db.Open(t.Context(), db.Config{Path: database, Logger: log}); err != nil {
		t.Fatal(err)
	}
	w.service = session.NewService(session.Config{Store: w.store, Bus: b, Log: log, Open: true, EditWindow: time.Hour,
		Tick: 50 * time.Millisecond, Lease: time.Minute, WebhookPrivate: true})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.service.Run(ctx) }()
	await.Closed(t, "the service is ready", w.service.Started())
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	return w
}

// counters are metrics.
type counters struct{ sent, failed atomic.Int64 }

func (c *counters) WebhookSent(events int) { c.sent.Add(int64(events)) }
func (c *counters) WebhookFailed()         { c.failed.Add(1) }

// send starts a sender that tries again soon. It ends with the test, or earlier by stop.
func (w *world) send(change func(*Config)) (s *Sender, stop func()) {
	w.Helper()
	cfg := Config{Store: w.store, Feed: w.service, Node: rand.Text(), Log: slog.New(slog.NewTextHandler(w.log, nil)), Metrics: new(counters),
		Changed: w.service.WebhooksChanged(), Private: true, Retry: backoff.Backoff{First: 5 * time.Millisecond, Longest: 20 * time.Millisecond}}
	if change != nil {
		change(&cfg)
	}
	s = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	var once sync.Once
	stop = func() {
		once.Do(cancel)
		await.Closed(w, "the sender ends", done)
	}
	w.Cleanup(stop)
	return s, stop
}

// post adds n entries to the lobby: "entry 1" and so on.
func (w *world) post(n int) {
	w.Helper()
	for range n {
		w.posted++
		if _, err := w.service.AddChatEntry(w.Context(), guest, session.EntryArgs{ConnectionID: pointer("alice"), Body: fmt.Sprintf("entry %d", w.posted)}); err != nil {
			w.Fatal(err)
		}
	}
}

// create makes a webhook for entries of the lobby that the receiver gets.
func (w *world) create(r *receiver, kinds ...session.FeedEventKind) *session.Webhook {
	w.Helper()
	if kinds == nil {
		kinds = []session.FeedEventKind{session.EventEntryAdded}
	}
	made, err := w.service.CreateWebhook(w.Context(), operator, session.WebhookArgs{URL: r.url(), Events: kinds})
	if err != nil {
		w.Fatal(err)
	}
	r.secret.Store(&made.Secret)
	return made
}

// webhook returns a webhook as the API tells it; nil where there is none.
func (w *world) webhook(id string) *session.Webhook {
	w.Helper()
	all, err := w.service.Webhooks(w.Context(), operator)
	if err != nil {
		w.Fatal(err)
	}
	for _, one := range all {
		if one.ID == id {
			return one
		}
	}
	return nil
}

// await waits until a webhook is so.
func (w *world) await(what, id string, is func(*session.Webhook) bool) {
	w.Helper()
	await.True(w, what, func() bool { return is(w.webhook(id)) })
}

func well(w *session.Webhook) bool { return w.Lag == 0 && w.LastError == "" && w.FailingSince == nil }

// delivery is a request as a receiver gets it.
type delivery struct {
	id     string
	events []map[string]any
}

// receiver is a server that checks and keeps what it is sent.
type receiver struct {
	*testing.T
	server *httptest.Server
	secret atomic.Pointer[string]
	answer atomic.Pointer[func(http.ResponseWriter, *http.Request) (took bool)]
	asked  atomic.Int64

	mu       sync.Mutex
	took     []delivery // those whose answer said so
	refused  []string   // the ids of the others
	underWay int
	together int // the most requests that were under way at once
}

// answering is the writer of an answer. A request is under way until its answer begins: the sender may make the next one then, also
// where the handler has not ended.
type answering struct {
	http.ResponseWriter
	over func()
}

func (a *answering) WriteHeader(status int) {
	a.over()
	a.ResponseWriter.WriteHeader(status)
}

func (a *answering) Write(p []byte) (int, error) {
	a.over()
	return a.ResponseWriter.Write(p)
}

func (a *answering) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.over()
	return http.NewResponseController(a.ResponseWriter).Hijack()
}

// newReceiver starts a receiver that takes everything until answer says otherwise.
func newReceiver(t *testing.T) *receiver {
	r := &receiver{T: t}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) url() string { return r.server.URL + "/hook" }

// answers sets how requests are answered, from the next one on; nil: they are taken.
func (r *receiver) answers(answer func(http.ResponseWriter, *http.Request) (took bool)) {
	if answer == nil {
		r.answer.Store(nil)
		return
	}
	r.answer.Store(&answer)
}

// hang keeps a request until the sender gives it up, which the sender knows before the handler.
func hang(w http.ResponseWriter, q *http.Request) {
	w.(*answering).over()
	<-q.Context().Done()
}

func (r *receiver) serve(w http.ResponseWriter, q *http.Request) {
	defer r.asked.Add(1)
	r.mu.Lock()
	r.underWay++
	r.together = max(r.together, r.underWay)
	r.mu.Unlock()
	over := sync.OnceFunc(func() {
		r.mu.Lock()
		r.underWay--
		r.mu.Unlock()
	})
	defer over()
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // the sender was ended
	}
	d := r.check(q, body)
	answer := r.answer.Load()
	took := answer == nil || (*answer)(&answering{w, over}, q)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !took {
		r.refused = append(r.refused, d.id)
		return
	}
	r.took = append(r.took, d)
}

// check verifies a request as the specification says, and reads it.
func (r *receiver) check(q *http.Request, body []byte) delivery {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(*r.secret.Load(), "whsec_"))
	if err != nil {
		r.Error(err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", q.Header.Get("webhook-id"), q.Header.Get("webhook-timestamp"), body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); q.Header.Get("webhook-signature") != want {
		r.Errorf("the signature is %q, want %q", q.Header.Get("webhook-signature"), want)
	}
	var content struct {
		Type string
		Data struct{ Events []map[string]any }
	}
	if err := json.Unmarshal(body, &content); err != nil || content.Type != "chattok.events" || q.Method != http.MethodPost ||
		q.Header.Get("Content-Type") != "application/json" || len(content.Data.Events) == 0 || len(content.Data.Events) > MaxEvents {
		r.Errorf("%s %s with %d events, %v: %.200s", q.Method, content.Type, len(content.Data.Events), err, body)
	}
	return delivery{q.Header.Get("webhook-id"), content.Data.Events}
}

// events returns what was taken, in order.
func (r *receiver) events() (all []map[string]any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.took {
		all = append(all, d.events...)
	}
	return all
}

// bodies returns the texts of the entries that were taken, in order.
func (r *receiver) bodies() []string {
	var bodies []string
	for _, e := range r.events() {
		if entry, ok := e["entry"].(map[string]any); ok {
			bodies = append(bodies, entry["body"].(string))
		}
	}
	return bodies
}

// expect waits until the receiver has the entries 1 to n, and checks that it got each once and in order, one request at a time.
func (r *receiver) expect(n int) {
	r.Helper()
	await.True(r, fmt.Sprintf("%d entries come", n), func() bool { return len(r.bodies()) >= n })
	ids := make(map[any]bool)
	for _, e := range r.events() {
		if ids[e["id"]] {
			r.Errorf("event %v comes twice", e["id"])
		}
		ids[e["id"]] = true
	}
	for i, body := range r.bodies() {
		if want := fmt.Sprintf("entry %d", i+1); body != want {
			r.Fatalf("%q comes in place of %q", body, want)
		}
	}
	if len(r.bodies()) != n {
		r.Errorf("%d entries came, want %d", len(r.bodies()), n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.together > 1 {
		r.Errorf("%d requests came at once", r.together)
	}
}
