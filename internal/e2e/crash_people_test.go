package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"chattok/internal/await"
	"chattok/internal/history"
	"chattok/internal/wsclient"
)

const (
	logEntryFields   = `id seq cursor connectionId body version deletedBy reactions{name count}`
	entriesOperation = `subscription($a:String){entryAdded(after:$a){` + logEntryFields + `}}`
	logOperation     = `subscription($a:String){logEvents(after:$a){...on EntryAdded{entry{` + logEntryFields + `} cursor} ...on EntryChanged{entry{` + logEntryFields + `} change cursor}}}`
)

// crashWriter adds entries and changes them.
type crashWriter struct {
	*crashed
	name   string
	key    any // of its user; nil for none
	me     identity
	random *rand.Rand
}

func (c *crashed) newWriter(i int, seed uint64) *crashWriter {
	w := &crashWriter{crashed: c, name: fmt.Sprintf("w%d", i), random: rand.New(rand.NewPCG(seed, uint64(i+1)))}
	if i%2 == 0 {
		w.key = fmt.Sprintf("the secret of %s in %x", w.name, seed)
	}
	return w
}

// run adds and changes until ctx is done. Each act is tried again under its key until it is answered.
func (w *crashWriter) run(ctx context.Context) {
	w.me = w.join(w.t.Context(), w.key)
	own := func(e logEntry) bool { return e.ConnectionID == w.me.id }
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("%s-%d", w.name, n)
		switch choice := w.random.IntN(10); {
		case choice < 5:
			w.add(key)
		case choice < 7:
			if e, ok := w.newest(w.random, own); ok {
				ch := w.recorder.EntryChange(history.EntryChange{Kind: history.Edited, Seq: e.Seq, Body: key, Actors: []string{w.me.id}})
				w.change(ch, w.me.token, `mutation($i:ID!,$b:String!,$k:ID!){editChatEntry(id:$i,body:$b,idempotencyKey:$k){`+logEntryFields+`}}`,
					map[string]any{"i": e.ID, "b": key, "k": key})
			}
		case choice < 8:
			w.delete(own)
		default:
			if e, ok := w.newest(w.random, func(logEntry) bool { return true }); ok {
				name, on := []string{"+1", "heart"}[w.random.IntN(2)], w.random.IntN(3) > 0
				ch := w.recorder.EntryChange(history.EntryChange{Kind: history.Reacted, Seq: e.Seq, Name: name, On: on, Actors: []string{w.name}})
				w.change(ch, w.me.token, `mutation($i:ID!,$n:String!,$o:Boolean!,$k:ID!){reactToChatEntry(id:$i,name:$n,on:$o,idempotencyKey:$k){`+logEntryFields+`}}`,
					map[string]any{"i": e.ID, "n": name, "o": on, "k": key})
			}
		}
	}
}

func (w *crashWriter) add(body string) {
	recorded := w.recorder.Add(w.me.id, body)
	var data struct{ AddChatEntry logEntry }
	w.persist(w.t.Context(), func() error {
		recorded.Retry(w.me.id)
		return w.unexpected(postAs(w.t.Context(), w.addr, w.me.token, `mutation($c:ID!,$b:String!,$k:ID!){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){`+logEntryFields+`}}`,
			map[string]any{"c": w.me.id, "b": body, "k": body}, &data))
	})
	if e := data.AddChatEntry; e.Seq != 0 {
		recorded.Answered(e.recorded())
		w.mu.Lock()
		defer w.mu.Unlock()
		w.entries = append(w.entries, e)
	}
}

// delete deletes an entry of its own, or any by the API secret.
func (w *crashWriter) delete(own func(logEntry) bool) {
	const operation = `mutation($i:ID!,$s:ID){deleteChatEntry(id:$i,sessionId:$s){` + logEntryFields + `}}`
	if w.random.IntN(2) == 0 {
		if e, ok := w.newest(w.random, own); ok {
			ch := w.recorder.EntryChange(history.EntryChange{Kind: history.Deleted, Seq: e.Seq, Actors: []string{w.me.id}})
			w.change(ch, w.me.token, operation, map[string]any{"i": e.ID})
		}
	} else if e, ok := w.newest(w.random, func(logEntry) bool { return true }); ok {
		ch := w.recorder.EntryChange(history.EntryChange{Kind: history.Deleted, Seq: e.Seq})
		w.change(ch, crashSecret, operation, map[string]any{"i": e.ID, "s": crashSession})
	}
}

// change tries a change until it is answered, or refused since the entry has been deleted.
func (w *crashWriter) change(recorded history.RecordedChange, token, operation string, variables map[string]any) {
	var data map[string]logEntry
	w.persist(w.t.Context(), func() error {
		recorded.Retry("")
		err := postAs(w.t.Context(), w.addr, token, operation, variables, &data)
		if err != nil && strings.Contains(err.Error(), "ENTRY_DELETED") {
			return nil
		}
		return w.unexpected(err)
	})
	for _, e := range data {
		recorded.Answered(e.recorded())
	}
}

// unexpected reports an error that a server that is killed does not explain, and returns err.
func (w *crashWriter) unexpected(err error) error {
	if err != nil && strings.Contains(err.Error(), `"code"`) && !strings.Contains(err.Error(), "UNAVAILABLE") {
		w.t.Errorf("%s was refused: %v", w.name, err)
		return nil
	}
	return err
}

// crashReader follows entries or the log, and resumes with its last cursor when its socket ends.
type crashReader struct {
	*crashed
	me        identity
	operation string
	seen      history.RecordedSubscriber // of a reader of entries
	log       history.RecordedLogReader  // of a reader of the log
	take      func(history.Event)
	resumes   func()

	mu     sync.Mutex
	cursor string
}

// newReader returns a reader of entries, or where i is odd of the log.
func (c *crashed) newReader(i int) *crashReader {
	r := &crashReader{crashed: c}
	if name := fmt.Sprintf("reader %d", i); i%2 == 0 {
		r.operation, r.seen = entriesOperation, c.recorder.Subscriber(name, 0)
		r.take, r.resumes = func(e history.Event) { r.seen.Saw(e.Entry) }, r.seen.Resumes
	} else {
		r.operation, r.log = logOperation, c.recorder.LogReader(name, 0)
		r.take, r.resumes = r.log.Saw, r.log.Resumes
	}
	return r
}

func (r *crashReader) run(ctx context.Context) {
	r.me = r.join(ctx, nil)
	for ctx.Err() == nil {
		if err := r.follow(ctx, func() bool { return true }); errors.Is(err, errRefused) {
			r.t.Errorf("a reader was refused: %v", err)
			return
		}
		pause(ctx, 10*time.Millisecond)
	}
}

var errRefused = errors.New("refused")

// follow reads from one socket as long as more says so, or until the socket ends.
func (r *crashReader) follow(ctx context.Context, more func() bool) error {
	c, err := wsclient.Open(ctx, "ws://"+r.addr+"/graphql", r.me.token)
	if err != nil {
		return err
	}
	defer func() { _ = c.CloseNow() }()
	r.mu.Lock()
	after := r.cursor
	r.mu.Unlock()
	if after == "" {
		after = "0"
	} else {
		r.resumes()
	}
	if err := c.Subscribe(ctx, "1", r.operation, map[string]any{"a": after}); err != nil {
		return err
	}
	for more() {
		m, err := c.Next(ctx)
		if err != nil {
			return err
		}
		if m.Type != "next" {
			return fmt.Errorf("%w: %s %s", errRefused, m.Type, m.Payload)
		}
		if err := r.event(m.Payload); err != nil {
			return err
		}
	}
	return nil
}

func (r *crashReader) event(payload json.RawMessage) error {
	var event struct {
		Data struct {
			EntryAdded logEntry
			LogEvents  logEvent
		}
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return fmt.Errorf("%w: %s", errRefused, payload)
	}
	e := event.Data.LogEvents
	if added := event.Data.EntryAdded; added.Seq != 0 {
		e = logEvent{Entry: added, Cursor: added.Cursor}
	}
	if e.Entry.Seq == 0 {
		return fmt.Errorf("%w: %s", errRefused, payload)
	}
	r.take(e.recorded())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cursor = e.Cursor
	return nil
}

// waitFor returns when the reader has everything.
func (r *crashReader) waitFor(log []history.Entry, events []history.Event) {
	r.t.Helper()
	last := log[len(log)-1].Place
	if r.operation == logOperation {
		last = events[len(events)-1].Place
	}
	await.True(r.t, fmt.Sprintf("a reader has everything up to place %d", last), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.cursor != "" && history.Place(r.cursor) >= last
	})
	if r.operation == logOperation {
		r.log.Complete()
	} else {
		r.seen.Complete()
	}
}
