package db

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"chattok/session"
)

// maxKeptLogs bounds a keptLogs.
const maxKeptLogs = 4096

// keptLogs has the ends of logs as the latest transactions left them, so that a busy session is not read for each group of entries, which
// takes a lone entry a tenth of its time. Any transaction but an append may change a session, so one in between empties it. It is for a
// database in which nobody else writes; where another program adds an entry all the same, its number is taken twice, the database
// refuses the second, and the session is read.
type keptLogs struct {
	alone  bool         // nobody else writes, and there is one turn to write, with which the rest is used; set before use
	writes atomic.Int64 // transactions that have begun
	after  int64        // writes, when the latest of the logs was kept
	logs   map[string]*logState
}

// begin counts a transaction.
func (k *keptLogs) begin() { k.writes.Add(1) }

// find puts the logs that are kept into found, as they are before the transaction that has begun, and returns the ids of the other
// sessions.
func (k *keptLogs) find(ids []string, found map[string]*logState, now int64) (unknown []string) {
	if !k.alone || k.after != k.writes.Load()-1 {
		return ids
	}
	for _, id := range ids {
		kept := k.logs[id]
		if kept == nil {
			unknown = append(unknown, id)
			continue
		}
		log := *kept
		log.before, log.indexedNow, log.now = log.seq, false, now
		found[id] = &log
	}
	return unknown
}

// keep remembers the logs of a transaction that was committed.
func (k *keptLogs) keep(logs map[string]*logState) {
	if !k.alone {
		return
	}
	begun := k.writes.Load()
	if k.logs == nil || k.after != begun-1 || len(k.logs)+len(logs) > maxKeptLogs {
		k.logs = make(map[string]*logState, len(logs))
	}
	for id, log := range logs {
		if log == nil {
			continue
		}
		log.newRun = log.newRun && log.seq == log.before
		k.logs[id] = log
	}
	k.after = begun
}

// lookUpLogs finds the ends of the sessions' logs.
func (g *group) lookUpLogs(ctx context.Context) error {
	// The clock of a database that nobody else writes in is this machine's.
	unknown := g.kept.find(g.sessionIDs, g.logs, time.Now().UnixMilli()+g.offset())
	return selectList(ctx, g.statements, g.tx, selectLogs, unknown, appendText, func(rows *sql.Rows) error {
		var id string
		var epoch, runChanges int64
		var deleted bool
		log := new(logState)
		if err := rows.Scan(&id, &epoch, &log.unlimited, &log.seq, &log.removed, &log.indexed, &log.bytes, &log.revision, &log.changes, &runChanges,
			&log.slowMode, &log.readOnly, &log.bannedUntil, &deleted, &log.now); err != nil {
			return err
		}
		if deleted {
			g.deleted[id] = true
			return nil
		}
		log.newRun = log.changes != runChanges
		log.epoch, log.before, log.now = session.Epoch(epoch), log.seq, log.now+g.offset()
		g.logs[id] = log
		return nil
	})
}
