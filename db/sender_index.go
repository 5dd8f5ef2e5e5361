package db

import (
	"context"
	"maps"
	"math"
	"sync"

	"github.com/uptrace/bun"

	"chattok/session"
)

// The entries of one sender are found by the table sender_entries. An index on entries would change a page of each
// sender's own with every entry, a busy log has as many such pages as senders, and changed pages are most of the cost of a
// commit. So entries are added to sender_entries a run at a time, ordered by sender: a changed page then takes several
// entries. sessions.indexed_seq says how far a log is indexed. Later entries are found in the log itself, and
// unindexedEntries remembers where.

// indexRun is how many entries of a log may be missing in sender_entries. A longer run makes an entry cheaper where there
// are many senders, and the entry that ends the run dearer. After a start it also bounds how many entries a look for one
// sender's goes through, until the log grows.
const indexRun = 512

// maxUnindexedLogs bounds how many logs an unindexedEntries remembers.
const maxUnindexedLogs = 4096

// unindexedEntries remembers the senders of entries that sender_entries does not have yet, for logs that have grown since
// the start. Where other processes append to the same database it remembers nothing, and the log is read.
type unindexedEntries struct {
	alone bool // no other process appends; set before use
	mu    sync.RWMutex
	logs  map[string]*unindexedLog // by session
}

// unindexedLog has a log's entries after indexed and up to last.
type unindexedLog struct {
	indexed, last int64
	seqs          map[string][]int64 // by sender, ascending
}

// missing says whether an entry of the log after indexed and up to last is not remembered, though it could be.
func (u *unindexedEntries) missing(sessionID string, indexed, last int64) bool {
	if !u.alone || indexed == last {
		return false
	}
	u.mu.RLock()
	defer u.mu.RUnlock()
	log := u.logs[sessionID]
	return log == nil || log.indexed > indexed || log.last != last
}

// forget drops the entries of these sessions.
func (u *unindexedEntries) forget(sessionIDs []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range sessionIDs {
		delete(u.logs, id)
	}
}

// restart says that sender_entries has all of a log, up to last.
func (u *unindexedEntries) restart(sessionID string, last int64) {
	if !u.alone {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.logs == nil {
		u.logs = make(map[string]*unindexedLog)
	}
	if len(u.logs) >= maxUnindexedLogs {
		for other := range maps.Keys(u.logs) { // any one: it is remembered again when it grows
			delete(u.logs, other)
			break
		}
	}
	u.logs[sessionID] = &unindexedLog{indexed: last, last: last, seqs: make(map[string][]int64)}
}

// add remembers an entry that was committed, the next one of its log.
func (u *unindexedEntries) add(e *session.ChatEntry) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if log := u.logs[e.SessionID]; log != nil && log.last == e.Seq-1 {
		log.last = e.Seq
		log.seqs[e.ConnectionID] = append(log.seqs[e.ConnectionID], e.Seq)
	}
}

// narrow returns bounds, both exclusive, around those of the query's entries that are not indexed. Of a log that is not
// remembered it returns the query's own bounds.
func (u *unindexedEntries) narrow(q session.EntryQuery) (after, before int64) {
	after, before = q.After, q.Before
	if before <= 0 {
		before = math.MaxInt64
	}
	u.mu.RLock()
	defer u.mu.RUnlock()
	log := u.logs[q.SessionID]
	if log == nil {
		return after, before
	}
	var first, last int64
	seqs := log.seqs[q.ConnectionID]
	for n := 0; n < len(seqs) && q.Limit > 0; n++ {
		seq := seqs[n]
		if q.Backward {
			seq = seqs[len(seqs)-1-n]
		}
		if seq <= after || seq >= before {
			continue
		}
		if first == 0 {
			first, last = seq, seq
		}
		first, last = min(first, seq), max(last, seq)
		q.Limit--
	}
	if first == 0 {
		return math.MaxInt64 - 1, math.MaxInt64 // none
	}
	return first - 1, last + 1
}

// sqlIndexSenders adds a session's entries after one number and up to another to sender_entries.
const sqlIndexSenders = "INSERT INTO sender_entries (session_id, connection_id, seq) SELECT session_id, connection_id, seq" +
	" FROM entries WHERE session_id = ? AND seq > ? AND seq <= ? ORDER BY connection_id, seq"

// indexAll adds all entries of these sessions to sender_entries that are missing there. The sessions' rows are locked.
func indexAll(ctx context.Context, tx bun.Tx, sessions []*sessionRow) error {
	var behind []string
	for _, at := range sessions {
		if at.IndexedSeq < at.LastSeq {
			behind = append(behind, at.ID)
		}
	}
	if len(behind) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, sqlIndexAll, bun.List(behind)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "UPDATE sessions SET indexed_seq = last_seq WHERE id IN (?)", bun.List(behind))
	return err
}

// sqlIndexAll is sqlIndexSenders for several sessions. It has CROSS, so that SQLite begins with the sessions.
const sqlIndexAll = "INSERT INTO sender_entries (session_id, connection_id, seq) SELECT e.session_id, e.connection_id, e.seq" +
	" FROM sessions AS s CROSS JOIN entries AS e WHERE s.id IN (?) AND e.session_id = s.id" +
	" AND e.seq > s.indexed_seq AND e.seq <= s.last_seq ORDER BY e.session_id, e.connection_id, e.seq"
