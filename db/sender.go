package db

import (
	"context"
	"errors"
	"maps"
	"math"
	"sync"

	"github.com/uptrace/bun"

	"chattok/session"
)

// Who posted what is found by sender_entries. An index on entries would have every entry change a page of its sender's
// own, of which a busy log has as many as senders, and a page that changes is what a commit costs most. So a log is
// entered there a run at a time, ordered by sender, and a page that changes takes several entries. sessions.indexed_seq
// says how far; what came after it is found in the log itself, of which recentSenders knows the places.

// indexRun is how many entries a log may have beyond what sender_entries has of it. More make an entry cheaper where
// there are many senders, and the entry that ends the run dearer. After a start it is also how many a look for one
// sender's entries goes through at most, until the log grows.
const indexRun = 512

// maxRecentLogs bounds how many logs a recentSenders knows.
const maxRecentLogs = 4096

// recentSenders knows who sent what sender_entries does not have yet, of the logs that grew since the start. Where others
// append to the same database it knows nothing, and the log is gone through.
type recentSenders struct {
	alone bool // set before use: nobody else appends
	mu    sync.RWMutex
	logs  map[string]*recentLog // by session
}

// recentLog has the entries after indexed and up to head.
type recentLog struct {
	indexed, head int64
	seqs          map[string][]int64 // by sender, ascending
}

// lacks says whether some of a log after indexed and up to head is not known, though it could be.
func (r *recentSenders) lacks(sessionID string, indexed, head int64) bool {
	if !r.alone || indexed == head {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	log := r.logs[sessionID]
	return log == nil || log.indexed > indexed || log.head != head
}

// forget drops what is known of these logs, as where it can't be told whether they grew.
func (r *recentSenders) forget(sessionIDs []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range sessionIDs {
		delete(r.logs, id)
	}
}

// restart says that sender_entries has all of a log, up to head.
func (r *recentSenders) restart(sessionID string, head int64) {
	if !r.alone {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.logs == nil {
		r.logs = make(map[string]*recentLog)
	}
	if len(r.logs) >= maxRecentLogs {
		for other := range maps.Keys(r.logs) { // any: it begins again when it grows
			delete(r.logs, other)
			break
		}
	}
	r.logs[sessionID] = &recentLog{indexed: head, head: head, seqs: make(map[string][]int64)}
}

// add takes an entry that was committed, the next of its log.
func (r *recentSenders) add(e *session.ChatEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if log := r.logs[e.SessionID]; log != nil && log.head == e.Seq-1 {
		log.head = e.Seq
		log.seqs[e.ConnectionID] = append(log.seqs[e.ConnectionID], e.Seq)
	}
}

// bounds narrows q to where its recent entries are. Where the log is not known, that is all that q has.
func (r *recentSenders) bounds(q session.EntryQuery) (after, before int64) {
	after, before = q.After, q.Before
	if before <= 0 {
		before = math.MaxInt64
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	log := r.logs[q.SessionID]
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
		return math.MaxInt64 - 1, math.MaxInt64
	}
	return first - 1, last + 1
}

// sqlIndexSenders enters a session's entries after one number and up to another in sender_entries.
const sqlIndexSenders = "INSERT INTO sender_entries (session_id, connection_id, seq) SELECT session_id, connection_id, seq" +
	" FROM entries WHERE session_id = ? AND seq > ? AND seq <= ? ORDER BY connection_id, seq"

// indexAll enters in sender_entries what it lacks of these sessions, whose rows are held.
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

// sqlIndexAll is sqlIndexSenders for all that several sessions lack. CROSS, so that SQLite begins with the sessions.
const sqlIndexAll = "INSERT INTO sender_entries (session_id, connection_id, seq) SELECT e.session_id, e.connection_id, e.seq" +
	" FROM sessions AS s CROSS JOIN entries AS e WHERE s.id IN (?) AND e.session_id = s.id" +
	" AND e.seq > s.indexed_seq AND e.seq <= s.last_seq ORDER BY e.session_id, e.connection_id, e.seq"

// sqlSenderEntries selects one sender's rows of a session: those that sender_entries has, and those that came since. It
// takes the session; session, sender, after, before and limit for the first; the same for the others, with after twice
// and the session once more before before; and limit.
func sqlSenderEntries(order string) string {
	const found = "WHERE session_id = ? AND connection_id = ? AND seq > "
	limited := " AND seq < ? ORDER BY seq " + order + " LIMIT ?"
	const notIndexed = "(SELECT CASE WHEN indexed_seq > ? THEN indexed_seq ELSE ? END FROM sessions WHERE id = ?)"
	return "SELECT " + sqlEntryColumns + " FROM entries AS e WHERE session_id = ? AND seq IN (" +
		"SELECT seq FROM (SELECT seq FROM sender_entries " + found + "?" + limited + ") AS indexed UNION ALL " +
		"SELECT seq FROM (SELECT seq FROM entries " + found + notIndexed + limited + ") AS recent" +
		") ORDER BY seq " + order + " LIMIT ?"
}

// senderEntries reads the rows of q, which names a sender, the newest first where it goes backward.
func (s *Store) senderEntries(ctx context.Context, q session.EntryQuery) (found []*entryRow, err error) {
	kind := selectSenderForward
	if q.Backward {
		kind = selectSenderBackward
	}
	before := q.Before
	if before <= 0 {
		before = math.MaxInt64
	}
	recentAfter, recentBefore := s.recent.bounds(q)
	rows, err := s.reading.read(ctx, kind, q.SessionID,
		q.SessionID, q.ConnectionID, q.After, before, q.Limit,
		q.SessionID, q.ConnectionID, recentAfter, recentAfter, q.SessionID, recentBefore, q.Limit, q.Limit)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row := new(entryRow)
		if err := row.scan(rows); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		found = append(found, row)
	}
	return found, errors.Join(rows.Err(), rows.Close())
}
