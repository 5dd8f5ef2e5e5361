package graph_test

import (
	"context"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/internal/need"
	"chattok/internal/sequence"
	"chattok/session"
)

// counted is a Store that counts reads, except those of the newest numbers, which a node reads at an interval.
type counted struct {
	session.Store
	reads atomic.Int64
}

func (c *counted) Session(ctx context.Context, id string) (*session.Session, error) {
	c.reads.Add(1)
	return c.Store.Session(ctx, id)
}

func (c *counted) Entries(ctx context.Context, q session.EntryQuery) ([]*session.ChatEntry, error) {
	c.reads.Add(1)
	return c.Store.Entries(ctx, q)
}

func (c *counted) Roster(ctx context.Context, id string) (session.Roster, error) {
	c.reads.Add(1)
	return c.Store.Roster(ctx, id)
}

func (c *counted) RosterChanges(ctx context.Context, id string, after int64, limit int) ([]session.RosterChange, error) {
	c.reads.Add(1)
	return c.Store.RosterChanges(ctx, id, after, limit)
}

func (c *counted) Connections(ctx context.Context, ids []string) (map[string]session.ConnectionState, error) {
	c.reads.Add(1)
	return c.Store.Connections(ctx, ids)
}

// stormClients is how many clients come back at once; CHATTOK_STORM names another number.
const stormClients = 2000

// While thousands of clients come back at once, each some way behind and selecting senders, the number of database
// reads depends on the log alone. A client that was there before gets new entries at once meanwhile.
func TestStormOfThousands(t *testing.T) {
	need.Time(t, "a thousand clients come back at once")
	clients := stormClients
	if s := os.Getenv("CHATTOK_STORM"); s != "" {
		var err error
		if clients, err = strconv.Atoi(s); err != nil {
			t.Fatal("CHATTOK_STORM:", err)
		}
	}
	const length = 1000
	first := newWorld(t, options{grace: time.Minute})
	author, me := first.join(t, "room", "PUBLISHER"), first.join(t, "room", "PUBLISHER")
	first.post(t, author, length, "what was said")
	cursors := first.cursors(t, serve(t, first.handler, 0), me, length)
	first.stop()

	store := &counted{}
	w := newWorld(t, options{grace: time.Minute, path: first.path, sockets: clients + 1,
		store: func(s session.Store) session.Store { store.Store = s; return store }})
	address := serve(t, w.handler, 0)
	early := mustDial(t, address, me.token)
	if err := early.subscribe("1", `subscription{entryAdded{seq}}`, nil); err != nil {
		t.Fatal(err)
	}
	_ = early.SetDeadline(time.Now().Add(2 * time.Minute))
	await.True(t, "the first one follows", func() bool { _, n := w.sockets(); return n == 1 })
	store.reads.Store(0)

	var work, connected sync.WaitGroup
	storm := make(chan struct{})
	for i := range clients {
		connected.Add(1)
		work.Go(func() {
			s, err := dialStream(address, me.token)
			connected.Done()
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			<-storm
			_ = s.SetDeadline(time.Now().Add(2 * time.Minute))
			at := i % (length / 2)
			err = s.subscribe("1", `subscription($a:String){entryAdded(after:$a){seq connection{id}}}`, map[string]any{"a": cursors[at]})
			if err == nil {
				err = s.expectSeqs(at+1, length+1)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	connected.Wait()
	close(storm)
	w.add(t, me.token, me.id, "live")
	if err := early.expectSeqs(length+1, length+1); err != nil {
		t.Error(err)
	}
	work.Wait()
	// A chunk of the log is read once, and the author is looked up once for all clients that ask at the same time.
	if reads, most := store.reads.Load(), int64(length/sequence.ChunkSize+4); reads > most {
		t.Errorf("%d reads for %d clients that read a log of %d entries; want %d at most", reads, clients, length, most)
	}
	_ = early.Close()
	w.leftNothing(t)
}
