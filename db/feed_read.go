package db

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"chattok/session"
)

// Limits of a run of the feed that is read without an upper bound. Every reader may read one at the same time, and an entry may have
// 20 KiB of text.
const (
	feedPageRows   = 500
	feedPagePlaces = 128
)

// FeedEnd implements session.Store.
func (s *Store) FeedEnd(ctx context.Context) (session.FeedEnd, error) {
	return read(ctx, s, "read the end of the feed", func(ctx context.Context) (end session.FeedEnd, err error) {
		type ends struct{ Epoch, Place, Truncated int64 }
		var rows []ends
		const query = "SELECT s.epoch, coalesce((SELECT place FROM feed_state WHERE name = ?), 0) AS place," +
			" coalesce((SELECT place FROM feed_state WHERE name = ?), 0) AS truncated FROM sessions AS s WHERE s.id = ?"
		err = s.readers.NewRaw(query, feedEnd, feedTruncated, session.Lobby).Scan(ctx, &rows)
		if err != nil || len(rows) == 0 {
			return end, err
		}
		return session.FeedEnd{Epoch: session.Epoch(rows[0].Epoch), Place: rows[0].Place, Truncated: rows[0].Truncated}, nil
	})
}

// feedRun is a row of feed as it is read, with the places of it that are asked for.
type feedRun struct {
	feedRow      `bun:",extend"`
	SessionEpoch *int64 `bun:"session_epoch"` // of the session whose events these are; nil where it has gone
	from, to     int64  // places
}

// whole says whether all places of the row are asked for.
func (r *feedRun) whole() bool { return r.from == r.FirstPlace && r.to == r.LastPlace }

// source returns the place in the session's log, or the revision, that a place of the row stands for.
func (r *feedRun) source(place int64) int64 { return r.FromPlace + place - r.FirstPlace }

// FeedEvents implements session.Store. It reads without a transaction: an event is as it is when it is read, and a change that is not
// found any more has been superseded by one that is later in the feed.
func (s *Store) FeedEvents(ctx context.Context, after, before int64) (session.FeedRun, error) {
	return read(ctx, s, "read the feed", func(ctx context.Context) (run session.FeedRun, err error) {
		run = session.FeedRun{After: after, Through: after}
		end, err := feedPlace(ctx, s.readers, feedEnd)
		if err != nil || end <= after {
			return run, err
		}
		rows, through, err := selectFeed(ctx, s.readers, after, before, end)
		if err != nil {
			return run, err
		}
		r := &feedReading{db: s.readers, engine: s.engine, runs: make(map[feedSequence][]*feedRun)}
		if err := r.readAll(ctx, rows); err != nil {
			return run, err
		}
		if err := r.truncate(ctx, rows); err != nil {
			return run, err
		}
		run.Through, run.Events = through, r.events
		slices.SortFunc(run.Events, func(a, b *session.FeedEvent) int { return cmp.Compare(a.Place, b.Place) })
		return run, nil
	})
}

// selectFeed returns the rows between two places, and the place up to which they go. end is where the feed ends.
func selectFeed(ctx context.Context, db bun.IDB, after, before, end int64) (rows []*feedRun, through int64, err error) {
	through, limit := min(end, before-1), int(before-after) // a row has a place at least
	if before == 0 {
		through, limit = end, feedPageRows
	}
	if through <= after {
		return nil, after, nil
	}
	var found []*feedRun
	if err := db.NewRaw(sqlFeed, after+1, through, limit).Scan(ctx, &found); err != nil {
		return nil, after, err
	}
	if before == 0 {
		if len(found) == limit {
			through = found[limit-1].LastPlace
		}
		for _, row := range found { // after what has no events
			if row.LastPlace > after {
				through = min(through, max(after, row.FirstPlace-1)+feedPagePlaces)
				break
			}
		}
	}
	for _, row := range found {
		row.from, row.to = max(row.FirstPlace, after+1), min(row.LastPlace, through)
		if row.from <= row.to {
			rows = append(rows, row)
		}
	}
	return rows, through, nil
}

// sqlFeed selects the rows that have places from one to another. A session that was made again, and is not in the feed yet, has another
// epoch than the feed knows.
const sqlFeed = "SELECT f.*, s.epoch AS session_epoch FROM feed AS f LEFT JOIN feed_sessions AS l ON l.session_id = f.session_id" +
	" LEFT JOIN sessions AS s ON s.id = l.session_id AND s.epoch = l.epoch AND s.deleted_at IS NULL" +
	" WHERE f.first_place >= coalesce((SELECT max(first_place) FROM feed WHERE first_place <= ?), 0) AND f.first_place <= ?" +
	" ORDER BY f.first_place LIMIT ?"

// feedSequence names one numbered sequence of a session.
type feedSequence struct{ sessionID, kind string }

// feedReading makes events of rows of feed. It reads the events of many sessions at once, since a run may be one event long.
type feedReading struct {
	db     *bun.DB
	engine *engine
	runs   map[feedSequence][]*feedRun
	events []*session.FeedEvent
}

func (r *feedReading) readAll(ctx context.Context, rows []*feedRun) error {
	var logs, rosters, created, erased []*feedRun
	for _, row := range rows {
		switch {
		case row.Kind == feedDeleted && row.Epoch != nil:
			e := row.event(session.FeedSessionDeleted, row.from)
			e.Epoch = session.Epoch(*row.Epoch)
			r.events = append(r.events, e)
			continue
		case row.Kind == feedErased:
			erased = append(erased, row)
			continue
		case row.SessionEpoch == nil:
			continue
		case row.Kind == feedCreated:
			created = append(created, row)
		case row.Kind == feedRoster:
			rosters = append(rosters, row)
		case row.Kind == feedLog && !row.whole():
			if err := r.readPart(ctx, row); err != nil {
				return err
			}
			continue
		case row.Kind == feedLog:
			logs = append(logs, row)
		}
		at := feedSequence{row.SessionID, row.Kind}
		r.runs[at] = append(r.runs[at], row)
	}
	for _, step := range []struct {
		read func(context.Context, []*feedRun) error
		rows []*feedRun
	}{{r.readCreated, created}, {r.readErasures, erased}, {r.readRosters, rosters}, {r.readLogs, logs}} {
		if len(step.rows) == 0 {
			continue
		}
		if err := step.read(ctx, step.rows); err != nil {
			return err
		}
	}
	return nil
}

// event returns an event at a place of the row.
func (r *feedRun) event(kind session.FeedKind, place int64) *session.FeedEvent {
	return &session.FeedEvent{Place: place, Kind: kind, SessionID: r.SessionID, Epoch: session.Epoch(orZero(r.SessionEpoch)), At: toTime(r.At)}
}

// find returns the row, and the place in the feed, of a place in a session's log, or of a revision; ok is false where it is not asked
// for.
func (r *feedReading) find(sessionID, kind string, number int64) (row *feedRun, place int64, ok bool) {
	for _, row := range r.runs[feedSequence{sessionID, kind}] {
		place := row.FirstPlace + number - row.FromPlace
		if place >= row.from && place <= row.to {
			return row, place, true
		}
	}
	return nil, 0, false
}

func (r *feedReading) readCreated(ctx context.Context, rows []*feedRun) error {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.SessionID
	}
	sessions, err := selectSessions(ctx, r.db, ids)
	if err != nil {
		return err
	}
	for _, at := range sessions {
		for _, row := range r.runs[feedSequence{at.ID, feedCreated}] {
			if *row.SessionEpoch != at.Epoch {
				continue
			}
			e := row.event(session.FeedSessionCreated, row.from)
			e.Session = at.toSession()
			r.events = append(r.events, e)
		}
	}
	return nil
}

func (r *feedReading) readErasures(ctx context.Context, rows []*feedRun) error {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = strings.TrimPrefix(row.SessionID, feedErasure)
	}
	var found []*erasureRow
	if err := r.db.NewSelect().Model(&found).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return err
	}
	for i, row := range rows {
		at := slices.IndexFunc(found, func(e *erasureRow) bool { return e.ID == ids[i] })
		if at < 0 || row.Epoch == nil {
			continue
		}
		e := row.event(session.FeedUserErased, row.from)
		e.SessionID, e.Epoch, e.Erasure = "", session.Epoch(*row.Epoch), found[at].toErasure()
		r.events = append(r.events, e)
	}
	return nil
}

// readPart reads some of the events of a row, which may be a whole log.
func (r *feedReading) readPart(ctx context.Context, row *feedRun) error {
	run, err := selectChunk(ctx, r.db, r.engine, session.LogQuery{SessionID: row.SessionID, Epoch: session.Epoch(*row.SessionEpoch),
		After: row.source(row.from) - 1, Before: row.source(row.to) + 1, Limit: int(row.to - row.from + 1)})
	if err != nil {
		return err
	}
	for _, e := range run.Events {
		if !e.Truncated() { // truncate tells
			r.addLog(row, row.FirstPlace+e.Place-row.FromPlace, e)
		}
	}
	return nil
}

// truncate adds the events which say that a log's entries before its present beginning were removed. It looks where the logs begin
// after the other events have been read, so that it tells of everything that these may lack.
func (r *feedReading) truncate(ctx context.Context, rows []*feedRun) error {
	byID := make(map[string][]*feedRun)
	for _, row := range rows {
		if row.Kind == feedLog && row.SessionEpoch != nil {
			byID[row.SessionID] = append(byID[row.SessionID], row)
		}
	}
	if len(byID) == 0 {
		return nil
	}
	var fronts []struct {
		ID                              string
		Epoch, RemovedSeq, RemovedPlace int64
	}
	const query = "SELECT id, epoch, removed_seq, removed_place FROM sessions WHERE removed_place > 0 AND id IN (?)"
	if err := r.db.NewRaw(query, bun.List(slices.Collect(maps.Keys(byID)))).Scan(ctx, &fronts); err != nil {
		return err
	}
	for _, at := range fronts {
		for _, row := range byID[at.ID] {
			if at.Epoch != *row.SessionEpoch || at.RemovedPlace < row.source(row.from) || at.RemovedPlace > row.source(row.to) {
				continue
			}
			place := row.FirstPlace + at.RemovedPlace - row.FromPlace
			r.events = slices.DeleteFunc(r.events, func(e *session.FeedEvent) bool { return e.Place == place })
			e := row.event(session.FeedLogTruncated, place)
			e.Log = session.NewTruncation(at.ID, e.Epoch, session.LogFront{Seq: at.RemovedSeq, Place: at.RemovedPlace})
			r.events = append(r.events, e)
		}
	}
	return nil
}

func (r *feedReading) addLog(row *feedRun, place int64, logged *session.LogEvent) {
	e := row.event(session.FeedLog, place)
	e.Log = logged
	r.events = append(r.events, e)
}

// feedRanges are rows of VALUES: a session, and the numbers after one and up to another.
type feedRanges []feedRange

type feedRange struct {
	sessionID      string
	after, through int64
}

// AppendQuery implements schema.QueryAppender.
func (r feedRanges) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	for i, one := range r {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = gen.AppendQuery(b, "(?, ?, ?)", one.sessionID, one.after, one.through)
	}
	return b, nil
}

// The queries that read many runs begin with the runs, and look each up by an index.
const (
	sqlRuns           = "WITH runs (session_id, low, high) AS (VALUES ?) "
	sqlRunAdditions   = sqlRuns + "SELECT e.* FROM runs AS r CROSS JOIN entries AS e WHERE e.session_id = r.session_id AND e.seq > r.low AND e.seq <= r.high"
	sqlRunChanges     = sqlRuns + "SELECT e.* FROM runs AS r CROSS JOIN entries AS e WHERE e.session_id = r.session_id AND e.changed_place > r.low AND e.changed_place <= r.high"
	sqlRunConnections = sqlRuns + "SELECT c.* FROM runs AS r CROSS JOIN connections AS c WHERE c.session_id = r.session_id" +
		" AND c.created_revision > r.low AND c.created_revision <= r.high UNION SELECT c.* FROM runs AS r CROSS JOIN connections AS c" +
		" WHERE c.session_id = r.session_id AND c.destroyed_revision > r.low AND c.destroyed_revision <= r.high"
	sqlRunStreamChanges = sqlRuns + "SELECT c.* FROM runs AS r CROSS JOIN stream_changes AS c WHERE c.session_id = r.session_id" +
		" AND c.revision > r.low AND c.revision <= r.high"
)

// readLogs reads the events of whole rows. The two events of an entry share its value.
func (r *feedReading) readLogs(ctx context.Context, rows []*feedRun) error {
	var bySeq, byPlace feedRanges
	for _, row := range rows {
		if row.ThroughSeq > row.AfterSeq {
			bySeq = append(bySeq, feedRange{row.SessionID, row.AfterSeq, row.ThroughSeq})
		}
		if places := row.LastPlace - row.FirstPlace + 1; places > row.ThroughSeq-row.AfterSeq {
			byPlace = append(byPlace, feedRange{row.SessionID, row.FromPlace - 1, row.FromPlace - 1 + places})
		}
	}
	var added, changed []*entryRow
	if len(bySeq) > 0 {
		if err := r.db.NewRaw(sqlRunAdditions, bySeq).Scan(ctx, &added); err != nil {
			return err
		}
	}
	if len(byPlace) > 0 {
		if err := r.db.NewRaw(sqlRunChanges, byPlace).Scan(ctx, &changed); err != nil {
			return err
		}
	}
	type key struct {
		sessionID string
		seq       int64
	}
	entries := make(map[key]*session.ChatEntry, len(changed))
	for _, at := range changed {
		row, place, ok := r.find(at.SessionID, feedLog, orZero(at.ChangedPlace))
		if !ok {
			continue
		}
		entry := at.toEntry(session.Epoch(*row.SessionEpoch))
		entries[key{at.SessionID, at.Seq}] = entry
		r.addLog(row, place, &session.LogEvent{Place: entry.Changed, Change: session.EntryChange(orZero(at.Change)), Entry: entry})
	}
	for _, at := range added {
		row, place, ok := r.find(at.SessionID, feedLog, at.Seq+orZero(at.ChangesBefore))
		if !ok {
			continue
		}
		entry := entries[key{at.SessionID, at.Seq}]
		if entry == nil {
			entry = at.toEntry(session.Epoch(*row.SessionEpoch))
		}
		r.addLog(row, place, &session.LogEvent{Place: entry.Place, Entry: entry})
	}
	return nil
}

// readRosters reads the roster changes of rows, without those that have been purged.
func (r *feedReading) readRosters(ctx context.Context, rows []*feedRun) error {
	ranges := make(feedRanges, len(rows))
	for i, row := range rows {
		ranges[i] = feedRange{row.SessionID, row.source(row.from) - 1, row.source(row.to)}
	}
	var connections []*connectionRow
	if err := r.db.NewRaw(sqlRunConnections, ranges).Scan(ctx, &connections); err != nil {
		return err
	}
	for _, at := range connections {
		c := at.toConnection()
		if at.CreatedRevision != nil {
			r.addRoster(session.RosterChange{SessionID: at.SessionID, Revision: *at.CreatedRevision, Connection: c})
		}
		if at.DestroyedRevision != nil {
			r.addRoster(session.RosterChange{SessionID: at.SessionID, Revision: *at.DestroyedRevision, Connection: c,
				Reason: session.DisconnectReason(orZero(at.Reason))})
		}
	}
	var stored []*streamChangeRow
	if err := r.db.NewRaw(sqlRunStreamChanges, ranges).Scan(ctx, &stored); err != nil {
		return err
	}
	changes, err := readRecords(ctx, r.db, stored)
	if err != nil {
		return err
	}
	for _, c := range changes {
		r.addRoster(c)
	}
	return nil
}

// addRoster adds a roster change, where it is asked for.
func (r *feedReading) addRoster(c session.RosterChange) {
	row, place, ok := r.find(c.SessionID, feedRoster, c.Revision)
	if !ok {
		return
	}
	e := row.event(session.FeedRoster, place)
	e.Roster = &c
	r.events = append(r.events, e)
}
