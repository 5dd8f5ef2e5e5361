package db

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"chattok/session"
)

// changeGroup is the changes of one transaction, with the rows that the database has for them.
type changeGroup struct {
	statements *statements
	changes    []session.NewChange
	results    []session.ChangeResult

	// One try at the transaction.
	tx        bun.Tx
	now       int64
	logs      map[string]*sessionRow // by session
	deleted   map[string]bool        // sessions that were deleted, which have no log
	before    map[string]logBefore
	actors    map[string]actorState // by connection
	used      map[entryKey]string   // the keys that are used, with their digests
	newKeys   []usedKey
	entries   map[entrySeq]*changedEntry
	reactions map[reaction]bool // those of the actors: they were there, or are now
	stored    map[reaction]bool // those of the actors that were there
	events    int64
	erased    bool // a text was edited or deleted
}

type entrySeq struct {
	sessionID string
	seq       int64
}

// changedEntry is an entry in the course of the transaction.
type changedEntry struct {
	*session.ChatEntry                     // as it is then; a copy
	before             int64               // the place of its newest change in the database
	change             session.EntryChange // its newest change
	changedAt          int64               // the time of that
	last               int                 // the newest change in this transaction; -1 for none
	reacting           bool                // the newest one is by reactions, which are one change
	rewritten          bool                // its text has changed
}

// actorState is a connection that changes entries, as it is in the transaction.
type actorState struct {
	sessionID string
	role      session.Role
	live      bool
	service   bool // a service connection
	userID    *string
}

// logBefore is a log's last place, and the bytes that count to its session's quota.
type logBefore struct{ place, bytes int64 }

func beforeOf(log *sessionRow) logBefore { return logBefore{log.LastSeq + log.Changes, log.Bytes} }

type usedKey struct {
	entryKey
	usedFor string
}

func newChangeGroup(s *Store, changes []session.NewChange) *changeGroup {
	return &changeGroup{statements: &s.writing, changes: changes, results: make([]session.ChangeResult, len(changes))}
}

// prepare prepares the statements that the group may need.
func (g *changeGroup) prepare(ctx context.Context) error { return g.prepareFor(ctx, len(g.changes)) }

// prepareFor prepares the statements that up to n changes need.
func (g *changeGroup) prepareFor(ctx context.Context, n int) error {
	var errs []error
	for _, kind := range []statementKind{selectBySeq, selectChangeKeys, selectReactions, updateEntries, updateReactions,
		advanceChanges, insertReactions, deleteReactions, clearReactions, insertChangeKeys} {
		for size := 1; size <= sizeFor(min(max(n, 1), maxRows)); size *= 2 {
			errs = append(errs, g.statements.ready(ctx, kind, size))
		}
	}
	if !g.statements.engine.locksRows() {
		for _, kind := range []statementKind{selectEntryRow, selectPage, updatePage} {
			errs = append(errs, g.statements.ready(ctx, kind, 1))
		}
		errs = append(errs, g.statements.ready(ctx, selectPages, 2*movedLeaves))
	}
	return errors.Join(errs...)
}

// run makes the changes in a transaction.
func (g *changeGroup) run(ctx context.Context, s *Store, tx bun.Tx) (err error) {
	g.tx, g.newKeys, g.events, g.erased = tx, nil, 0, false
	clear(g.results)
	g.logs, g.before = make(map[string]*sessionRow), make(map[string]logBefore)
	g.actors, g.used = make(map[string]actorState), make(map[entryKey]string)
	g.entries, g.reactions, g.stored = make(map[entrySeq]*changedEntry), make(map[reaction]bool), make(map[reaction]bool)
	if err := s.admitChange(ctx, tx); err != nil {
		return err
	}
	if err := g.lookUp(ctx, s); err != nil {
		return err
	}
	for i := range g.changes {
		g.results[i].Wait, g.results[i].Err = g.change(i)
	}
	g.place()
	if err := g.store(ctx, s.backend); err != nil {
		return err
	}
	g.answer()
	return nil
}

// lookUp locks the sessions, and reads what the changes are decided by.
func (g *changeGroup) lookUp(ctx context.Context, s *Store) error {
	ids, actors := make(map[string]bool), make(map[string]bool)
	keys, seqs, reactors := make(map[entryKey]bool), make(map[entrySeq]bool), make(map[reaction]bool)
	for i := range g.changes {
		c := &g.changes[i]
		if !storableChange(c) {
			continue
		}
		ids[c.SessionID] = true
		seqs[entrySeq{c.SessionID, c.Seq}] = true
		actors[c.Actor.ConnectionID] = true
		if c.Kind == session.EntryReacted {
			reactors[reaction{entrySeq: entrySeq{c.SessionID, c.Seq}, reactor: reactorOf(c.Actor)}] = true
		}
		if c.IdempotencyKey != "" {
			keys[entryKey{c.SessionID, storeKey(c.Actor.UserID, c.IdempotencyKey)}] = true
		}
	}
	sessions, err := selectSessions(ctx, g.tx, slices.Sorted(maps.Keys(ids)))
	if err != nil {
		return err
	}
	for _, row := range sessions {
		g.logs[row.ID], g.before[row.ID] = row, beforeOf(row)
	}
	if len(sessions) < len(ids) {
		if g.deleted, err = selectDeletedIDs(ctx, g.tx, slices.Collect(maps.Keys(ids))); err != nil {
			return err
		}
	}
	if g.now, err = s.now(ctx, g.tx); err != nil { // after the wait for the locks
		return err
	}
	if err := g.lookUpActors(ctx, slices.Sorted(maps.Keys(actors))); err != nil {
		return err
	}
	if err := g.lookUpKeys(ctx, slices.Collect(maps.Keys(keys))); err != nil {
		return err
	}
	if err := g.lookUpEntries(ctx, slices.Collect(maps.Keys(seqs))); err != nil {
		return err
	}
	return g.lookUpReactions(ctx, slices.Collect(maps.Keys(reactors)))
}

func (g *changeGroup) lookUpActors(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := selectConnections(ctx, g.tx, ids)
	for _, row := range rows {
		g.actors[row.ID] = actorState{row.SessionID, session.Role(row.Role), row.live(), row.isService(), row.UserID}
	}
	return err
}

func (g *changeGroup) lookUpKeys(ctx context.Context, keys []entryKey) error {
	appendKey := func(args []any, k entryKey) []any { return append(args, k.sessionID, k.key) }
	return selectList(ctx, g.statements, g.tx, selectChangeKeys, keys, appendKey, func(rows *sql.Rows) error {
		var key usedKey
		err := rows.Scan(&key.sessionID, &key.key, &key.usedFor)
		g.used[key.entryKey] = key.usedFor
		return err
	})
}

func (g *changeGroup) lookUpEntries(ctx context.Context, seqs []entrySeq) error {
	return selectList(ctx, g.statements, g.tx, selectBySeq, seqs, appendSeq, func(rows *sql.Rows) error {
		var row entryRow
		if err := row.scan(rows); err != nil {
			return err
		}
		log := g.logs[row.SessionID]
		if log == nil {
			return nil
		}
		entry := row.toEntry(session.Epoch(log.Epoch))
		g.entries[entrySeq{row.SessionID, row.Seq}] = &changedEntry{ChatEntry: entry, before: entry.Changed,
			change: session.EntryChange(orZero(row.Change)), changedAt: orZero(row.ChangedAt), last: -1}
		return nil
	})
}

func (g *changeGroup) lookUpReactions(ctx context.Context, reactors []reaction) error {
	appendReactor := func(args []any, r reaction) []any { return append(args, r.sessionID, r.seq, r.reactor) }
	return selectList(ctx, g.statements, g.tx, selectReactions, reactors, appendReactor, func(rows *sql.Rows) error {
		var r reaction
		err := rows.Scan(&r.sessionID, &r.seq, &r.reactor, &r.name)
		g.reactions[r], g.stored[r] = true, true
		return err
	})
}

func appendSeq(args []any, at entrySeq) []any { return append(args, at.sessionID, at.seq) }
