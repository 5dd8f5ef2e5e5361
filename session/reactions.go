package session

import (
	"context"
	"slices"
	"sync"
	"time"
)

// reactions gathers reactions to the same entry, so that those who follow a log get few changes of it whatever the storm. The
// first reaction to an entry is stored at once. Those that come within ReactionPause of it wait, and are stored together.
type reactions struct {
	background *background
	limit      int // reactions that may wait
	store      func(ctx context.Context, changes []NewChange) ([]ChangeResult, error)
	stores     chan struct{} // one element for each write of reactions that waits to be committed

	mu      sync.Mutex
	entries map[entryKey]*gathering
	waiting int // over all entries
	closed  bool
	closing chan struct{} // closed with closed
}

// entryKey names an entry.
type entryKey struct {
	sessionID string
	seq       int64
}

// gathering is the reactions to one entry that wait; a goroutine stores them until there are none left for ReactionPause.
type gathering struct {
	waiting []*waitingReaction // guarded by reactions.mu
}

// waitingReaction is a reaction that waits to be stored.
type waitingReaction struct {
	change NewChange
	answer chan reactionAnswer // buffers one
}

type reactionAnswer struct {
	result ChangeResult
	err    error
}

// reactionStores is how many writes of reactions wait to be committed at once, so that reactions to a thousand entries don't keep
// everybody else's adds waiting for all of them.
const reactionStores = 64

// reactionBatch is how many reactions to one entry are stored at once.
const reactionBatch = 1024

// newReactions returns a gatherer of which up to limit reactions may wait. store stores changes of one entry in one transaction.
func newReactions(b *background, limit int, store func(context.Context, []NewChange) ([]ChangeResult, error)) *reactions {
	return &reactions{background: b, limit: limit, store: store, entries: make(map[entryKey]*gathering), closing: make(chan struct{}),
		stores: make(chan struct{}, reactionStores)}
}

// close refuses further reactions, and those that wait.
func (r *reactions) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.closing)
	}
}

// do stores a reaction with others to the same entry. Errors: UNAVAILABLE; ctx's own, and then it may be stored or not.
func (r *reactions) do(ctx context.Context, c NewChange) (ChangeResult, error) {
	result, err := r.begin(c)
	if err != nil {
		return ChangeResult{}, err
	}
	return result(ctx)
}

// begin is do for a caller that does not wait yet: result does so. Errors: UNAVAILABLE.
func (r *reactions) begin(c NewChange) (result func(context.Context) (ChangeResult, error), err error) {
	w := &waitingReaction{c, make(chan reactionAnswer, 1)}
	err = r.join(w)
	return func(ctx context.Context) (ChangeResult, error) {
		a, err := resultOf(ctx, w.answer)
		if err == nil {
			err = a.err
		}
		return a.result, err
	}, err
}

// join adds a reaction to those of its entry.
func (r *reactions) join(w *waitingReaction) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errStopping()
	case r.waiting >= r.limit:
		return Errorf(CodeUnavailable, "the server is too busy: %d reactions are waiting; try again", r.limit)
	}
	r.waiting++
	key := entryKey{w.change.SessionID, w.change.Seq}
	g := r.entries[key]
	if g == nil {
		g = &gathering{}
		r.entries[key] = g
		r.background.run(func(context.Context) { r.gather(key, g) })
	}
	g.waiting = append(g.waiting, w)
	return nil
}

// gather stores the reactions to an entry until none has come for ReactionPause.
func (r *reactions) gather(key entryKey, g *gathering) {
	pause := time.Duration(0)
	for {
		if pause > 0 && !r.sleep(pause) {
			r.refuse(key, g)
			return
		}
		batch := r.take(key, g)
		if batch == nil {
			return
		}
		pause = r.commit(g, batch)
	}
}

// sleep waits, and says whether the service goes on.
func (r *reactions) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.closing:
		return false
	}
}

// take removes and returns the oldest reactions; nil where there is none, and the gathering is over.
func (r *reactions) take(key entryKey, g *gathering) []*waitingReaction {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(g.waiting), reactionBatch)
	if n == 0 {
		delete(r.entries, key)
		return nil
	}
	batch := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	r.waiting -= n
	return batch
}

// commit stores reactions and answers their callers. It returns how long to wait before the next are stored: where another node
// stored some a moment ago, these wait and join them.
func (r *reactions) commit(g *gathering, batch []*waitingReaction) (pause time.Duration) {
	changes := make([]NewChange, len(batch))
	for i, w := range batch {
		changes[i] = w.change
	}
	r.stores <- struct{}{}
	results, err := r.store(context.Background(), changes) // many callers share it
	<-r.stores
	var again []*waitingReaction
	for i, w := range batch {
		if err != nil {
			w.answer <- reactionAnswer{err: err}
			continue
		}
		if wait := results[i].Wait; wait > 0 && results[i].Err == nil {
			pause = max(pause, min(wait, ReactionPause))
			again = append(again, w)
			continue
		}
		if results[i].Event != nil {
			pause = max(pause, ReactionPause)
		}
		w.answer <- reactionAnswer{result: results[i]}
	}
	if len(again) > 0 {
		r.mu.Lock()
		g.waiting = slices.Concat(again, g.waiting)
		r.waiting += len(again)
		r.mu.Unlock()
	}
	return pause
}

// refuse answers the reactions that wait, because the service stops.
func (r *reactions) refuse(key entryKey, g *gathering) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range g.waiting {
		w.answer <- reactionAnswer{err: errStopping()}
	}
	r.waiting -= len(g.waiting)
	g.waiting = nil
	delete(r.entries, key)
}

// reacted returns what the other devices of users who reacted are told.
func reacted(changes []NewChange, results []ChangeResult) (told []Message) {
	type place struct {
		user string
		entryKey
	}
	at := make(map[place]int)
	for i, r := range results {
		c := changes[i]
		if c.Kind != EntryReacted || c.Actor.UserID == nil || r.Err != nil || r.Wait > 0 || r.Entry == nil {
			continue
		}
		m := Message{SessionID: c.SessionID, User: &UserEvent{UserID: *c.Actor.UserID, Epoch: r.Entry.Epoch, Seq: c.Seq,
			Version: r.Entry.Version, Reactions: r.Reactions}}
		key := place{*c.Actor.UserID, entryKey{c.SessionID, c.Seq}}
		if n, ok := at[key]; ok {
			told[n] = m
			continue
		}
		at[key] = len(told)
		told = append(told, m)
	}
	return told
}
