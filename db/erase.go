package db

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"

	"github.com/uptrace/bun"

	"chattok/session"
)

// A user's entries are found by the user's connections. A connection loses the user's id once all of its entries are erased; so the rows
// themselves say what is left, after a crash and on any node.

// EraseInSession implements session.Store.
func (s *Store) EraseInSession(
	ctx context.Context, id, sessionID string, from session.ErasurePlace, limit int,
) (part session.ErasedPart, err error) {
	var x *erasing
	prepare := func(ctx context.Context) error { return s.prepareErasing(ctx, limit) }
	err = s.writeFewPrepared(ctx, "erase what a user has stored", prepare, func(ctx context.Context, tx bun.Tx) (err error) {
		x, part = nil, session.ErasedPart{}
		if err := s.admitChange(ctx, tx); err != nil {
			return err
		}
		at, now, err := s.lockSession(ctx, tx, sessionID)
		if session.CodeOf(err) == session.CodeNotFound {
			return nil // all that it has is removed with it
		}
		if err != nil {
			return err
		}
		row, err := lockErasure(ctx, tx, id)
		if err != nil || !row.phase().Erasing() {
			return err
		}
		x = &erasing{s: s, tx: tx, erasure: row, log: at, now: now, before: beforeOf(at), part: &part, left: limit}
		return x.run(ctx, from)
	}, func() {
		if x == nil {
			return
		}
		s.total.Add(x.part.Log.Through - x.part.Log.After)
		if x.erasure.guest() {
			s.unindexed.forget([]string{sessionID})
		}
		s.backend.erased()
	})
	if err != nil {
		return session.ErasedPart{}, err
	}
	return part, nil
}

// prepareErasing prepares the statements of an erasing.
func (s *Store) prepareErasing(ctx context.Context, limit int) error {
	g := changeGroup{statements: &s.writing}
	errs := []error{g.prepareFor(ctx, limit)}
	for size := 1; size <= sizeFor(min(max(limit, 1), maxRows)); size *= 2 {
		errs = append(errs, s.writing.ready(ctx, eraseEntries, size))
	}
	return errors.Join(errs...)
}

// erasing is the work of one EraseInSession. The session's row is locked.
type erasing struct {
	s       *Store
	tx      bun.Tx
	erasure *erasureRow
	log     *sessionRow
	now     int64
	before  logBefore
	part    *session.ErasedPart
	left    int // things that may still be erased in this transaction
}

func (x *erasing) run(ctx context.Context, from session.ErasurePlace) error {
	x.part.Log.After = x.before.place
	x.part.Log.Through = x.before.place
	ended, err := x.endConnections(ctx)
	if err != nil || ended {
		x.part.More = true // in the next transaction, so that others wait for a short time
		x.part.Next = from
		return err
	}
	steps := []func(context.Context) error{
		func(ctx context.Context) error { return x.eraseConnections(ctx, from) }, x.eraseReactions, x.eraseKeys,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
		if x.left <= 0 {
			x.part.More = true
			break
		}
	}
	if !x.part.More {
		if err := x.erasure.eraseMarks(ctx, x.tx, x.log.ID); err != nil {
			return err
		}
		if err := x.eraseBans(ctx, ""); err != nil {
			return err
		}
	}
	return x.store(ctx)
}

// sqlSubject is the condition of a connection of the subject, and its arguments.
func (x *erasing) sqlSubject() (condition string, args []any) {
	if x.erasure.UserID == nil {
		return "id = ? AND session_id = ?", []any{orZero(x.erasure.ConnectionID), x.log.ID}
	}
	return "session_id = ? AND user_id = ? AND created_at <= ?", []any{x.log.ID, *x.erasure.UserID, x.erasure.CreatedAt}
}

// endConnections ends the subject's live connections, and says whether there were some. Others are told of the ends without the data and
// the user.
func (x *erasing) endConnections(ctx context.Context) (ended bool, err error) {
	var live []*connectionRow
	condition, args := x.sqlSubject()
	err = x.tx.NewSelect().Model(&live).Where(condition, args...).Where(sqlLive).Order("created_revision").Limit(int64(x.left)).Scan(ctx)
	if err != nil || len(live) == 0 {
		return false, err
	}
	ids := make([]string, len(live))
	for i, row := range live {
		ids[i], row.Data, row.UserID = row.ID, nil, nil
	}
	if x.part.Ended, err = destroy(ctx, x.tx, live, session.UserErased, x.now, "TRUE"); err != nil {
		return false, err
	}
	_, err = x.tx.ExecContext(ctx, "UPDATE connections SET data = NULL, origin = NULL WHERE id IN (?)", bun.List(ids))
	return true, err
}

// eraseConnections erases the entries of the subject's connections, one connection after the other, and each connection when it has
// none left.
func (x *erasing) eraseConnections(ctx context.Context, from session.ErasurePlace) error {
	if err := indexAll(ctx, x.tx, []*sessionRow{x.log}); err != nil {
		return err
	}
	x.log.IndexedSeq = x.log.LastSeq
	for x.left > 0 {
		connection, err := x.nextConnection(ctx)
		if err != nil || connection == nil {
			return err
		}
		at := session.ErasurePlace{ConnectionID: connection.ID}
		if from.ConnectionID == connection.ID {
			at = from
		}
		through := int64(math.MaxInt64)
		if x.erasure.guest() {
			through = *x.erasure.ThroughSeq
		}
		var seqs []int64
		if err := x.tx.NewRaw(sqlNotErasedEntries, x.log.ID, connection.ID, at.Seq, through, x.erasure.guest(), x.left).Scan(ctx, &seqs); err != nil {
			return err
		}
		if err := x.eraseEntries(ctx, connection.ID, seqs); err != nil {
			return err
		}
		if len(seqs) > 0 {
			at.Seq = seqs[len(seqs)-1]
		}
		x.left -= len(seqs)
		changed, err := x.eraseChanges(ctx, connection, &at)
		if err != nil {
			return err
		}
		x.part.Next = at
		if x.left <= 0 || !changed {
			return nil
		}
		if err := x.anonymize(ctx, connection); err != nil {
			return err
		}
		x.left--
		if x.erasure.UserID == nil {
			return nil
		}
	}
	return nil
}

// nextConnection returns a connection of the subject in the session; nil where none is left. A guest's row has another id already.
func (x *erasing) nextConnection(ctx context.Context) (*connectionRow, error) {
	if x.erasure.guest() {
		return &connectionRow{ID: *x.erasure.ConnectionID, SessionID: x.log.ID, Guest: true}, nil
	}
	var rows []*connectionRow
	condition, args := x.sqlSubject()
	if err := x.tx.NewSelect().Model(&rows).Where(condition, args...).Order("id").Limit(1).Scan(ctx); err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// sqlNotErasedEntries selects the entries of a connection that have something of it. Entries that were deleted before may have the
// user's id and a key, and all of a guest's have its name.
const sqlNotErasedEntries = "SELECT i.seq FROM sender_entries AS i CROSS JOIN entries AS e WHERE i.session_id = ? AND i.connection_id = ?" +
	" AND i.seq > ? AND i.seq <= ? AND e.session_id = i.session_id AND e.seq = i.seq AND (e.deleted_at IS NULL OR e.user_id IS NOT NULL" +
	" OR e.idempotency_key IS NOT NULL OR e.posted_sum IS NOT NULL OR ?) ORDER BY i.seq LIMIT ?"

// erasedEntry is an entry as it is afterwards, with the place of the change before.
type erasedEntry struct {
	*session.ChatEntry
	before int64
}

// eraseEntries takes everything out of entries of a connection except their numbers and times.
func (x *erasing) eraseEntries(ctx context.Context, connectionID string, seqs []int64) error {
	rows, err := x.entries(ctx, seqs)
	if err != nil || len(rows) == 0 {
		return err
	}
	erased := make([]erasedEntry, len(rows))
	for i, row := range rows {
		before := row.toEntry(session.Epoch(x.log.Epoch))
		after := *before
		after.Body, after.Data, after.UserID, after.IdempotencyKey, after.Reactions = "", nil, nil, "", nil
		if x.erasure.guest() {
			after.ConnectionID = *x.erasure.NewID
		}
		if !after.Deleted() {
			after.DeletedAt, after.DeletedBy = toTimeOrNil(&x.now), after.ConnectionID
		}
		x.change(&after, session.EntryDeleted, before)
		erased[i] = erasedEntry{&after, before.Changed}
	}
	appendEntry := func(args []any, e erasedEntry) []any {
		return append(args, e.SessionID, e.Seq, e.Version, e.Changed, x.now, string(session.EntryDeleted), nil, e.ConnectionID,
			e.DeletedAt.UnixMilli(), e.DeletedBy)
	}
	if err := updateEach(ctx, x, eraseEntries, erased, appendEntry); err != nil {
		return err
	}
	appendSeq := func(args []any, e erasedEntry) []any { return append(args, e.SessionID, e.Seq) }
	if err := execList(ctx, &x.s.writing, x.tx, clearReactions, erased, appendSeq); err != nil {
		return err
	}
	x.erasure.Entries += int64(len(erased))
	if !x.erasure.guest() {
		return nil
	}
	const move = "UPDATE sender_entries SET connection_id = ? WHERE session_id = ? AND connection_id = ? AND seq IN (?)"
	_, err = x.tx.ExecContext(ctx, move, *x.erasure.NewID, x.log.ID, connectionID, bun.List(seqs))
	return err
}

// entries returns the rows of entries, by number.
func (x *erasing) entries(ctx context.Context, seqs []int64) (rows []*entryRow, err error) {
	if len(seqs) == 0 {
		return nil, nil
	}
	err = bySeq(x.tx, &rows, x.log.ID, seqs).Order("seq").Scan(ctx)
	return rows, err
}

// change gives an entry its next version, and the log its next event.
func (x *erasing) change(e *session.ChatEntry, kind session.EntryChange, before *session.ChatEntry) {
	x.log.Changes++
	e.Version++
	e.Changed = x.log.LastSeq + x.log.Changes
	x.log.addBytes(e.QuotaBytes() + e.ReactionBytes() - before.QuotaBytes() - before.ReactionBytes())
	x.part.Log.Through = e.Changed
	x.part.Log.Events = append(x.part.Log.Events, &session.LogEvent{Place: e.Changed, Change: kind, Entry: e, Superseded: before.Changed})
}

// updateEach updates rows of entries, in as few statements as the engine allows: see changeGroup.updateRows.
func updateEach(
	ctx context.Context, x *erasing, kind statementKind, entries []erasedEntry, appendArgs func([]any, erasedEntry) []any,
) error {
	if x.s.engine.locksRows() {
		return execList(ctx, &x.s.writing, x.tx, kind, entries, appendArgs)
	}
	for i, e := range entries {
		if err := execList(ctx, &x.s.writing, x.tx, kind, entries[i:i+1], appendArgs); err != nil {
			return err
		}
		if err := x.s.backend.clearMoved(ctx, x.tx, entrySeq{e.SessionID, e.Seq}); err != nil {
			return err
		}
	}
	return nil
}

// anonymize takes from a connection, which has no entries left, everything that tells who it was.
func (x *erasing) anonymize(ctx context.Context, c *connectionRow) error {
	if err := x.eraseBans(ctx, c.ID); err != nil {
		return err
	}
	const (
		marks   = "DELETE FROM read_marks WHERE session_id = ? AND reader = ? AND (posted_at IS NULL OR posted_at <= ?)"
		service = "DELETE FROM service_connections WHERE session_id = ? AND connection_id = ?"
		nobody  = "UPDATE connections SET user_id = NULL, data = NULL, origin = NULL WHERE id = ? AND session_id = ?"
	)
	if _, err := x.tx.ExecContext(ctx, marks, x.log.ID, "c"+c.ID, x.erasure.CreatedAt); err != nil {
		return err
	}
	if x.erasure.guest() { // whose row stays for the entries that have its new id, unless all of them were removed
		const unused = "DELETE FROM connections WHERE id = ? AND session_id = ? AND guest" + sqlNoTrace
		_, err := x.tx.ExecContext(ctx, unused, *x.erasure.NewID, x.log.ID)
		return err
	}
	if _, err := x.tx.ExecContext(ctx, service, x.log.ID, c.ID); err != nil {
		return err
	}
	_, err := x.tx.ExecContext(ctx, nobody, c.ID, x.log.ID)
	return err
}

// eraseBans removes the bans of the subject that name one of its connections, or the user where connectionID is empty.
func (x *erasing) eraseBans(ctx context.Context, connectionID string) error {
	query, args := "connection_id = ?", []any{connectionID}
	if connectionID == "" {
		if x.erasure.UserID == nil {
			return nil
		}
		query, args = "user_id = ?", []any{*x.erasure.UserID}
	}
	gone, err := x.tx.ExecContext(ctx, "DELETE FROM bans WHERE session_id = ? AND created_at <= ? AND "+query,
		append([]any{x.log.ID, x.erasure.CreatedAt}, args...)...)
	if err != nil {
		return err
	}
	if n, err := gone.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return setBannedUntil(ctx, x.tx, x.log.ID)
}

// changesStep is how many revisions are looked at for changes of a connection at a time. Most changes are of others, so that each look
// counts as something erased, even if it finds nothing.
const changesStep = 100

// eraseChanges takes a connection's data, and the names of its streams, out of the roster changes that are kept for followers. Their
// revisions lie between the connection's creation and its end. at is how far eraseChanges came; done says that it came to the end.
func (x *erasing) eraseChanges(ctx context.Context, c *connectionRow, at *session.ErasurePlace) (done bool, err error) {
	if c.CreatedRevision == nil {
		return true, nil
	}
	last := x.log.Revision
	if c.DestroyedRevision != nil {
		last = *c.DestroyedRevision
	}
	at.Revision = max(at.Revision, *c.CreatedRevision)
	for x.left > 0 && at.Revision < last {
		through := min(last, at.Revision+changesStep)
		var rows []*streamChangeRow
		err := x.tx.NewRaw(sqlChangesNaming(x.s.engine), x.log.ID, at.Revision, through, c.ID, x.left).Scan(ctx, &rows)
		if err != nil {
			return false, err
		}
		for _, row := range rows {
			if err := x.eraseChange(ctx, c, row); err != nil {
				return false, err
			}
		}
		if len(rows) == x.left {
			through = rows[len(rows)-1].Revision
		}
		x.left -= max(1, len(rows))
		at.Revision = through
	}
	return at.Revision >= last, nil
}

// sqlChangesNaming selects the changes of some revisions whose text has that of a connection's id.
func sqlChangesNaming(e *engine) string {
	return "SELECT * FROM stream_changes WHERE session_id = ? AND revision > ? AND revision <= ? AND " + e.position + "(change, ?) > 0" +
		" ORDER BY revision LIMIT ?"
}

// eraseChange takes a connection's data, or the name of its stream, out of a change.
func (x *erasing) eraseChange(ctx context.Context, c *connectionRow, row *streamChangeRow) error {
	var record changeRecord
	if err := json.Unmarshal([]byte(row.Change), &record); err != nil {
		return err
	}
	its := false
	if record.Connection == c.ID && record.Data != nil {
		record.Data, its = nil, true
	}
	if stream := record.Stream; stream != nil && stream.ConnectionID == c.ID && stream.Name != nil {
		stream.Name, its = nil, true
	}
	if !its {
		return nil
	}
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	x.log.addBytes(quotaOfChange(string(text)) - quotaOfChange(row.Change))
	const set = "UPDATE stream_changes SET change = ? WHERE session_id = ? AND revision = ?"
	_, err = x.tx.ExecContext(ctx, set, string(text), row.SessionID, row.Revision)
	return err
}

// eraseReactions takes back the subject's reactions. Those of somebody who came back with the same id since stay.
func (x *erasing) eraseReactions(ctx context.Context) error {
	var found []struct {
		Seq  int64
		Name string
	}
	const query = "SELECT r.seq, r.name FROM reactions AS r WHERE r.reactor || '' = ? AND r.session_id = ? AND NOT EXISTS (SELECT 1 FROM connections AS c" +
		" WHERE c.id = r.connection_id AND c.user_id IS NOT NULL AND c.created_at > ?) ORDER BY r.seq, r.name LIMIT ?"
	err := x.tx.NewRaw(query, x.erasure.reader(), x.log.ID, x.erasure.CreatedAt, x.left).Scan(ctx, &found)
	if err != nil || len(found) == 0 {
		return err
	}
	x.left -= len(found)
	names := make(map[int64][]string)
	var seqs []int64
	removed := make([]reaction, len(found))
	for i, r := range found {
		if names[r.Seq] == nil {
			seqs = append(seqs, r.Seq)
		}
		names[r.Seq] = append(names[r.Seq], r.Name)
		removed[i] = reaction{entrySeq{x.log.ID, r.Seq}, x.erasure.reader(), r.Name}
	}
	rows, err := x.entries(ctx, seqs)
	if err != nil {
		return err
	}
	changed := make([]erasedEntry, 0, len(rows))
	for _, row := range rows {
		before := row.toEntry(session.Epoch(x.log.Epoch))
		after := *before
		for _, name := range names[row.Seq] {
			if after.Reactions, err = countReaction(after.Reactions, name, false); err != nil {
				return err
			}
		}
		x.change(&after, session.EntryReacted, before)
		changed = append(changed, erasedEntry{&after, before.Changed})
	}
	var failed error
	appendChange := func(args []any, e erasedEntry) []any {
		counts, err := fromReactions(e.Reactions)
		failed = errors.Join(failed, err)
		return append(args, e.SessionID, e.Seq, e.Version, e.Changed, x.now, string(session.EntryReacted), counts)
	}
	if err := updateEach(ctx, x, updateReactions, changed, appendChange); err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	appendReaction := func(args []any, r reaction) []any { return append(args, r.sessionID, r.seq, r.reactor, r.name) }
	return execList(ctx, &x.s.writing, x.tx, deleteReactions, removed, appendReaction)
}

// eraseKeys removes the idempotency keys of the user's changes, which contain the user's id. Keys of a connection without a user contain
// nothing of it.
func (x *erasing) eraseKeys(ctx context.Context) error {
	if x.erasure.UserID == nil {
		return nil
	}
	first, end := keysOfUser(*x.erasure.UserID)
	usedBy := x.erasure.CreatedAt + session.ChangeKeyTime.Milliseconds()
	gone, err := x.tx.ExecContext(ctx, sqlEraseKeys, x.log.ID, x.log.ID, first, end, usedBy, x.left)
	if err != nil {
		return err
	}
	n, err := gone.RowsAffected()
	x.left -= int(n)
	x.log.addBytes(-n * session.ChangeKeyQuotaBytes)
	return err
}

const sqlEraseKeys = "DELETE FROM change_keys WHERE session_id = ? AND change_key IN (SELECT change_key FROM change_keys WHERE session_id = ?" +
	" AND change_key >= ? AND change_key < ? AND purge_at <= ? ORDER BY change_key LIMIT ?)"

// store stores how far the log and the erasure have come.
func (x *erasing) store(ctx context.Context) error {
	if beforeOf(x.log) != x.before {
		appendLog := func(args []any, log *sessionRow) []any { return append(args, log.ID, log.Changes, log.Bytes) }
		if err := execList(ctx, &x.s.writing, x.tx, advanceChanges, []*sessionRow{x.log}, appendLog); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(x.part.Log.Events, func(e *session.LogEvent) bool { return e.Change == session.EntryDeleted }) {
		_, err := x.tx.ExecContext(ctx, "UPDATE erasures SET entries = ? WHERE id = ?", x.erasure.Entries, x.erasure.ID)
		return err
	}
	return nil
}
