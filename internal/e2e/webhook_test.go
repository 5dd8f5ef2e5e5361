//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/internal/need"
	"chattok/internal/pgtest"
	"chattok/internal/program"
)

// The load of TestWebhookCrash. CHATTOK_WEBHOOK_SOAK sets another number of events, for the soak.
const (
	webhookEvents   = 6000
	webhookPosters  = 4
	webhookSessions = 8
	webhookKills    = 10
	postedTogether  = 10 // as many fields as an operation may have
)

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// webhookLog is a receiver that keeps which events it took.
type webhookLog struct {
	server *httptest.Server

	mu       sync.Mutex
	byID     map[string]hookEvent
	seen     map[string][]int64 // the numbers of each session's entries, as they came first
	doubles  int
	mistakes []string
	requests atomic.Int64
}

type hookEvent struct {
	ID, SessionID, Type string
	Entry               struct {
		Seq  int64
		Body string
	}
}

func newWebhookLog(t *testing.T) *webhookLog {
	l := &webhookLog{byID: make(map[string]hookEvent), seen: make(map[string][]int64)}
	l.server = httptest.NewServer(http.HandlerFunc(l.take))
	t.Cleanup(l.server.Close)
	return l
}

func (l *webhookLog) take(_ http.ResponseWriter, r *http.Request) {
	l.requests.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	var content struct{ Data struct{ Events []hookEvent } }
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := json.Unmarshal(body, &content); err != nil {
		l.mistakes = append(l.mistakes, err.Error())
		return
	}
	for _, e := range content.Data.Events {
		if known, ok := l.byID[e.ID]; ok {
			l.doubles++
			if known != e {
				l.mistakes = append(l.mistakes, fmt.Sprintf("%+v comes again as %+v", known, e))
			}
			continue
		}
		l.byID[e.ID] = e
		l.seen[e.SessionID] = append(l.seen[e.SessionID], e.Entry.Seq)
	}
}

func (l *webhookLog) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byID)
}

// check says what is not as it should be: each session's entries are there, each under one id, in order.
func (l *webhookLog) check(t *testing.T, entries map[string]int64) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, mistake := range l.mistakes {
		t.Error(mistake)
	}
	for id, last := range entries {
		if int64(len(l.seen[id])) != last {
			t.Errorf("session %s: %d entries came of %d", id, len(l.seen[id]), last)
		}
		for i, seq := range l.seen[id] {
			if seq != int64(i+1) {
				t.Errorf("session %s: entry %d comes in place of %d", id, seq, i+1)
				break
			}
		}
	}
	if len(l.seen) != len(entries) {
		t.Errorf("events of %d sessions came, want %d", len(l.seen), len(entries))
	}
}

// webhookLoad posts entries to several sessions, and tries again until each is answered.
type webhookLoad struct {
	t     *testing.T
	addrs []string // of the nodes; one that does not answer is passed over
	last  sync.Map // session id → *atomic.Int64, the highest seq that was answered
}

// run posts about total entries and returns how many each session has.
func (l *webhookLoad) run(ctx context.Context, total int) map[string]int64 {
	var posters sync.WaitGroup
	for p := range webhookPosters {
		posters.Go(func() {
			for n := 0; n < total/webhookPosters && ctx.Err() == nil; n += postedTogether {
				l.post(ctx, p, n)
			}
		})
	}
	posters.Wait()
	entries := make(map[string]int64)
	l.last.Range(func(id, last any) bool {
		entries[id.(string)] = last.(*atomic.Int64).Load()
		return true
	})
	return entries
}

// post adds some entries in one request until it is answered.
func (l *webhookLoad) post(ctx context.Context, poster, n int) {
	id := fmt.Sprintf("session-%d", (n/postedTogether+poster)%webhookSessions)
	for try := 0; ctx.Err() == nil; try++ {
		addr := l.addrs[try%len(l.addrs)]
		var joined struct {
			Connect struct {
				AccessToken string
				Connection  struct{ ID string }
			}
		}
		err := post(ctx, addr, `mutation($s:ID!){connect(sessionId:$s){accessToken connection{id}}}`, map[string]any{"s": id}, &joined)
		if err == nil {
			err = l.add(ctx, addr, id, joined.Connect.AccessToken, joined.Connect.Connection.ID, poster, n)
		}
		if err == nil {
			return
		}
		if strings.Contains(err.Error(), "BAD_USER_INPUT") {
			l.t.Error(err)
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func (l *webhookLoad) add(ctx context.Context, addr, id, token, connection string, poster, n int) error {
	var query strings.Builder
	query.WriteString("mutation($c:ID!){")
	for i := range postedTogether {
		name := fmt.Sprintf("%d-%d", poster, n+i)
		fmt.Fprintf(&query, `e%d:addChatEntry(connectionId:$c,body:%q,idempotencyKey:%q){seq}`, i, name, name)
	}
	query.WriteString("}")
	var answer map[string]struct{ Seq int64 }
	if err := postAs(ctx, addr, token, query.String(), map[string]any{"c": connection}, &answer); err != nil {
		return err
	}
	known, _ := l.last.LoadOrStore(id, new(atomic.Int64))
	for _, e := range answer {
		last := known.(*atomic.Int64)
		for {
			before := last.Load()
			if e.Seq <= before || last.CompareAndSwap(before, e.Seq) {
				break
			}
		}
	}
	return nil
}

func webhookSettings(l *webhookLog) []string {
	return slices.Concat(program.HighRates, []string{"CHATTOK_WEBHOOK=" + l.server.URL, "CHATTOK_WEBHOOK_SECRET=" + webhookSecret,
		"CHATTOK_WEBHOOK_EVENTS=ENTRY_ADDED", "CHATTOK_MAX_CONNECTIONS_PER_ADDRESS=1000000", "CHATTOK_MAX_CONNECTIONS_PER_SESSION=1000000"})
}

// TestWebhookCrash kills the real binary with SIGKILL again and again while it sends what clients post. The receiver gets every
// entry, each session's in order, and doubles with the ids that they had.
func TestWebhookCrash(t *testing.T) {
	need.Time(t, "it kills the program ten times")
	total := webhookEvents
	if s := os.Getenv("CHATTOK_WEBHOOK_SOAK"); s != "" {
		var err error
		if total, err = strconv.Atoi(s); err != nil {
			t.Fatal("CHATTOK_WEBHOOK_SOAK:", err)
		}
	}
	l := newWebhookLog(t)
	b := program.StartT(t, program.Config{Env: webhookSettings(l)})
	load := &webhookLoad{t: t, addrs: []string{b.Addr}}
	posted := make(chan map[string]int64, 1)
	go func() { posted <- load.run(t.Context(), total) }()
	for kill := range webhookKills {
		// Each kill comes when another part of the events has been sent, and a few more requests were begun.
		await.Within(t, 10*await.Patience, "events come", func() bool { return l.count() >= total*kill/webhookKills })
		begun, more := l.requests.Load(), int64(rand.IntN(4))
		await.True(t, "requests come", func() bool { return l.requests.Load() >= begun+more || l.count() >= total })
		b.KillT(t)
		b.BeginT(t)
	}
	entries := <-posted
	want := int64(0)
	for n := range maps.Values(entries) {
		want += n
	}
	await.Within(t, 10*await.Patience, "all events come", func() bool { return int64(l.count()) >= want })
	l.check(t, entries)
	t.Logf("%d events, %d doubles, %d requests", want, l.doubles, l.requests.Load())
	if want < int64(total) {
		t.Errorf("only %d entries were posted", want)
	}
}

// TestWebhookNodes kills the one of two nodes on PostgreSQL that sends. The other one takes over, and the receiver gets everything,
// each session's in order.
func TestWebhookNodes(t *testing.T) {
	need.Time(t, "it waits for a lease to run out")
	server := pgtest.StartT(t, pgtest.Config{})
	l := newWebhookLog(t)
	a, b := startNodes(t, server.DatabaseT(t), webhookSettings(l)...)
	nodes := map[*program.Server]string{a: "a", b: "b"}
	load := &webhookLoad{t: t, addrs: []string{a.Addr, b.Addr}}
	posted := make(chan map[string]int64, 1)
	go func() { posted <- load.run(t.Context(), webhookEvents/2) }()

	var sender *program.Server
	await.True(t, "a node sends", func() bool {
		for node := range nodes {
			if _, page := get(t, node, "/metrics"); strings.Contains(page, "\nchattok_webhooks 1\n") {
				sender = node
			}
		}
		return sender != nil && l.count() > webhookEvents/10
	})
	t.Logf("node %s sends", nodes[sender])
	sender.KillT(t)
	entries := <-posted
	want := int64(0)
	for n := range maps.Values(entries) {
		want += n
	}
	await.Within(t, 2*await.Patience, "the other node takes over", func() bool { return int64(l.count()) >= want })
	l.check(t, entries)
	t.Logf("%d events, %d doubles", want, l.doubles)
}
