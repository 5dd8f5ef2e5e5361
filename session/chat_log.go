package session

import (
	"context"
	"time"
)

// chatLog writes to the sessions' logs: concurrent adds and changes are committed in groups, and what is new is published.
type chatLog struct {
	store     Store
	publisher *publisher
	health    *health
	metrics   Metrics
	traces    traces
	queue     writeQueue[logWrite, logResult]
	reactions *reactions
}

// logWrite is a write to one session's log: exactly one of entry, changes, deletion and erasure is set.
type logWrite struct {
	sessionID string
	entry     *NewEntry
	changes   []NewChange
	deletion  *deletion
	trace     *Trace // of the operation; a pointer, since most writes are not traced and a queue holds thousands
	erasure   *erasurePart
}

// erasurePart is a part of an erasure in a session.
type erasurePart struct {
	id   string
	from ErasurePlace
}

// deletion deletes the newest entries of a user, or of a connection where userID is nil.
type deletion struct {
	connectionID string
	userID       *string
	by           Actor
	before       int64 // the Seq of the oldest entry that was deleted so far; 0 at first
}

// deletionLimit is how many entries are deleted in one transaction.
const deletionLimit = 200

// logResult is the outcome of a logWrite.
type logResult struct {
	entry   EntryResult
	changes []ChangeResult
	next    int64 // of a deletion: where to go on; 0 where nothing is left
	erased  ErasedPart
	err     error  // of a deletion or an erasure
	trace   *Trace // of the commit; nil where it is not traced
}

func newChatLog(cfg Config, p *publisher, h *health, b *background) *chatLog {
	l := &chatLog{store: cfg.Store, publisher: p, health: h, metrics: cfg.Metrics, traces: traces{cfg.Tracer}}
	l.queue = newWriteQueue(cfg.Store.ParallelCommits(), cfg.GroupLimit, cfg.QueueLimit,
		func(w logWrite) string { return w.sessionID }, l.commit)
	l.reactions = newReactions(b, cfg.QueueLimit, l.writeChanges)
	return l
}

// run commits writes until close is called and none waits.
func (l *chatLog) run() { l.queue.Run() }

// close refuses further writes.
func (l *chatLog) close() {
	l.reactions.close()
	l.queue.Close()
}

// waiting returns how many writes wait to be committed.
func (l *chatLog) waiting() int { return l.queue.Waiting() }

// beginAdd queues an entry to be stored. result waits until it is on disk, and returns it, or the first one with the same idempotency
// key; its errors are those of Store.AppendEntries, and its ctx's own, and then the entry may be stored or not. ctx is the operation's.
// Errors: UNAVAILABLE.
func (l *chatLog) beginAdd(ctx context.Context, e NewEntry) (result func(context.Context) (EntryResult, error), err error) {
	begun, err := l.queue.begin(logWrite{sessionID: e.SessionID, entry: &e, trace: l.traces.operation(ctx)})
	return func(ctx context.Context) (EntryResult, error) {
		r, err := resultOf(ctx, begun)
		l.traces.stored(ctx, r.trace)
		return r.entry, err
	}, err
}

// beginChange begins a change of an entry, and result waits for it. ctx is the operation's. Errors: UNAVAILABLE.
func (l *chatLog) beginChange(ctx context.Context, c NewChange) (result func(context.Context) (ChangeResult, error), err error) {
	if c.Kind == EntryReacted {
		return l.reactions.begin(c)
	}
	begun, err := l.queue.begin(logWrite{sessionID: c.SessionID, changes: []NewChange{c}, trace: l.traces.operation(ctx)})
	return func(ctx context.Context) (ChangeResult, error) {
		r, err := resultOf(ctx, begun)
		if err != nil {
			return ChangeResult{}, err
		}
		l.traces.stored(ctx, r.trace)
		return r.changes[0], nil
	}, err
}

// react stores a reaction and returns its entry as it is then, when it is on disk. Reactions to one entry are
// gathered, so one may wait for ReactionPause. Errors: those of Store.ChangeEntries; UNAVAILABLE; ctx's own, and then the change
// may be stored or not.
func (l *chatLog) react(ctx context.Context, c NewChange) (*ChatEntry, error) {
	r, err := l.reactions.do(ctx, c)
	if err != nil {
		return nil, err
	}
	return r.Entry, r.Err
}

// writeChanges stores changes of one session in one transaction. Errors: UNAVAILABLE; ctx's own.
func (l *chatLog) writeChanges(ctx context.Context, changes []NewChange) ([]ChangeResult, error) {
	r, err := l.queue.do(ctx, logWrite{sessionID: changes[0].SessionID, changes: changes, trace: l.traces.operation(ctx)})
	l.traces.stored(ctx, r.trace)
	return r.changes, err
}

// deleteAll deletes all entries that a user has in a session, or a connection where userID is nil; not those that come meanwhile.
// Errors: UNAVAILABLE; ctx's own; then some may be deleted.
func (l *chatLog) deleteAll(ctx context.Context, sessionID, connectionID string, userID *string, by Actor) error {
	d := deletion{connectionID: connectionID, userID: userID, by: by}
	for {
		part := d
		r, err := l.queue.do(ctx, logWrite{sessionID: sessionID, deletion: &part})
		if err == nil {
			err = r.err
		}
		if err != nil || r.next == 0 {
			return err
		}
		d.before = r.next
	}
}

// erase erases a part of what a session has of an erasure's subject. Errors: UNAVAILABLE; ctx's own, and then it may be erased or not.
func (l *chatLog) erase(ctx context.Context, id, sessionID string, from ErasurePlace) (ErasedPart, error) {
	r, err := l.queue.do(ctx, logWrite{sessionID: sessionID, erasure: &erasurePart{id, from}})
	if err == nil {
		err = r.err
	}
	return r.erased, err
}

// commitErasure erases a part, and publishes what has changed.
func (l *chatLog) commitErasure(ctx context.Context, sessionID string, p erasurePart) (ErasedPart, error) {
	part, err := l.store.EraseInSession(ctx, p.id, sessionID, p.from, erasureLimit)
	if err != nil {
		return part, err
	}
	for _, change := range part.Ended {
		l.publisher.change(ctx, change)
	}
	if len(part.Log.Events) > 0 {
		l.publisher.changes(ctx, sessionID, part.Log, Trace{})
	}
	return part, nil
}

// commit stores a group of writes, and publishes what is new before any caller is answered: a caller that posts, is answered and
// then subscribes gets only later entries. All callers of a group wait at the same time, so the adds may go first.
func (l *chatLog) commit(group []logWrite) []logResult {
	ctx := context.Background() // many callers share the commit, and the last ones are stored after the service's end
	results := make([]logResult, len(group))
	var adds, changes []int
	for i, w := range group {
		switch {
		case w.entry != nil:
			adds = append(adds, i)
		case w.deletion == nil && w.erasure == nil:
			changes = append(changes, i)
		}
	}
	if len(adds) > 0 {
		l.commitAdds(ctx, group, adds, results)
	}
	if len(changes) > 0 {
		l.commitChanges(ctx, group, changes, results)
	}
	for i, w := range group {
		if w.deletion != nil {
			results[i].next, results[i].err = l.delete(ctx, w.sessionID, *w.deletion)
		}
		if w.erasure != nil {
			results[i].erased, results[i].err = l.commitErasure(ctx, w.sessionID, *w.erasure)
		}
	}
	return results
}

// commitAdds stores the entries of these writes.
func (l *chatLog) commitAdds(ctx context.Context, group []logWrite, adds []int, results []logResult) {
	entries := make([]NewEntry, len(adds))
	for n, i := range adds {
		entries[n] = *group[i].entry
	}
	start := time.Now()
	stored := l.store.AppendEntries(ctx, entries)
	fresh := make(map[string][]*ChatEntry, 1)
	n := 0
	var failed error
	for k, r := range stored {
		results[adds[k]].entry = r
		if CodeOf(r.Err) == CodeUnavailable {
			failed = r.Err
		}
		if r.Err == nil && !r.Replayed {
			fresh[r.Entry.SessionID] = append(fresh[r.Entry.SessionID], r.Entry)
			n++
		}
	}
	if n > 0 || failed != nil {
		l.health.committed(failed)
	}
	trace := l.traces.committed(start, group, adds, failed != nil)
	commit := trace.orNil()
	for _, i := range adds {
		results[i].trace = commit
	}
	if n > 0 {
		l.metrics.EntriesCommitted(n, time.Since(start))
	}
	for id, entries := range fresh {
		l.publisher.entries(ctx, id, entries, trace)
	}
}

// commitChanges stores the changes of these writes.
func (l *chatLog) commitChanges(ctx context.Context, group []logWrite, writes []int, results []logResult) {
	var changes []NewChange
	for _, i := range writes {
		changes = append(changes, group[i].changes...)
	}
	start := time.Now()
	stored := l.store.ChangeEntries(ctx, changes)
	var failed error
	events := make(map[string][]*LogEvent, 1)
	for k, r := range stored {
		if CodeOf(r.Err) == CodeUnavailable {
			failed = r.Err
		}
		if r.Err == nil && r.Event != nil {
			id := changes[k].SessionID
			events[id] = append(events[id], r.Event)
		}
	}
	trace := l.traces.committed(start, group, writes, failed != nil)
	commit := trace.orNil()
	for id, e := range events {
		l.publisher.changes(ctx, id, runOf(e), trace)
	}
	for _, m := range reacted(changes, stored) {
		l.publisher.publish(ctx, m)
	}
	for _, i := range writes {
		n := len(group[i].changes)
		results[i].trace = commit
		results[i].changes, stored = stored[:n:n], stored[n:]
	}
}

// delete deletes some entries, and returns where to go on.
func (l *chatLog) delete(ctx context.Context, sessionID string, d deletion) (next int64, err error) {
	run, next, err := l.store.DeleteEntries(ctx, sessionID, d.connectionID, d.userID, d.by, d.before, deletionLimit)
	if err == nil && len(run.Events) > 0 {
		l.publisher.changes(ctx, sessionID, run, Trace{})
	}
	return next, err
}
