package db

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/uptrace/bun"

	"chattok/session"
)

// group is one transaction's entries, and what the database says of them.
type group struct {
	tx      bun.Tx
	prepare *statements
	recent  *recentSenders
	live    *liveSenders
	entries []session.NewEntry
	results []session.EntryResult

	sessionIDs, senderIDs []string // distinct
	sendersIn             []string // the session that each of senderIDs is first seen in
	keys                  []entryKey

	heads   map[string]*logHead
	senders map[string]sender
	used    map[entryKey]*session.ChatEntry
}

// logHead is where a session's log ends, in the course of the transaction.
type logHead struct {
	epoch       session.Epoch
	seq, before int64
	indexed     int64 // up to where sender_entries has it
	bytes       int64 // of the log, as session.ChatEntry.QuotaBytes counts
	unlimited   bool  // made by a backend, so no quota holds
	restarts    bool  // that it has all of it now
	revision    int64 // of the roster
	now         int64
}

type sender struct {
	sessionID   string
	guest, live bool
}

type entryKey struct{ sessionID, key string }

// begin forgets what an earlier try at the transaction found.
func (g *group) begin(tx bun.Tx) {
	g.tx = tx
	clear(g.results)
	clear(g.heads)
	clear(g.senders)
	clear(g.used)
}

// ready collects what is to be looked up, and prepares the statements. Sessions are looked up in order, since their rows
// are taken with that.
func (g *group) ready(ctx context.Context) error {
	g.heads = make(map[string]*logHead)
	g.senders = make(map[string]sender, len(g.entries))
	g.used = make(map[entryKey]*session.ChatEntry)
	for i := range g.entries {
		e := &g.entries[i]
		// What can't be in the database is not asked for, and so not found.
		if _, seen := g.heads[e.SessionID]; !seen && storable(e.SessionID) {
			g.heads[e.SessionID] = nil
			g.sessionIDs = append(g.sessionIDs, e.SessionID)
		}
		if _, seen := g.senders[e.ConnectionID]; !seen && storable(e.ConnectionID) {
			g.senders[e.ConnectionID] = sender{}
			g.senderIDs, g.sendersIn = append(g.senderIDs, e.ConnectionID), append(g.sendersIn, e.SessionID)
		}
		if e.IdempotencyKey != "" && storable(e.SessionID) && storable(e.IdempotencyKey) {
			g.keys = append(g.keys, entryKey{e.SessionID, e.IdempotencyKey})
		}
	}
	slices.Sort(g.sessionIDs)
	if err := g.prepare.ready(ctx, indexSenders, 1); err != nil {
		return err
	}
	for size := 1; size <= sizeWithin(len(g.entries)); size *= 2 { // of which there are no fewer than sessions
		if err := g.prepare.ready(ctx, advanceSeq, size); err != nil {
			return err
		}
	}
	for kind, n := range map[statementKind]int{
		selectHeads: len(g.sessionIDs), selectUsedKeys: len(g.keys),
	} {
		if n == 0 {
			continue
		}
		for _, size := range []int{sizeFor(min(n, maxRows)), sizeFor(max(1, n%maxRows))} {
			if err := g.prepare.ready(ctx, kind, size); err != nil {
				return err
			}
		}
	}
	for size := 1; size <= sizeFor(len(g.senderIDs)); size *= 2 {
		if err := g.prepare.ready(ctx, selectSenders, size); err != nil {
			return err
		}
	}
	for size := 1; size <= sizeWithin(len(g.entries)); size *= 2 {
		if err := g.prepare.ready(ctx, insertEntries, size); err != nil {
			return err
		}
	}
	return nil
}

// read looks up the sessions, the senders and the keys.
func (g *group) read(ctx context.Context, offset int64) error {
	err := selectList(ctx, g, selectHeads, g.sessionIDs, appendText, func(rows *sql.Rows) error {
		var id string
		var epoch int64
		head := new(logHead)
		if err := rows.Scan(&id, &epoch, &head.unlimited, &head.seq, &head.indexed, &head.bytes, &head.revision, &head.now); err != nil {
			return err
		}
		head.epoch, head.before, head.now = session.Epoch(epoch), head.seq, head.now+offset
		g.heads[id] = head
		return nil
	})
	if err != nil {
		return err
	}
	unknown := g.live.fill(g.heads, g.senderIDs, g.sendersIn, g.senders)
	err = selectList(ctx, g, selectSenders, unknown, appendText, func(rows *sql.Rows) error {
		var id string
		var from sender
		if err := rows.Scan(&id, &from.sessionID, &from.guest, &from.live); err != nil {
			return err
		}
		g.senders[id] = from
		return nil
	})
	if err != nil {
		return err
	}
	g.live.add(g.heads, unknown, g.senders)
	appendKey := func(args []any, k entryKey) []any { return append(args, k.sessionID, k.key) }
	return selectList(ctx, g, selectUsedKeys, g.keys, appendKey, func(rows *sql.Rows) error {
		var row entryRow
		if err := row.scan(rows); err != nil {
			return err
		}
		g.used[entryKey{row.SessionID, *row.IdempotencyKey}] = row.toEntry(g.heads[row.SessionID].epoch)
		return nil
	})
}

func appendText(args []any, s string) []any { return append(args, s) }

// selectList runs a statement over a list of items, as often as its size asks for, and scans every row.
func selectList[T any](
	ctx context.Context, g *group, kind statementKind, items []T, appendArgs func([]any, T) []any, scan func(*sql.Rows) error,
) error {
	var args []any
	for chunk := range slices.Chunk(items, maxRows) {
		size := sizeFor(len(chunk))
		args = args[:0]
		for _, item := range chunk {
			args = appendArgs(args, item)
		}
		for range size - len(chunk) {
			args = appendArgs(args, chunk[len(chunk)-1])
		}
		rows, err := g.prepare.query(ctx, g.tx, kind, size, args)
		if err != nil {
			return err
		}
		for rows.Next() {
			if err := scan(rows); err != nil {
				return errors.Join(err, rows.Close())
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}
