package db

import (
	"context"
	"slices"

	"chattok/session"
)

// insertGuests stores the names of guests that are new.
func (g *group) insertGuests(ctx context.Context, guests []*connectionRow) error {
	if len(guests) == 0 {
		return nil
	}
	_, err := g.tx.NewInsert().Model(&guests).Exec(ctx)
	return err
}

// insertEntries stores entries, in as many statements as their sizes ask for. The first one of a log that follows a change
// begins a run: see SeqAt.
func (g *group) insertEntries(ctx context.Context, entries []*session.ChatEntry) error {
	args := make([]any, 0, plainEntryArgs*min(len(entries), maxRows))
	for len(entries) > 0 {
		size := sizeWithin(len(entries))
		kind := insertPlainEntries
		if slices.ContainsFunc(entries[:size], func(e *session.ChatEntry) bool { return !g.isPlain(e) }) {
			kind = insertEntries
		}
		args = args[:0]
		for _, e := range entries[:size] {
			var key any
			if e.IdempotencyKey != "" {
				key = storeKey(e.UserID, e.IdempotencyKey)
			}
			args = append(args, e.SessionID, e.Seq, e.ConnectionID, e.Body, key, e.CreatedAt.UnixMilli())
			if kind == insertEntries {
				args = g.appendRest(args, e)
			}
		}
		if err := g.statements.exec(ctx, g.tx, kind, size, args...); err != nil {
			return err
		}
		entries = entries[size:]
	}
	return nil
}

// isPlain says whether an entry's row has only the columns that every entry's has, in a log without changes.
func (g *group) isPlain(e *session.ChatEntry) bool {
	_, replaced := g.postedSums[e]
	return !replaced && e.UserID == nil && e.Data == nil && e.ReplyTo == 0 && e.Place == e.Seq
}

// appendRest adds the arguments of insertEntries that insertPlainEntries does not take.
func (g *group) appendRest(args []any, e *session.ChatEntry) []any {
	var user, data, reply, run, posted any
	if e.UserID != nil {
		user = *e.UserID
	}
	if e.Data != nil {
		data = *e.Data
	}
	if e.ReplyTo != 0 {
		reply = e.ReplyTo
	}
	if log := g.logs[e.SessionID]; log.newRun && e.Seq == log.before+1 {
		run = e.Place
	}
	if sum, ok := g.postedSums[e]; ok {
		posted = sum
	}
	return append(args, user, data, reply, e.Place-e.Seq, run, posted)
}

// advance stores how far the logs have grown, and indexes the senders of those that have grown by a run.
func (g *group) advance(ctx context.Context) error {
	var grown []string
	for _, id := range g.sessionIDs {
		log := g.logs[id]
		if log == nil || log.seq == log.before {
			continue
		}
		if log.seq-log.indexed >= indexRun || g.unindexed.missing(id, log.indexed, log.before) {
			if err := g.statements.exec(ctx, g.tx, indexSenders, 1, id, log.indexed, log.seq); err != nil {
				return err
			}
			log.indexed, log.indexedNow = log.seq, true
		}
		grown = append(grown, id)
		g.added += log.seq - log.before
	}
	for len(grown) > 0 {
		size := sizeWithin(len(grown))
		args := make([]any, 0, 4*size)
		for _, id := range grown[:size] {
			args = append(args, id, g.logs[id].seq, g.logs[id].indexed, g.logs[id].bytes)
		}
		if err := g.statements.exec(ctx, g.tx, advanceSeq, size, args...); err != nil {
			return err
		}
		grown = grown[size:]
	}
	return nil
}

// remember notes the logs and the senders of what was committed.
func (g *group) remember() {
	g.kept.keep(g.logs)
	for _, id := range g.sessionIDs {
		if log := g.logs[id]; log != nil && (log.indexedNow || log.before == log.indexed) && log.seq > log.before {
			g.unindexed.restart(id, log.indexed)
		}
	}
	for i := range g.results {
		if r := &g.results[i]; r.Err == nil && !r.Replayed {
			g.unindexed.add(r.Entry)
		}
	}
}

// forget drops the senders of logs that may have grown: the transaction has failed, or its outcome is unknown.
func (g *group) forget() {
	if g.begun {
		g.unindexed.forget(g.sessionIDs)
	}
}
