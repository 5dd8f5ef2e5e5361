package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"github.com/uptrace/bun"

	"chattok/session"
)

// SeqAt implements session.Store.
func (s *Store) SeqAt(ctx context.Context, sessionID string, place int64) (int64, error) {
	if place <= 0 || !storable(sessionID) {
		return 0, nil
	}
	return read(ctx, s, "read the entry at a place", func(ctx context.Context) (int64, error) {
		at, found, err := selectLogEnd(ctx, s.readers, sessionID)
		if err != nil || !found {
			return 0, err
		}
		return at.seqAt(ctx, s.readers, sessionID, place)
	})
}

// logEnd is where a log ends, and where it begins.
type logEnd struct {
	seq, changes int64
	front        session.LogFront
}

func (l logEnd) place() int64 { return l.seq + l.changes }

func selectLogEnd(ctx context.Context, db bun.IDB, sessionID string) (at logEnd, found bool, err error) {
	const query = "SELECT last_seq, changes, removed_seq, removed_place FROM sessions WHERE id = ?"
	err = db.NewRaw(query, sessionID).Scan(ctx, &at.seq, &at.changes, &at.front.Seq, &at.front.Place)
	if errors.Is(err, sql.ErrNoRows) {
		return at, false, nil
	}
	return at, err == nil, err
}

// seqAt returns how many entries were added up to a place. Entries between two changes are a run, whose places are as far apart
// as their numbers; the first entry of each run that follows a change has its place in an index. The log's first entry may be in the
// middle of a run. Of a place before it, the number of the last entry that was removed is returned.
func (l logEnd) seqAt(ctx context.Context, db bun.IDB, sessionID string, place int64) (int64, error) {
	if place <= l.front.Place {
		return l.front.Seq, nil
	}
	if place >= l.place() || l.changes == 0 {
		return min(place, l.seq), nil
	}
	type start struct{ Seq, RunPlace int64 }
	var last, next []start
	if err := db.NewRaw(sqlRunBefore, sessionID, place).Scan(ctx, &last); err != nil {
		return 0, err
	}
	if err := db.NewRaw(sqlRunAfter, sessionID, place).Scan(ctx, &next); err != nil {
		return 0, err
	}
	seq := l.front.Seq + place - l.front.Place
	if len(last) > 0 {
		seq = last[0].Seq + place - last[0].RunPlace
	}
	if len(next) > 0 {
		seq = min(seq, next[0].Seq-1) // the place is one of the changes before that run
	}
	return min(seq, l.seq), nil
}

const (
	sqlRunBefore = "SELECT seq, run_place FROM entries WHERE session_id = ? AND run_place <= ? ORDER BY run_place DESC LIMIT 1"
	sqlRunAfter  = "SELECT seq, run_place FROM entries WHERE session_id = ? AND run_place > ? ORDER BY run_place LIMIT 1"
)

// LogEvents implements session.Store. A run without an upper bound is of one state of the database, since its reader goes on behind it
// and must not have missed a change that was answered. A run with a bound is read without a transaction, which would cost a server two
// round trips more: its entries are as they are now, and a change up to the bound that is not found any more has been superseded by one
// after it.
func (s *Store) LogEvents(ctx context.Context, q session.LogQuery) (session.LogRun, error) {
	return read(ctx, s, "read log events", func(ctx context.Context) (run session.LogRun, err error) {
		switch {
		case !storable(q.SessionID) || q.Limit <= 0:
			return session.LogRun{After: q.After, Through: q.After}, nil
		case q.Before > 0:
			return selectChunk(ctx, s.readers, s.engine, q)
		}
		return selectSnapshot(ctx, s.readers, s.engine, q)
	})
}

// selectSnapshot reads a run of one state of the database.
func selectSnapshot(ctx context.Context, db *bun.DB, e *engine, q session.LogQuery) (run session.LogRun, err error) {
	err = db.RunInTx(ctx, e.snapshot, func(ctx context.Context, tx bun.Tx) (err error) {
		run, _, err = selectRun(ctx, tx, q)
		return err
	})
	if err != nil {
		return session.LogRun{}, err
	}
	return run, nil
}

// selectChunk reads a run with an upper bound. Where the log's front has moved meanwhile, the run may lack what it should have, and is
// read again.
func selectChunk(ctx context.Context, db *bun.DB, e *engine, q session.LogQuery) (session.LogRun, error) {
	run, front, err := selectRun(ctx, db, q)
	if err != nil {
		return run, err
	}
	if end, _, err := selectLogEnd(ctx, db, q.SessionID); err != nil || end.front == front {
		return run, err
	}
	return selectSnapshot(ctx, db, e, q)
}

// selectRun reads a run, and front, where the log began before that. Where the front is within the run, the run has the event that says
// so.
func selectRun(ctx context.Context, db bun.IDB, q session.LogQuery) (run session.LogRun, front session.LogFront, err error) {
	run = session.LogRun{After: q.After, Through: q.After}
	end, found, err := selectLogEnd(ctx, db, q.SessionID)
	if err != nil || !found {
		return run, front, err
	}
	front = end.front
	through := end.place()
	if q.Before > 0 {
		through = min(through, q.Before-1)
	}
	if through <= q.After {
		return run, front, nil
	}
	if run.Events, err = selectEvents(ctx, db, q, end, through); err != nil {
		return session.LogRun{}, front, err
	}
	if q.After < front.Place && front.Place <= through {
		run.Events = slices.Insert(run.Events, 0, session.NewTruncation(q.SessionID, q.Epoch, front))
		run.Events = run.Events[:min(len(run.Events), q.Limit)]
	}
	run.Through = through
	if len(run.Events) == q.Limit {
		run.Through = run.Events[q.Limit-1].Place
	}
	return run, front, nil
}

// selectEvents returns the first events of a query up to a place.
func selectEvents(ctx context.Context, db bun.IDB, q session.LogQuery, end logEnd, through int64) ([]*session.LogEvent, error) {
	first, err := end.seqAt(ctx, db, q.SessionID, q.After)
	if err != nil {
		return nil, err
	}
	last, err := end.seqAt(ctx, db, q.SessionID, through)
	if err != nil {
		return nil, err
	}
	var added, changed []*entryRow
	if first < last {
		if err := selectAdded(db, &added, q, first, last).Scan(ctx); err != nil {
			return nil, err
		}
	}
	if end.changes > 0 {
		if err := selectChanged(db, &changed, q, through).Scan(ctx); err != nil {
			return nil, err
		}
	}
	return mergeEvents(added, changed, q), nil
}

// selectAdded selects the entries that were added after one number and up to another.
func selectAdded(db bun.IDB, rows *[]*entryRow, q session.LogQuery, after, last int64) *bun.SelectQuery {
	return selectEntries(db, rows, session.EntryQuery{SessionID: q.SessionID, After: after, Before: min(last, math.MaxInt64-1) + 1, Limit: q.Limit})
}

// selectChanged selects the entries whose newest change is after the query's place and not after another.
func selectChanged(db bun.IDB, rows *[]*entryRow, q session.LogQuery, through int64) *bun.SelectQuery {
	return db.NewSelect().Model(rows).Where("session_id = ?", q.SessionID).Where("changed_place > ?", q.After).
		Where("changed_place <= ?", through).Order("changed_place").Limit(int64(q.Limit))
}

// mergeEvents returns the first events, by place. The two events of an entry share its value.
func mergeEvents(added, changed []*entryRow, q session.LogQuery) []*session.LogEvent {
	events := make([]*session.LogEvent, 0, len(added)+len(changed))
	entries := make(map[int64]*session.ChatEntry, len(changed))
	for _, row := range changed {
		entry := row.toEntry(q.Epoch)
		entries[row.Seq] = entry
		events = append(events, &session.LogEvent{Place: entry.Changed, Change: session.EntryChange(orZero(row.Change)), Entry: entry})
	}
	for _, row := range added {
		entry := entries[row.Seq]
		if entry == nil {
			entry = row.toEntry(q.Epoch)
		}
		events = append(events, &session.LogEvent{Place: entry.Place, Entry: entry})
	}
	slices.SortFunc(events, func(a, b *session.LogEvent) int { return cmp.Compare(a.Place, b.Place) })
	return events[:min(len(events), q.Limit)]
}
