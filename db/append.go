package db

import (
	"context"

	"github.com/uptrace/bun"

	"chattok/session"
)

// AppendEntries implements session.Store. This is the hot path: a group costs one look-up of its sessions, one of its
// senders, one of its keys, one update a session, and one insertion, by statements prepared once.
func (s *Store) AppendEntries(ctx context.Context, entries []session.NewEntry) []session.EntryResult {
	results := make([]session.EntryResult, len(entries))
	if len(entries) == 0 {
		return results
	}
	added, err := s.appendGroup(ctx, entries, results, insertTogether)
	if s.engine.judge(err) == failureOfRow {
		// One of the rows can't be stored: again, each for itself.
		clear(results)
		added, err = s.appendGroup(ctx, entries, results, insertSingly)
	}
	if err != nil {
		err = fail("append entries", err)
		for i := range results {
			results[i] = session.EntryResult{Err: err}
		}
		return results
	}
	s.total.Add(added)
	return results
}

// inserter judges the group's entries, stores those that pass, and fills in the results.
type inserter func(ctx context.Context, g *group) error

// appendGroup is the transaction of one group. It returns how many entries it added.
func (s *Store) appendGroup(ctx context.Context, entries []session.NewEntry, results []session.EntryResult, insert inserter) (added int64, err error) {
	w, err := s.acquireWriter(ctx)
	if err != nil {
		return 0, err
	}
	defer s.releaseWriter(w)
	ctx = context.WithoutCancel(ctx) // from here on the entries of others are at stake
	g := &group{prepare: &s.prepare, recent: &s.recent, live: &s.live, entries: entries, results: results}
	if err := g.ready(ctx); err != nil {
		return 0, err
	}
	err = s.transact(ctx, w, func(ctx context.Context, tx bun.Tx) error {
		g.begin(tx)
		if err := g.read(ctx, s.offset()); err != nil {
			return err
		}
		if err := insert(ctx, g); err != nil {
			return err
		}
		added, err = g.advance(ctx)
		return err
	})
	if err != nil {
		s.recent.forget(g.sessionIDs)
		return 0, err
	}
	g.remember()
	return added, nil
}

// insertTogether stores all that pass in one insertion.
func insertTogether(ctx context.Context, g *group) error {
	var guests []*connectionRow
	accepted := make([]*session.ChatEntry, 0, len(g.entries))
	for i := range g.entries {
		entry, guest := g.judge(i)
		if entry != nil {
			accepted = append(accepted, entry)
		}
		if guest != nil {
			guests = append(guests, guest)
		}
	}
	if err := g.insertGuests(ctx, guests); err != nil {
		return err
	}
	return g.insertEntries(ctx, accepted)
}

// insertSingly stores each that passes under a savepoint, so that one that can't be stored fails alone.
func insertSingly(ctx context.Context, g *group) error {
	for i := range g.entries {
		entry, guest := g.judge(i)
		if entry == nil {
			continue
		}
		err := g.tx.RunInTx(ctx, nil, func(ctx context.Context, _ bun.Tx) error {
			if guest != nil {
				if err := g.insertGuests(ctx, []*connectionRow{guest}); err != nil {
					return err
				}
			}
			return g.insertEntries(ctx, []*session.ChatEntry{entry})
		})
		if g.prepare.engine.judge(err) == failureOfRow {
			g.takeBack(i, entry, guest)
			g.results[i] = session.EntryResult{Err: &session.Error{
				Code: session.CodeInternal, Message: "this entry can't be stored", Err: err,
			}}
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// judge decides on entry i. It returns the entry with its number where it is to be stored, with the guest's name where
// that is new; else it has filled in the result.
func (g *group) judge(i int) (*session.ChatEntry, *connectionRow) {
	e, result := &g.entries[i], &g.results[i]
	head := g.heads[e.SessionID]
	if head == nil {
		result.Err = sessionNotFound()
		return nil, nil
	}
	from, known := g.senders[e.ConnectionID]
	if result.Err = from.mayAppend(e, known); result.Err != nil {
		return nil, nil
	}
	key := entryKey{e.SessionID, e.IdempotencyKey}
	if first := g.used[key]; first != nil && key.key != "" {
		if first.Body != e.Body {
			result.Err = session.Errorf(session.CodeBadUserInput, "idempotencyKey was used with another body").
				WithReason(session.ReasonIdempotencyConflict)
			return nil, nil
		}
		result.Entry, result.Replayed = first, true
		return nil, nil
	}
	entry := &session.ChatEntry{
		SessionID:      e.SessionID,
		Epoch:          head.epoch,
		Seq:            head.seq + 1,
		ConnectionID:   e.ConnectionID,
		Body:           e.Body,
		IdempotencyKey: e.IdempotencyKey,
		CreatedAt:      toTime(head.now),
	}
	if result.Err = head.grow(entry, e.SessionQuota); result.Err != nil {
		return nil, nil
	}
	result.Entry = entry
	if key.key != "" {
		g.used[key] = entry
	}
	if known {
		return entry, nil
	}
	g.senders[e.ConnectionID] = sender{sessionID: e.SessionID, guest: true}
	return entry, fromGuest(e.ConnectionID, e.SessionID, head.now)
}

// grow counts the entry in, as the log's newest, unless it is above the quota.
func (h *logHead) grow(entry *session.ChatEntry, quota int64) error {
	bytes := h.bytes + entry.QuotaBytes()
	if quota > 0 && bytes > quota && !h.unlimited {
		return session.Errorf(session.CodeForbidden, "this session is full: its entries take %d of %d bytes", h.bytes, quota).
			WithReason(session.ReasonSessionFull)
	}
	h.seq, h.bytes = entry.Seq, bytes
	return nil
}

// mayAppend says why the sender of e, where it is known, may not append it.
func (from sender) mayAppend(e *session.NewEntry, known bool) error {
	switch {
	case e.Guest && known && (!from.guest || from.sessionID != e.SessionID):
		return session.Errorf(session.CodeUnauthenticated,
			"connectionId is a connection's id: send its access token, or choose another name")
	case e.Guest && !storable(e.ConnectionID):
		return session.Errorf(session.CodeBadUserInput, "connectionId must be valid UTF-8 without U+0000")
	case e.Guest:
		return nil
	case !from.live || from.sessionID != e.SessionID:
		return connectionDestroyed()
	}
	return nil
}

// takeBack undoes what judge noted of an entry that could not be stored.
func (g *group) takeBack(i int, entry *session.ChatEntry, guest *connectionRow) {
	e := &g.entries[i]
	head := g.heads[e.SessionID]
	head.seq--
	head.bytes -= entry.QuotaBytes()
	if entry.IdempotencyKey != "" {
		delete(g.used, entryKey{e.SessionID, e.IdempotencyKey})
	}
	if guest != nil {
		delete(g.senders, guest.ID)
	}
}

func (g *group) insertGuests(ctx context.Context, guests []*connectionRow) error {
	if len(guests) == 0 {
		return nil
	}
	_, err := g.tx.NewInsert().Model(&guests).Exec(ctx)
	return err
}

func (g *group) insertEntries(ctx context.Context, entries []*session.ChatEntry) error {
	args := make([]any, 0, 6*min(len(entries), maxRows))
	for len(entries) > 0 {
		size := sizeWithin(len(entries))
		args = args[:0]
		for _, e := range entries[:size] {
			var key any
			if e.IdempotencyKey != "" {
				key = e.IdempotencyKey
			}
			args = append(args, e.SessionID, e.Seq, e.ConnectionID, e.Body, key, e.CreatedAt.UnixMilli())
		}
		if err := g.prepare.exec(ctx, g.tx, insertEntries, size, args...); err != nil {
			return err
		}
		entries = entries[size:]
	}
	return nil
}

// advance moves the heads of the logs that grew, and returns by how much in all.
func (g *group) advance(ctx context.Context) (added int64, err error) {
	var grown []string
	for _, id := range g.sessionIDs {
		head := g.heads[id]
		if head == nil || head.seq == head.before {
			continue
		}
		if head.seq-head.indexed >= indexRun || g.recent.lacks(id, head.indexed, head.before) {
			if err := g.prepare.exec(ctx, g.tx, indexSenders, 1, id, head.indexed, head.seq); err != nil {
				return 0, err
			}
			head.indexed, head.restarts = head.seq, true
		}
		grown = append(grown, id)
		added += head.seq - head.before
	}
	for len(grown) > 0 {
		size := sizeWithin(len(grown))
		args := make([]any, 0, 4*size)
		for _, id := range grown[:size] {
			args = append(args, id, g.heads[id].seq, g.heads[id].indexed, g.heads[id].bytes)
		}
		if err := g.prepare.exec(ctx, g.tx, advanceSeq, size, args...); err != nil {
			return 0, err
		}
		grown = grown[size:]
	}
	return added, nil
}

// remember tells who sent what was committed.
func (g *group) remember() {
	for _, id := range g.sessionIDs {
		if head := g.heads[id]; head != nil && (head.restarts || head.before == head.indexed) && head.seq > head.before {
			g.recent.restart(id, head.indexed)
		}
	}
	for i := range g.results {
		if r := &g.results[i]; r.Err == nil && !r.Replayed {
			g.recent.add(r.Entry)
		}
	}
}
