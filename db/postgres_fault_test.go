package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"chattok/db"
	"chattok/internal/await"
	"chattok/internal/pgtest"
	"chattok/session"
)

// add is one entry that a poster sent.
type add struct {
	sessionID, body string
	entry           *session.ChatEntry // nil where it was not answered
}

// poster appends entries to the sessions s0, s1 … one after the other, and remembers the answers. After UNAVAILABLE it
// tries an entry with a key again, and leaves one without a key unanswered.
type poster struct {
	store    *db.Store
	name     string
	sessions int
	keyed    bool
	adds     []*add
}

// post makes n adds, each in the next session, in groups of up to four.
func (p *poster) post(t *testing.T, n int) {
	for len(p.adds) < n {
		var group []session.NewEntry
		var adds []*add
		for i := range min(1+len(p.adds)%4, n-len(p.adds)) {
			number := len(p.adds) + i
			a := &add{sessionID: fmt.Sprint("s", number%p.sessions), body: fmt.Sprint(p.name, " ", number)}
			entry := session.NewEntry{SessionID: a.sessionID, ConnectionID: "c-" + a.sessionID, Body: a.body}
			if p.keyed {
				entry.IdempotencyKey = a.body
			}
			group, adds = append(group, entry), append(adds, a)
		}
		p.adds = append(p.adds, adds...)
		p.ask(t, group, adds)
	}
}

func (p *poster) ask(t *testing.T, group []session.NewEntry, adds []*add) {
	for range 100 {
		unavailable := false
		for i, r := range p.store.AppendEntries(context.WithoutCancel(t.Context()), group) {
			switch {
			case r.Err == nil:
				adds[i].entry = r.Entry
			case session.CodeOf(r.Err) == session.CodeUnavailable:
				unavailable = true
			default:
				t.Errorf("%s: %v", adds[i].body, r.Err)
				return
			}
		}
		if !unavailable || !p.keyed {
			return
		}
	}
	t.Errorf("%s is never stored", adds[0].body)
}

// openSessions creates the sessions s0 … with a live connection each.
func openSessions(t *testing.T, store *db.Store, n int) {
	t.Helper()
	for i := range n {
		connect(t, store, fmt.Sprint("s", i), fmt.Sprint("c-s", i))
	}
}

// wantHistory checks the logs against the answers: every answered entry is there once, at its number, every other one
// at most once, and the numbers have no hole. It returns the number of entries that were not answered.
func wantHistory(t *testing.T, store *db.Store, sessions int, posters []*poster) (unanswered int) {
	t.Helper()
	asked := map[string]*add{}
	for _, p := range posters {
		for _, a := range p.adds {
			asked[a.body] = a
			if a.entry == nil {
				unanswered++
			}
		}
	}
	seen := map[string]bool{}
	for s := range sessions {
		id := fmt.Sprint("s", s)
		entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: id, Limit: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range entries {
			a := asked[e.Body]
			switch {
			case e.Seq != int64(i)+1:
				t.Fatalf("%s: entry %d is at %d", id, e.Seq, i+1)
			case a == nil || a.sessionID != id || seen[e.Body]:
				t.Fatalf("%s: %q at %d was not asked for, or is there twice", id, e.Body, e.Seq)
			case a.entry != nil && a.entry.Seq != e.Seq:
				t.Fatalf("%s: %q was answered with %d and is at %d", id, e.Body, a.entry.Seq, e.Seq)
			}
			seen[e.Body] = true
		}
	}
	for body, a := range asked {
		if a.entry != nil && !seen[body] {
			t.Fatalf("%q was answered with %d and is lost", body, a.entry.Seq)
		}
	}
	return unanswered
}

// The server is killed during adds, in every way: each answered entry is there once, and every retry succeeds in the
// end.
func TestServerDies(t *testing.T) {
	t.Parallel()
	const sessions, each = 3, 400
	server := pgtest.StartT(t, pgtest.Config{})
	url := server.DatabaseT(t)
	nodes := []*db.Store{mustOpen(t, db.Config{Path: url}), mustOpen(t, db.Config{Path: url})}
	openSessions(t, nodes[0], sessions)
	var posters []*poster
	var posting sync.WaitGroup
	var finished atomic.Int32
	for i := range 8 {
		p := &poster{store: nodes[i%2], name: fmt.Sprint("p", i), sessions: sessions, keyed: i%4 != 0}
		posters = append(posters, p)
		posting.Go(func() {
			defer finished.Add(1)
			p.post(t, each)
		})
	}
	restarts := 0
	for _, mode := range []pgtest.Mode{pgtest.Immediate, pgtest.Kill, pgtest.Fast, pgtest.Immediate} {
		before := countEntries(t, nodes[0], sessions)
		await.Within(t, time.Minute, "the posters post again", func() bool {
			return countEntries(t, nodes[0], sessions) >= before+50 || int(finished.Load()) == len(posters)
		})
		if err := server.Restart(t.Context(), mode); err != nil {
			t.Fatal(err)
		}
		restarts++
	}
	posting.Wait()
	unanswered := wantHistory(t, nodes[1], sessions, posters)
	t.Logf("%d adds, %d restarts, %d not answered", len(posters)*each, restarts, unanswered)
}

func countEntries(t *testing.T, store *db.Store, sessions int) (n int64) {
	t.Helper()
	var ids []string
	for i := range sessions {
		ids = append(ids, fmt.Sprint("s", i))
	}
	last, err := store.LastSeqs(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range last {
		n += head.Seq
	}
	return n
}

// A connection is cut at the commit, before or after the server got it: every add is answered and stored once, with and
// without a key, since the outcome of the commit is found out first.
func TestCutAtCommit(t *testing.T) {
	t.Parallel()
	const sessions, each = 3, 150
	server := pgtest.Shared(t)
	url := pgtest.Database(t)
	cutter := startCommitCutter(t, server.Addr(), 7)
	through := strings.Replace(url, server.Addr(), cutter.listener.Addr().String(), 1)
	store := mustOpen(t, db.Config{Path: through})
	openSessions(t, store, sessions)
	cutter.set(false)
	var posters []*poster
	var posting sync.WaitGroup
	for i := range 6 {
		p := &poster{store: store, name: fmt.Sprint("p", i), sessions: sessions, keyed: i%2 == 0}
		posters = append(posters, p)
		posting.Go(func() { p.post(t, each) })
	}
	posting.Wait()
	cutter.set(true)
	if unanswered := wantHistory(t, store, sessions, posters); unanswered != 0 {
		t.Errorf("%d adds were not answered", unanswered)
	}
	if cutter.before == 0 || cutter.after == 0 {
		t.Errorf("%d cuts before a commit and %d after: not tried", cutter.before, cutter.after)
	}
	t.Logf("%d adds, %d cuts before the commit and %d after it", len(posters)*each, cutter.before, cutter.after)
}

// A connection is cut at the commit of a change: the change is made once, and its caller gets the event, though the answer of the
// commit was lost.
func TestChangesCutAtCommit(t *testing.T) {
	t.Parallel()
	const editors, each = 4, 100
	server := pgtest.Shared(t)
	url := pgtest.Database(t)
	cutter := startCommitCutter(t, server.Addr(), 11)
	store := mustOpen(t, db.Config{Path: strings.Replace(url, server.Addr(), cutter.listener.Addr().String(), 1)})
	openSessions(t, store, 1)
	for range editors {
		if r := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "s0", ConnectionID: "c-s0", Body: "x"}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	cutter.set(false)
	var mu sync.Mutex
	places := make(map[int64]bool)
	var editing sync.WaitGroup
	for e := range editors {
		editing.Go(func() {
			for n := range each {
				r := store.ChangeEntries(t.Context(), []session.NewChange{{SessionID: "s0", Seq: int64(e + 1), Kind: session.EntryEdited,
					Actor: session.Actor{ConnectionID: "c-s0"}, Body: fmt.Sprint("edit ", n), EditedIn: time.Hour}})[0]
				if r.Err != nil || r.Event == nil || r.Entry.Version != int64(n)+2 {
					t.Errorf("edit %d of entry %d: %+v", n, e+1, r)
					return
				}
				mu.Lock()
				places[r.Event.Place] = true
				mu.Unlock()
			}
		})
	}
	editing.Wait()
	cutter.set(true)
	last, err := store.LastSeqs(t.Context(), []string{"s0"})
	if err != nil || last["s0"].Place != editors+editors*each || len(places) != editors*each {
		t.Errorf("the log ends at %+v, %v, after %d changes", last["s0"], err, len(places))
	}
	if cutter.before == 0 || cutter.after == 0 {
		t.Errorf("%d cuts before a commit and %d after: not tried", cutter.before, cutter.after)
	}
}

// A deadlock in which the store's transaction is the victim does not reach the callers.
func TestDeadlockIsRetried(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	store := mustOpen(t, db.Config{Path: url})
	openSessions(t, store, 2)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const lock = "SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE"
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SET LOCAL deadlock_timeout = '1min'"); err != nil { // so that the store's side finds the deadlock
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), lock, "s1"); err != nil {
		t.Fatal(err)
	}
	answered := make(chan []session.EntryResult, 1)
	go func() {
		answered <- store.AppendEntries(context.WithoutCancel(t.Context()), []session.NewEntry{
			{SessionID: "s1", ConnectionID: "c-s1", Body: "y"}, {SessionID: "s0", ConnectionID: "c-s0", Body: "x"},
		})
	}()
	waitFor(t, url, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
	// The store has locked s0 and waits for s1: now this transaction waits for s0.
	if _, err := tx.Exec(t.Context(), lock, "s0"); err != nil {
		t.Fatalf("the store was not the victim: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range <-answered {
		if r.Err != nil || r.Entry.Seq != 1 {
			t.Errorf("after the deadlock: %+v", r)
		}
	}
}

// waitFor repeats a query until its answer is true.
func waitFor(t *testing.T, url, question string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	await.Within(t, time.Minute, question, func() (answer bool) {
		if err := conn.QueryRow(t.Context(), question).Scan(&answer); err != nil {
			t.Fatal(err)
		}
		return answer
	})
}

// A node that stands still within a transaction blocks its session for seconds, not for good. When it goes on, its
// entry gets the next number.
func TestNodeStandsStill(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	var still atomic.Bool
	inside, goOn := make(chan struct{}), make(chan struct{})
	slow := mustOpen(t, db.Config{Path: url, ClockOffset: func() time.Duration {
		if still.CompareAndSwap(true, false) {
			// The transaction of an add asks for the time when it has begun, and Ping's when nothing is locked.
			close(inside)
			<-goOn
		}
		return 0
	}})
	quick := mustOpen(t, db.Config{Path: url})
	openSessions(t, slow, 1)
	still.Store(true)
	late := make(chan error, 1)
	go func() {
		_, err := slow.DestroyConnection(context.WithoutCancel(t.Context()), "c-s0", "", session.ForceDisconnected)
		late <- err
	}()
	<-inside
	r := quick.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "s0", ConnectionID: "c-s0", Body: "x"}})[0]
	if r.Err != nil {
		t.Errorf("beside a node that stands still: %v", r.Err)
	}
	waitFor(t, url, "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'")
	close(goOn)
	if err := <-late; err != nil {
		t.Errorf("when it goes on: %v", err)
	}
	if r := quick.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "s0", ConnectionID: "c-s0", Body: "y"}})[0]; session.CodeOf(r.Err) != session.CodeUnauthenticated {
		t.Errorf("after the end: %+v", r)
	}
}

// While the database is away, a call returns an error in time. The first call after that succeeds.
func TestServerIsAway(t *testing.T) {
	t.Parallel()
	server := pgtest.StartT(t, pgtest.Config{})
	store := mustOpen(t, db.Config{Path: server.DatabaseT(t)})
	openSessions(t, store, 1)
	if err := server.Stop(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := store.Session(ctx, "s0")
	wantUnavailable(t, err)
	waiting := make(chan error, 1)
	go func() { waiting <- store.Ping(context.WithoutCancel(t.Context())) }()
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err != nil {
		t.Errorf("a call that waited for the server: %v", err)
	}
	var e *session.Error
	if _, err := store.Session(t.Context(), "none"); !errors.As(err, &e) || e.Code != session.CodeNotFound {
		t.Errorf("when it is back: %v", err)
	}
}
