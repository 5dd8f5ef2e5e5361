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

// group is the entries of one transaction, with the rows that the database has for them.
type group struct {
	statements *statements
	kept       *keptLogs
	unindexed  *unindexedEntries
	live       *liveSenders
	offset     func() int64 // milliseconds to be added to the database's clock

	entries []session.NewEntry
	results []session.EntryResult

	// The look-ups, each once.
	sessionIDs []string
	senderKeys []senderKey
	keys       []entryKey

	// One try at the transaction.
	begun      bool // there was a try
	tx         bun.Tx
	logs       map[string]*logState // by session; nil for a session that does not exist
	deleted    map[string]bool      // sessions that were deleted, which have no log
	senders    map[string]sender    // by connection id
	used       usedEntries
	posted     map[readerAt]int64           // when the readers last posted in a session with slow mode
	bans       activeBans                   // of guests' addresses
	moved      map[string]int64             // the origins of guests that posted from another one before
	postedSums map[*session.ChatEntry]int64 // of new entries that were posted with another body
	added      int64
}

// logState is the end of a session's log in the course of the transaction.
type logState struct {
	epoch       session.Epoch
	seq, before int64 // of the newest entry: now, and when the transaction began
	removed     int64 // of the last entry that was removed from the front
	changes     int64 // events that changed an entry
	newRun      bool  // the newest event is a change
	indexed     int64 // of the newest entry that sender_entries has
	indexedNow  bool  // sender_entries got the rest of the log in this transaction
	bytes       int64 // of the log, with its reactions and keys, as session/quota.go counts
	unlimited   bool  // made by a backend, so no quota holds
	revision    int64 // of the roster
	slowMode    int64 // milliseconds; 0 for none
	readOnly    bool  // for all but moderators
	bannedUntil int64 // the latest end of the session's bans
	now         int64
}

// sender is a connection, or a guest's name, that posts.
type sender struct {
	sessionID   string
	guest, live bool
	role        session.Role // as it is in the transaction
	service     bool         // a service connection
	userID      *string      // of a service connection
	bannedUntil int64        // 0 where it is not banned
	origin      int64        // of a guest; 0 where no ban goes by it
}

// senderKey is a sender's id, and the session of the first entry that it posts in the group.
type senderKey struct{ id, sessionID string }

// entryKey is a session and a text of storeKey's.
type entryKey struct{ sessionID, key string }

// newGroup lists what must be looked up for the entries. Sessions are in order, since looking them up locks their rows.
func newGroup(s *Store, entries []session.NewEntry) *group {
	g := &group{statements: &s.writing, kept: &s.kept, unindexed: &s.unindexed, live: &s.live, offset: s.offset,
		entries: entries, results: make([]session.EntryResult, len(entries)),
		logs: make(map[string]*logState), deleted: make(map[string]bool), senders: make(map[string]sender, len(entries)),
		used: make(usedEntries), posted: make(map[readerAt]int64), moved: make(map[string]int64)}
	for i := range entries {
		e := &entries[i]
		// A text that can't be in the database is not asked for, and so not found.
		if _, listed := g.logs[e.SessionID]; !listed && storable(e.SessionID) {
			g.logs[e.SessionID] = nil
			g.sessionIDs = append(g.sessionIDs, e.SessionID)
		}
		if _, listed := g.senders[e.ConnectionID]; !listed && storable(e.ConnectionID) {
			g.senders[e.ConnectionID] = sender{}
			g.senderKeys = append(g.senderKeys, senderKey{e.ConnectionID, e.SessionID})
		}
		if e.IdempotencyKey != "" && storable(e.SessionID) && storable(e.IdempotencyKey) {
			g.keys = append(g.keys, entryKey{e.SessionID, storeKey(nil, e.IdempotencyKey)})
			if e.UserID != nil && storable(*e.UserID) {
				g.keys = append(g.keys, entryKey{e.SessionID, storeKey(e.UserID, e.IdempotencyKey)})
			}
		}
	}
	slices.Sort(g.sessionIDs)
	return g
}

// prepare prepares the statements that the group may need.
func (g *group) prepare(ctx context.Context) error {
	ready := func(kind statementKind, smallest, largest int) error {
		for size := smallest; size <= largest; size *= 2 {
			if err := g.statements.ready(ctx, kind, size); err != nil {
				return err
			}
		}
		return nil
	}
	most := sizeWithin(len(g.entries))
	err := errors.Join(
		ready(indexSenders, 1, 1),
		ready(insertPlainEntries, 1, most),
		ready(insertEntries, 1, most),
		ready(advanceSeq, 1, most), // there are no more sessions than entries
		ready(insertMarks, 1, most),
		ready(moveGuests, 1, most),
		ready(selectPosts, 1, sizeFor(len(g.entries))),
		ready(selectLogs, 1, sizeFor(len(g.sessionIDs))),
		ready(selectSenders, 1, sizeFor(len(g.senderKeys))),
	)
	if n := len(g.keys); n > 0 {
		for _, size := range []int{sizeFor(min(n, maxRows)), sizeFor(max(1, n%maxRows))} {
			err = errors.Join(err, ready(selectUsedKeys, size, size))
		}
	}
	return err
}

// begin forgets an earlier try at the transaction.
func (g *group) begin(tx bun.Tx) {
	g.begun, g.tx, g.added = true, tx, 0
	clear(g.results)
	clear(g.logs)
	clear(g.deleted)
	clear(g.senders)
	clear(g.used)
	clear(g.posted)
	clear(g.postedSums)
	clear(g.moved)
	g.bans = activeBans{}
}

// lookUp reads the sessions, the senders and the entries whose idempotency keys are used.
func (g *group) lookUp(ctx context.Context) error {
	if err := g.lookUpLogs(ctx); err != nil {
		return err
	}
	if err := g.lookUpDeleted(ctx); err != nil {
		return err
	}
	unknown := g.live.find(g.logs, g.senderKeys, g.senders)
	err := selectList(ctx, g.statements, g.tx, selectSenders, unknown, appendText, func(rows *sql.Rows) error {
		var id string
		var from sender
		if err := rows.Scan(&id, &from.sessionID, &from.guest, &from.origin, &from.live, &from.service, &from.role, &from.userID); err != nil {
			return err
		}
		g.senders[id] = from
		return nil
	})
	if err != nil {
		return err
	}
	if err := g.lookUpBans(ctx, unknown); err != nil {
		return err
	}
	if err := g.lookUpGuestBans(ctx); err != nil {
		return err
	}
	g.live.add(g.logs, unknown, g.senders)
	appendKey := func(args []any, k entryKey) []any { return append(args, k.sessionID, k.key) }
	err = selectList(ctx, g.statements, g.tx, selectUsedKeys, g.keys, appendKey, func(rows *sql.Rows) error {
		var row entryRow
		var posted *int64
		if err := row.scan(rows, &posted); err != nil {
			return err
		}
		g.used[entryKey{row.SessionID, *row.IdempotencyKey}] = usedEntry{row.toEntry(g.logs[row.SessionID].epoch), posted}
		return nil
	})
	if err != nil {
		return err
	}
	return g.lookUpAdmission(ctx)
}

// lookUpDeleted finds out which of the sessions that were not found were deleted, and removed since.
func (g *group) lookUpDeleted(ctx context.Context) error {
	var missing []string
	for _, id := range g.sessionIDs {
		if g.logs[id] == nil && !g.deleted[id] {
			missing = append(missing, id)
		}
	}
	removed, err := selectDeletedIDs(ctx, g.tx, missing)
	maps.Copy(g.deleted, removed)
	return err
}

func appendText(args []any, s string) []any { return append(args, s) }

// selectList runs a statement over a list of items, as often as its size asks for, and scans every row.
func selectList[T any](
	ctx context.Context, s *statements, tx bun.Tx, kind statementKind, items []T,
	appendArgs func([]any, T) []any, scan func(*sql.Rows) error,
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
		rows, err := s.query(ctx, tx, kind, size, args)
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
