package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"chattok/internal/history"
	"chattok/internal/need"
	"chattok/internal/program"
)

// crashes is how often TestCrash kills the server. CHATTOK_CRASHES sets another number, for the soak.
const crashes = 30

// TestCrash kills the real binary with SIGKILL again and again while clients add, edit, delete and react, and read. The history
// checker decides: each answered add and change is in the log once, none that was tried again undid another, the numbers have no
// hole, readers of entries and of the log that resumed with their last cursor have seen everything once and in order, and no
// answer showed anything older than what had been answered before.
func TestCrash(t *testing.T) {
	need.Time(t, "it kills the program thirty times")
	times := crashes
	if s := os.Getenv("CHATTOK_CRASHES"); s != "" {
		var err error
		if times, err = strconv.Atoi(s); err != nil {
			t.Fatal("CHATTOK_CRASHES:", err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d crashes", seed, times)
	random := rand.New(rand.NewPCG(seed, 0))
	b := program.StartT(t, program.Config{Env: append([]string{"CHATTOK_API_SECRET=" + crashSecret}, program.HighRates...)})
	c := &crashed{t: t, addr: b.Addr, recorder: history.NewRecorder()}

	writing, stopWriting := context.WithCancel(t.Context())
	defer stopWriting()
	var writers sync.WaitGroup
	for i := range 8 {
		w := c.newWriter(i, seed)
		writers.Go(func() { w.run(writing) })
	}
	reading, stopReading := context.WithCancel(t.Context())
	defer stopReading()
	var readers sync.WaitGroup
	read := make([]*crashReader, 4)
	for i := range read {
		read[i] = c.newReader(i)
		readers.Go(func() { read[i].run(reading) })
	}
	for range times {
		time.Sleep(time.Duration(100+random.IntN(400)) * time.Millisecond) // until a random moment
		b.KillT(t)
		b.BeginT(t)
	}
	stopWriting()
	writers.Wait()
	log, events := c.readLog(), c.readEvents()
	for _, r := range read {
		r.waitFor(log, events)
	}
	stopReading()
	readers.Wait()
	b.KillT(t)

	v := history.Check(c.recorder.History(log, events))
	t.Logf("%d crashes: %s", times, v)
	if !v.Holds() {
		t.Error("the history is not as it should be")
	}
	if v.Answered == 0 || v.Changed == 0 || v.Unanswered != 0 {
		t.Error("too little was answered to judge by")
	}
}

const (
	crashSession = "crash"
	crashSecret  = "the secret of a server that is killed"
)

// crashed is a session on a server that is killed.
type crashed struct {
	t        *testing.T
	addr     string
	recorder *history.Recorder

	mu      sync.Mutex
	entries []logEntry // that were answered, oldest first
}

// logEntry is an entry as the API returns it.
type logEntry struct {
	ID, Cursor, ConnectionID, Body, DeletedBy string
	Seq, Version                              int64
	Reactions                                 []history.Reaction
}

func (e logEntry) recorded() history.Entry {
	return history.Entry{Seq: e.Seq, Sender: e.ConnectionID, Body: e.Body, Version: e.Version, Place: history.Place(e.Cursor), DeletedBy: e.DeletedBy,
		Reactions: history.ReactionText(e.Reactions)}
}

// logEvent is an event of logEvents.
type logEvent struct {
	Entry          logEntry
	Change, Cursor string
}

func (e logEvent) recorded() history.Event {
	kinds := map[string]history.EntryChangeKind{"EDITED": history.Edited, "DELETED": history.Deleted, "REACTED": history.Reacted}
	return history.Event{Place: history.Place(e.Cursor), Change: kinds[e.Change], Entry: e.Entry.recorded()}
}

// identity is a connection with its access token.
type identity struct{ id, token string }

// join makes a connection, of the user with this key, or of none where it is nil. It tries until that works, or ctx is done.
func (c *crashed) join(ctx context.Context, key any) (me identity) {
	var data struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID string }
		}
	}
	c.persist(ctx, func() error {
		return post(ctx, c.addr, `mutation($s:ID!,$k:String){connect(sessionId:$s,userKey:$k){accessToken connection{id}}}`,
			map[string]any{"s": crashSession, "k": key}, &data)
	})
	return identity{data.Connect.Connection.ID, data.Connect.AccessToken}
}

// persist does something again and again until it succeeds or ctx is done.
func (c *crashed) persist(ctx context.Context, do func() error) {
	for do() != nil && ctx.Err() == nil {
		pause(ctx, 10*time.Millisecond)
	}
}

// newest returns one of the newest entries that fit; ok is false where there is none.
func (c *crashed) newest(r *rand.Rand, fits func(logEntry) bool) (e logEntry, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var some []logEntry
	for i := len(c.entries) - 1; i >= 0 && len(some) < 20; i-- {
		if fits(c.entries[i]) {
			some = append(some, c.entries[i])
		}
	}
	if len(some) == 0 {
		return e, false
	}
	return some[r.IntN(len(some))], true
}

// readLog reads the whole log by pages.
func (c *crashed) readLog() (log []history.Entry) {
	me := c.join(c.t.Context(), nil)
	for after := "0"; ; {
		var page struct{ ChatEntries struct{ Nodes []logEntry } }
		if err := postAs(c.t.Context(), c.addr, me.token, `query($a:String){chatEntries(first:200,after:$a){nodes{`+logEntryFields+`}}}`, map[string]any{"a": after}, &page); err != nil {
			c.t.Fatal(err)
		}
		for _, e := range page.ChatEntries.Nodes {
			log = append(log, e.recorded())
			after = e.Cursor
		}
		if len(page.ChatEntries.Nodes) == 0 {
			return log
		}
	}
}

// readEvents reads the log's events up to its end.
func (c *crashed) readEvents() (events []history.Event) {
	me := c.join(c.t.Context(), nil)
	var data struct{ Session struct{ LastCursor string } }
	if err := postAs(c.t.Context(), c.addr, me.token, `{session{lastCursor}}`, nil, &data); err != nil {
		c.t.Fatal(err)
	}
	end := history.Place(data.Session.LastCursor)
	place := int64(0)
	r := &crashReader{crashed: c, me: me, operation: logOperation, take: func(e history.Event) { events, place = append(events, e), e.Place }}
	ctx, stop := context.WithTimeout(c.t.Context(), time.Minute)
	defer stop()
	if err := r.follow(ctx, func() bool { return place < end }); err != nil {
		c.t.Fatal(fmt.Errorf("the log's events after %d of %d: %w", place, end, err))
	}
	return events
}
