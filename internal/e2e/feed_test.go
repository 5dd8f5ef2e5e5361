//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"chattok/internal/await"
	"chattok/internal/need"
	"chattok/internal/pgtest"
	"chattok/internal/program"
	"chattok/internal/wsclient"
)

const feedSecret = "a secret of the feed's tests, 32 bytes at least"

// feedSeen is an event as a reader of the feed had it.
type feedSeen struct {
	ID, Cursor, SessionID string
	Event                 struct {
		Entry struct {
			Seq  int64
			Body string
		}
	}
}

// feedLog is what one reader of the feed had, in order.
type feedLog struct {
	mu     sync.Mutex
	events []feedSeen
	failed error
}

// readFeed reads the feed of a node from its beginning, over one socket, until the test ends.
func readFeed(t *testing.T, b *program.Server) *feedLog {
	t.Helper()
	l := new(feedLog)
	c := wsclient.OpenT(t, b.URL()+"/graphql", feedSecret)
	c.SubscribeT(t, "f", `subscription{feed(after:"0",sessionPrefix:"session-"){id cursor sessionId event{...on EntryAdded{entry{seq body}}}}}`, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	t.Cleanup(func() { cancel(); reading.Wait() })
	reading.Go(func() {
		for ctx.Err() == nil {
			_, raw, err := c.Read(ctx)
			var m struct {
				Type    string
				Payload struct{ Data struct{ Feed feedSeen } }
			}
			if err == nil {
				if err = json.Unmarshal(raw, &m); err == nil && m.Type != "next" {
					err = fmt.Errorf("got %s", raw)
				}
			}
			l.mu.Lock()
			if err != nil {
				l.failed = err
			} else {
				l.events = append(l.events, m.Payload.Data.Feed)
			}
			l.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	return l
}

// entries returns the entries that came, and fails the test where the reading has ended.
func (l *feedLog) entries(t *testing.T) (entries []feedSeen) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		t.Fatal(l.failed)
	}
	for _, e := range l.events {
		if e.Event.Entry.Seq > 0 {
			entries = append(entries, e)
		}
	}
	return entries
}

// check says what is not as it should be: each session's entries are there, once and in order, and no id or cursor comes twice.
func (l *feedLog) check(t *testing.T, want map[string]int64) {
	t.Helper()
	ids, cursors, last := make(map[string]bool), make(map[string]bool), make(map[string]int64)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if ids[e.ID] || cursors[e.Cursor] {
			t.Errorf("%+v comes again", e)
		}
		ids[e.ID], cursors[e.Cursor] = true, true
		if seq := e.Event.Entry.Seq; seq > 0 {
			if seq != last[e.SessionID]+1 {
				t.Errorf("session %s: entry %d comes after %d", e.SessionID, seq, last[e.SessionID])
			}
			last[e.SessionID] = seq
		}
	}
	if !maps.Equal(last, want) {
		t.Errorf("the sessions' last entries are %v, want %v", last, want)
	}
}

// TestFeedLeaseKilled kills, amid posts, the one of three nodes that gives places in the feed. Another one takes over, and a reader on
// the third has every entry once, each session's in order, without a new subscription.
func TestFeedLeaseKilled(t *testing.T) {
	need.Time(t, "it waits for a lease to run out")
	server := pgtest.StartT(t, pgtest.Config{})
	database := server.DatabaseT(t)
	env := slices.Concat(program.HighRates, []string{"CHATTOK_API_SECRET=" + feedSecret,
		"CHATTOK_MAX_CONNECTIONS_PER_ADDRESS=1000000", "CHATTOK_MAX_CONNECTIONS_PER_SESSION=1000000"})
	config := program.Config{Database: database, Env: env}
	first := program.StartT(t, config) // alone, so that it takes the lease
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	holder := func() (node string) {
		err := conn.QueryRow(t.Context(), "SELECT coalesce(max(node), '') FROM leases WHERE name = 'feed'").Scan(&node)
		if err != nil {
			t.Fatal(err)
		}
		return node
	}
	await.True(t, "the first node has the lease", func() bool { return holder() != "" })
	had := holder()
	second, third := program.StartT(t, config), program.StartT(t, config)
	reader := readFeed(t, third)
	load := &webhookLoad{t: t, addrs: []string{first.Addr, second.Addr}}
	posted := make(chan map[string]int64, 1)
	go func() { posted <- load.run(t.Context(), webhookEvents/2) }()
	await.Within(t, 4*await.Patience, "entries come", func() bool { return len(reader.entries(t)) > webhookEvents/10 })
	if holder() != had {
		t.Fatal("another node than the first has the lease")
	}
	first.KillT(t)
	atKill := len(reader.entries(t))
	entries := <-posted
	want := int64(0)
	for n := range maps.Values(entries) {
		want += n
	}
	await.Within(t, 4*await.Patience, "another node takes over", func() bool { return int64(len(reader.entries(t))) >= want })
	if now := holder(); now == had {
		t.Errorf("node %s, which was killed, still has the lease", now)
	}
	if int64(atKill) >= want {
		t.Errorf("all %d entries had come when the node was killed", want)
	}
	reader.check(t, entries)

	// Somebody who comes later gets the same at the same places.
	again := readFeed(t, second)
	await.Within(t, 4*await.Patience, "a later reader has all", func() bool { return int64(len(again.entries(t))) >= want })
	again.check(t, entries)
	if !slices.Equal(again.entries(t), reader.entries(t)) {
		t.Error("a later reader has other events, or another order")
	}
	t.Logf("%d entries, %d of them before the node was killed", want, atKill)
}
