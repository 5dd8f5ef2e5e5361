package db

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"chattok/session"
)

// place gives each changed entry the place of the last of its changes.
func (g *changeGroup) place() {
	for _, entry := range g.inOrder() {
		log := g.logs[entry.SessionID]
		log.Changes++
		entry.Changed = log.LastSeq + log.Changes
		g.events++
		g.erased = g.erased || entry.rewritten
	}
}

// inOrder returns the entries that have changed, in the order of their newest changes.
func (g *changeGroup) inOrder() (changed []*changedEntry) {
	for _, entry := range g.entries {
		if entry.last >= 0 {
			changed = append(changed, entry)
		}
	}
	slices.SortFunc(changed, func(a, b *changedEntry) int { return cmp.Compare(a.last, b.last) })
	return changed
}

// store writes what has changed.
func (g *changeGroup) store(ctx context.Context, backend backend) error {
	changed := g.inOrder()
	if err := g.storeEntries(ctx, backend, changed); err != nil {
		return err
	}
	if err := g.storeReactions(ctx); err != nil {
		return err
	}
	purgeAt := g.now + session.ChangeKeyTime.Milliseconds()
	appendKey := func(args []any, k usedKey) []any { return append(args, k.sessionID, k.key, k.usedFor, purgeAt) }
	if err := execList(ctx, g.statements, g.tx, insertChangeKeys, g.newKeys, appendKey); err != nil {
		return err
	}
	var grown []*sessionRow
	for _, id := range slices.Sorted(maps.Keys(g.logs)) {
		if log := g.logs[id]; beforeOf(log) != g.before[id] {
			grown = append(grown, log)
		}
	}
	appendLog := func(args []any, log *sessionRow) []any { return append(args, log.ID, log.Changes, log.Bytes) }
	return execList(ctx, g.statements, g.tx, advanceChanges, grown, appendLog)
}

func (g *changeGroup) storeEntries(ctx context.Context, backend backend, changed []*changedEntry) error {
	var rewritten, reacted, deleted []*changedEntry
	for _, entry := range changed {
		if entry.rewritten {
			rewritten = append(rewritten, entry)
		} else {
			reacted = append(reacted, entry)
		}
		if entry.Deleted() {
			deleted = append(deleted, entry)
		}
	}
	var failed error
	appendChange := func(args []any, e *changedEntry) []any {
		reactions, err := fromReactions(e.Reactions)
		failed = cmp.Or(failed, err)
		return append(args, e.SessionID, e.Seq, e.Version, e.Changed, g.now, string(e.change), reactions)
	}
	appendText := func(args []any, e *changedEntry) []any {
		var editedAt, deletedAt *int64
		var deletedBy *string
		if e.EditedAt != nil {
			at := e.EditedAt.UnixMilli()
			editedAt = &at
		}
		if e.Deleted() {
			at := e.DeletedAt.UnixMilli()
			deletedAt, deletedBy = &at, &e.DeletedBy
		}
		return append(appendChange(args, e), e.Body, e.Data, editedAt, deletedAt, deletedBy)
	}
	if err := g.updateRows(ctx, backend, updateEntries, rewritten, appendText); err != nil {
		return cmp.Or(failed, err)
	}
	if err := g.updateRows(ctx, backend, updateReactions, reacted, appendChange); err != nil {
		return cmp.Or(failed, err)
	}
	appendEntry := func(args []any, e *changedEntry) []any { return append(args, e.SessionID, e.Seq) }
	return cmp.Or(failed, execList(ctx, g.statements, g.tx, clearReactions, deleted, appendEntry))
}

// updateRows updates the rows of entries, in as few statements as the engine allows. In a file, an update may move other rows, so each row
// has a statement of its own, after which the copies that moved rows left are cleared.
func (g *changeGroup) updateRows(
	ctx context.Context, backend backend, kind statementKind, entries []*changedEntry, appendArgs func([]any, *changedEntry) []any,
) error {
	if g.statements.engine.locksRows() {
		return execList(ctx, g.statements, g.tx, kind, entries, appendArgs)
	}
	for i, entry := range entries {
		if err := execList(ctx, g.statements, g.tx, kind, entries[i:i+1], appendArgs); err != nil {
			return err
		}
		if err := backend.clearMoved(ctx, g.tx, entrySeq{entry.SessionID, entry.Seq}); err != nil {
			return err
		}
	}
	return nil
}

// execList runs a statement over a list of items, as often as its sizes ask for.
func execList[T any](
	ctx context.Context, s *statements, tx bun.Tx, kind statementKind, items []T, appendArgs func([]any, T) []any,
) error {
	var args []any
	for len(items) > 0 {
		size := sizeWithin(len(items))
		args = args[:0]
		for _, item := range items[:size] {
			args = appendArgs(args, item)
		}
		if err := s.exec(ctx, tx, kind, size, args...); err != nil {
			return err
		}
		items = items[size:]
	}
	return nil
}

// answer fills in the results.
func (g *changeGroup) answer() {
	for i := range g.changes {
		c, result := &g.changes[i], &g.results[i]
		if result.Err != nil {
			continue
		}
		entry := g.entries[entrySeq{c.SessionID, c.Seq}]
		result.Entry = entry.ChatEntry
		if entry.last == i {
			result.Event = entry.event()
		}
		if c.Kind == session.EntryReacted {
			result.Reactions = g.reactionsTo(entry.ChatEntry, reactorOf(c.Actor))
		}
	}
}

func (e *changedEntry) event() *session.LogEvent {
	return &session.LogEvent{Place: e.Changed, Change: e.change, Entry: e.ChatEntry, Superseded: e.before}
}

// committed counts the events, and tells the backend when texts were removed.
func (g *changeGroup) committed(s *Store) {
	s.total.Add(g.events)
	if g.erased {
		s.backend.erased()
	}
}

// logRun returns the events of deletions in one session; after is the session's last place before them.
func (g *changeGroup) logRun(after int64) (run session.LogRun, err error) {
	run.After, run.Through = after, after+g.events
	for i := range g.results {
		if err := g.results[i].Err; err != nil {
			return session.LogRun{}, err
		}
		if event := g.results[i].Event; event != nil {
			run.Events = append(run.Events, event)
		}
	}
	return run, nil
}
