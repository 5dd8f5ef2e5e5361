//go:build unix

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"chattok/internal/history"
)

const (
	keptSession = "kept"
	// keptVerdict names the verdict about the session whose entries are removed among those about sessions.
	keptVerdict = "what is kept for a time"
	keptPosters = 2
	keptReaders = 4
)

const (
	keepOperation = `mutation($s:ID!,$r:Int){createSession(id:$s){id}updateSession(sessionId:$s,retention:$r){retention}}`
	keptPost      = `mutation($s:ID!,$b:String!,$k:ID!){addChatEntry(sessionId:$s,body:$b,idempotencyKey:$k){seq cursor}}`
	keptEvents    = `subscription($s:ID,$a:String){logEvents(sessionId:$s,after:$a){__typename ...on EntryAdded{entry{seq body} cursor} ...on LogTruncated{to}}}`
	keptPage      = `query($s:ID,$a:String){session(sessionId:$s){firstCursor lastCursor}chatEntries(sessionId:$s,first:200,after:$a){nodes{seq body cursor}}}`
)

// keptRoom is a session whose entries are removed when they are older than keptTime says, and readers of it, most of whom are away for
// longer now and then. The API secret posts and reads there.
type keptRoom struct {
	world   *world
	began   time.Time
	readers []*keptReader

	mu   sync.Mutex // held for kept
	kept history.Kept
}

type keptReader struct {
	room   *keptRoom
	seen   *history.KeptReader
	away   time.Duration // at most, between two visits
	cursor string
	client *http.Client
	random *rand.Rand
}

// keptTime is for how long its entries are kept. Their keys are known as long, and a node that is paused, for 15 seconds at most, may add
// after that what it was asked before.
func (w *world) keptTime() time.Duration {
	if len(w.nodes) == 1 { // which is killed, and never paused
		return 2 * time.Second
	}
	return 20 * time.Second
}

func newKeptRoom(w *world, seed uint64) *keptRoom {
	k := &keptRoom{world: w, began: time.Now(), kept: history.Kept{Keep: w.keptTime()}}
	for i := range keptReaders {
		r := &keptReader{room: k, seen: &history.KeptReader{Name: fmt.Sprint("kept ", i)}, away: time.Duration(2*i) * time.Second, cursor: "0",
			client: &http.Client{Transport: &http.Transport{}}, random: rand.New(rand.NewPCG(seed, 7+uint64(i)))}
		k.readers = append(k.readers, r)
		k.kept.Readers = append(k.kept.Readers, r.seen)
	}
	return k
}

func (k *keptRoom) now() time.Duration { return time.Since(k.began) }

// keep sets for how long entries are kept, on any node, until that is answered.
func (k *keptRoom) keep(ctx context.Context, d time.Duration) error {
	client := &http.Client{}
	defer client.CloseIdleConnections()
	variables := map[string]any{"s": keptSession, "r": int(d / time.Second)}
	for n := 0; ; n++ {
		var data struct{ UpdateSession struct{ Retention int } }
		err := ask(ctx, client, k.world.nodes[n%len(k.world.nodes)], secret, keepOperation, variables, &data)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !passing(err) {
			return fmt.Errorf("set how long entries are kept: %w", err)
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// post adds entries, one after the other, until ctx is done. Each is tried again, with its key, on one node after another, and given up
// after a while.
func (k *keptRoom) post(ctx context.Context, name string, random *rand.Rand) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for n := 0; ctx.Err() == nil; n++ {
		add := &history.Add{Body: fmt.Sprintf("%s %d", name, n), Began: k.now(), Ended: history.Never}
		k.mu.Lock()
		k.kept.Adds = append(k.kept.Adds, add)
		k.mu.Unlock()
		for try := 0; try < 8; try++ {
			var data struct {
				AddChatEntry struct {
					Seq    int64
					Cursor string
				}
			}
			// The key is known as long as the entry: a try that came after that would add it again.
			if k.now()-add.Began > k.world.keptTime()/2 {
				break
			}
			err := askFor(context.WithoutCancel(ctx), k.world.keptTime()/4, client, k.world.nodes[random.IntN(len(k.world.nodes))], secret, keptPost,
				map[string]any{"s": keptSession, "b": add.Body, "k": add.Body}, &data)
			if err == nil {
				k.mu.Lock()
				add.Ended = k.now()
				add.Answer = history.Entry{Seq: data.AddChatEntry.Seq, Place: history.Place(data.AddChatEntry.Cursor), Body: add.Body}
				k.mu.Unlock()
				break
			}
			if !passing(err) {
				k.world.fault("%s: %v", name, err)
			}
			pause(ctx, 20*time.Millisecond)
		}
		pause(ctx, 5*time.Millisecond+rand.N(20*time.Millisecond))
	}
}

// follow reads on one node after another, and stays away in between, until ctx is done.
func (r *keptReader) follow(ctx context.Context) {
	defer r.client.CloseIdleConnections()
	for ctx.Err() == nil {
		visit, leave := context.WithTimeout(ctx, time.Second+rand.N(3*time.Second))
		if err := r.read(visit, r.room.world.nodes[r.random.IntN(len(r.room.world.nodes))]); err != nil && !passing(err) {
			r.room.world.fault("%s: %v", r.seen.Name, err)
		}
		leave()
		wait := 100 * time.Millisecond
		if r.away > 0 && !r.room.world.settling.Load() {
			wait += rand.N(r.away)
		}
		pause(ctx, wait)
	}
}

// read reads from one node until the stream ends.
func (r *keptReader) read(ctx context.Context, node string) error {
	return listen(ctx, r.client, node, keptEvents, map[string]any{"s": keptSession, "a": r.cursor}, "", func(data []byte) error {
		answer, err := eventOf[struct {
			LogEvents struct {
				Entry struct {
					Seq  int64
					Body string
				}
				Cursor, To string
			}
		}](data)
		if err != nil {
			return err
		}
		e := answer.LogEvents
		r.room.mu.Lock()
		r.cursor = e.Cursor + e.To
		r.seen.Seen = append(r.seen.Seen, history.KeptSighting{Place: history.Place(r.cursor), Seq: e.Entry.Seq, Body: e.Entry.Body, At: r.room.now()})
		r.room.mu.Unlock()
		return nil
	})
}

// complete waits until every reader has come to the end of the log, and records that.
func (k *keptRoom) complete(ctx context.Context) {
	end := int64(0)
	var failed error
	for deadline := time.Now().Add(convergeTimeout); time.Now().Before(deadline) && ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		if end == 0 {
			var page keptAnswer
			if failed = k.page(ctx, 0, "0", &page); failed != nil {
				continue
			}
			end = history.Place(page.Session.LastCursor)
		}
		k.mu.Lock()
		behind := slices.ContainsFunc(k.readers, func(r *keptReader) bool { return history.Place(r.cursor) < end })
		k.mu.Unlock()
		if !behind {
			break
		}
	}
	if failed != nil {
		k.world.fault("the end of the log of %s: %v", keptSession, failed)
	}
	for _, r := range k.readers {
		r.seen.Complete = true
	}
}

// keptAnswer is an answer of keptPage.
type keptAnswer struct {
	Session     struct{ FirstCursor, LastCursor string }
	ChatEntries struct {
		Nodes []struct {
			Seq          int64
			Body, Cursor string
		}
	}
}

func (k *keptRoom) page(ctx context.Context, node int, after string, page *keptAnswer) error {
	client := &http.Client{}
	defer client.CloseIdleConnections()
	return ask(ctx, client, k.world.nodes[node], secret, keptPage, map[string]any{"s": keptSession, "a": after}, page)
}

// awaitRemoval waits until something was removed: at the end of a short run nothing may be old enough.
func (k *keptRoom) awaitRemoval(ctx context.Context) {
	for deadline := time.Now().Add(k.world.keptTime() + convergeTimeout); time.Now().Before(deadline) && ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		var page keptAnswer
		if k.page(ctx, 0, "0", &page) == nil && (history.Place(page.Session.LastCursor) == 0 || history.Place(page.Session.FirstCursor) > 0) {
			return
		}
	}
}

// judge reads what is left of the log, from which nothing is removed any more, on every node, and checks the history.
func (k *keptRoom) judge(ctx context.Context) (*history.Verdict, error) {
	k.awaitRemoval(ctx)
	if err := k.keep(ctx, 0); err != nil {
		return nil, err
	}
	k.kept.ReadAt = k.now()
	for node := range k.world.nodes {
		var log []history.Entry
		first := ""
		for after := "0"; ; {
			var page keptAnswer
			if err := k.page(ctx, node, after, &page); err != nil {
				return nil, fmt.Errorf("read the log of %s on node %d: %w", keptSession, node+1, err)
			}
			first = page.Session.FirstCursor
			if len(page.ChatEntries.Nodes) == 0 {
				break
			}
			for _, e := range page.ChatEntries.Nodes {
				log = append(log, history.Entry{Seq: e.Seq, Body: e.Body, Place: history.Place(e.Cursor)})
				after = e.Cursor
			}
		}
		front := history.Place(first)
		if node > 0 && (!slices.Equal(log, k.kept.Log) || front != k.kept.Front) {
			k.world.fault("%s: node %d reads another log than node 1", keptSession, node+1)
			continue
		}
		k.kept.Log, k.kept.Front = log, front
	}
	if k.kept.Front == 0 {
		k.world.fault("nothing of %s was removed", keptSession)
	}
	return history.CheckKept(&k.kept), nil
}
