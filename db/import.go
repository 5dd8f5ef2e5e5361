package db

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/uptrace/bun"

	"chattok/session"
)

// ImportConfig names an export and the database that takes it.
type ImportConfig struct {
	To   Config
	From io.Reader // an export, as docs/export.md describes it
	// Progress, where it is not nil, is called at intervals, on the goroutine that imports.
	Progress func(ImportReport)
}

// ImportReport is how much was imported.
type ImportReport struct {
	Lines    int64
	Sessions int64
	Entries  int64
}

// Import puts an export into an empty database, in one transaction: all of it or nothing. Sessions keep their ids, epochs and numbers,
// so that cursors stay valid. No server may serve the database. Presence is not imported: connections that were live have the grace
// time of the next start to come back. Errors name the line and the field.
func Import(ctx context.Context, config ImportConfig) (report ImportReport, err error) {
	target := config.To
	target.alone = true
	to, err := Open(ctx, target)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	i := &importing{store: to, progress: config.Progress}
	err = to.changeSchema(ctx, func(ctx context.Context, tx bun.Tx) error {
		i.tx = tx
		if to.engine.unbounded != "" {
			if _, err := tx.ExecContext(ctx, to.engine.unbounded); err != nil {
				return err
			}
		}
		// A server that starts from here on waits for the lock of changeSchema; one that started before is seen.
		if err := to.backend.awaitAlone(ctx); err != nil {
			return err
		}
		if err := to.clearEmpty(ctx, tx); err != nil {
			return err
		}
		if i.now, err = to.now(ctx, tx); err != nil {
			return err
		}
		return i.run(ctx, config.From)
	})
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return ImportReport{}, fmt.Errorf("import into %s: %w", to.path, err)
	}
	// An older export has what was erased since. Nobody is served before it is gone: where this is cut off, the next start does it.
	if err := to.redoErasures(ctx, target.Erasures); err != nil {
		return i.report, fmt.Errorf("import into %s: %w", to.path, err)
	}
	var total int64
	if err := to.writer.NewRaw(sqlEvents).Scan(ctx, &total); err != nil {
		return i.report, err
	}
	to.total.Store(total)
	return i.report, nil
}

// clearEmpty refuses a database with anything in it but an empty lobby, and removes that with its rows of the feed. Erasures that a file
// keeps go too, so that they are done again with what is imported.
func (s *Store) clearEmpty(ctx context.Context, tx bun.Tx) error {
	feeds := map[string]bool{"feed": true, "feed_sessions": true, "feed_state": true}
	cleared := []string{"feed", "feed_sessions", "feed_state", "sessions"}
	if s.erasureRecords.path != "" {
		cleared = append(cleared, "erasures", "erasure_nodes")
	}
	for _, table := range copiedTables {
		query, args := "SELECT EXISTS (SELECT 1 FROM "+table.name+")", []any(nil)
		switch {
		case table.name == "erasures" && s.erasureRecords.path != "":
			continue
		case table.name == "sessions":
			query, args = "SELECT EXISTS (SELECT 1 FROM sessions WHERE id <> ? OR last_seq > 0)", []any{session.Lobby}
		case feeds[table.name]:
			query, args = "SELECT EXISTS (SELECT 1 FROM feed_sessions WHERE session_id <> ?)", []any{session.Lobby}
		}
		var used bool
		if err := tx.NewRaw(query, args...).Scan(ctx, &used); err != nil {
			return err
		}
		if used {
			return fmt.Errorf("the database is not empty: its table %s has rows; name an empty one", table.name)
		}
	}
	for _, table := range cleared {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return err
		}
	}
	return nil
}

// importing is the work of one import.
type importing struct {
	store    *Store
	tx       bun.Tx
	progress func(ImportReport)
	report   ImportReport

	only    bool        // the export is of one session
	stage   importStage // what has come
	kind    int         // of the last row, in exportKinds
	last    []any       // the key of the last row of the kind
	first   int64       // the line of the first of rows
	rows    [][]any     // that are to be stored
	senders [][]any     // rows of sender_entries
	at      importedSession
	known   map[string]bool

	now      int64 // by the database's clock, when the import began
	feedLast int64 // the last place that a row of the feed has
	feedEnd  int64 // where the feed ends; 0 where that has not come
}

// importedSession is the session whose lines come.
type importedSession struct {
	id      string
	epoch   session.Epoch
	first   int64 // the number of the first entry that came; 0 for none
	front   int64 // the place before it
	entries int64 // the number of the last entry
	before  int64 // changes before the newest entry
	place   int64 // of the newest event, as far as the entries tell

	revision int64 // the greatest that has come
}

type importStage uint8

const (
	importNothing importStage = iota
	importServer              // the lines about the whole database
	importInside              // a session
	importBetween             // a session has ended
	importEnd
)

func (i *importing) run(ctx context.Context, from io.Reader) error {
	lines := newExportLines(from)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = i.take(ctx, line)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", lines.number, err)
		}
		i.report.Lines = lines.number
		if i.progress != nil && i.report.Lines%importProgress == 0 {
			i.progress(i.report)
		}
	}
	if i.stage != importEnd {
		return fmt.Errorf("line %d: the file ends here, before the export does: its last line must be {\"type\":\"end\"}", lines.number+1)
	}
	return i.finish(ctx)
}

// importProgress is how many lines come between two calls of Progress.
const importProgress = 5000

// take takes a line.
func (i *importing) take(ctx context.Context, line exportLine) error {
	switch {
	case i.stage == importEnd:
		return errors.New("nothing may come after the end")
	case i.stage == importNothing:
		return i.takeHeader(line)
	}
	switch line.kind {
	case "userKey":
		return i.takeUserKey(ctx, line)
	case "session":
		return i.takeSession(ctx, line)
	case "sessionEnd":
		return i.takeSessionEnd(ctx, line)
	case "end":
		return i.takeEnd(ctx, line)
	}
	index := kindNamed(line.kind)
	if index < 0 {
		return fmt.Errorf("the type %.40q is unknown", line.kind)
	}
	return i.takeRow(ctx, index, line)
}

// takeHeader takes the first line, which says what the rest is.
func (i *importing) takeHeader(line exportLine) error {
	if line.kind != "chattok" {
		return errors.New(`this is no export: its first line must have the type "chattok"`)
	}
	version, err := line.number("format")
	if err != nil {
		return err
	}
	if version != exportVersion {
		return fmt.Errorf("chattok.format is %d; this version of chattok reads %d", version, exportVersion)
	}
	_, i.only = line.fields["session"]
	i.stage, i.known = importServer, make(map[string]bool)
	return line.only("format", "session")
}

// takeUserKey takes the key that users' ids come from.
func (i *importing) takeUserKey(ctx context.Context, line exportLine) error {
	if i.stage != importServer || i.only {
		return line.misplaced()
	}
	key, err := line.text("key")
	if err != nil {
		return err
	}
	if !isUserKey(key) {
		return fmt.Errorf("userKey.key must be base64 of %d bytes", secretBytes)
	}
	if err := line.only("key"); err != nil {
		return err
	}
	return putMeta(ctx, i.tx, keyUsers, key)
}

// takeRow takes a line that is a row of a table.
func (i *importing) takeRow(ctx context.Context, index int, line exportLine) error {
	k := exportKinds[index]
	if k.ofSession != (i.stage == importInside) || i.stage == importBetween {
		return line.misplaced()
	}
	if index != i.kind {
		if index < i.kind {
			return line.misplaced()
		}
		if err := i.flush(ctx); err != nil {
			return err
		}
		i.kind, i.last = index, nil
	}
	row, err := line.row(k)
	if err != nil {
		return err
	}
	i.boundPurge(k, row)
	var derived []any
	if k.restore != nil {
		if derived, err = k.restore(i, row); err != nil {
			return err
		}
	}
	stored := make([]any, 0, len(row)+len(derived)+1)
	if k.ofSession {
		stored = append(stored, i.at.id)
	}
	for n, f := range k.fields {
		if f.column != "" {
			stored = append(stored, row[n])
		}
	}
	if err := i.ascends(k, stored); err != nil {
		return err
	}
	if len(i.rows) == 0 {
		i.first = i.report.Lines + 1
	}
	i.rows = append(i.rows, append(stored, derived...))
	if len(i.rows) >= maxRows {
		return i.flush(ctx)
	}
	return nil
}

// ascends checks that the lines of a kind come in the order of their keys, each once.
func (i *importing) ascends(k *exportKind, stored []any) error {
	columns := k.inserted()
	key := make([]any, len(k.key))
	for n, name := range k.key {
		for at, column := range columns {
			if column == name {
				key[n] = stored[at]
			}
		}
	}
	if i.last != nil && compareKeys(i.last, key) >= 0 {
		return fmt.Errorf("%s: the lines of a kind must be in the order of %v, each once", k.name, k.key)
	}
	i.last = key
	return nil
}

// flush stores the rows that have come.
func (i *importing) flush(ctx context.Context) error {
	if len(i.rows) == 0 {
		return nil
	}
	k := exportKinds[i.kind]
	err := insertRows(ctx, i.tx, &copiedTable{name: k.table}, k.inserted(), i.rows)
	if err == nil && len(i.senders) > 0 {
		err = insertRows(ctx, i.tx, &copiedTable{name: "sender_entries"}, []string{"session_id", "connection_id", "seq"}, i.senders)
	}
	if err != nil {
		return fmt.Errorf("store the lines from %d on, of type %s: %w", i.first, k.name, err)
	}
	i.rows, i.senders = i.rows[:0], i.senders[:0]
	return nil
}

// takeSession takes the line that begins a session.
func (i *importing) takeSession(ctx context.Context, line exportLine) error {
	if i.stage == importInside {
		return line.misplaced()
	}
	if err := i.flush(ctx); err != nil {
		return err
	}
	row, err := line.row(exportSession)
	if err != nil {
		return err
	}
	id := row[0].(string)
	switch {
	case i.known[id]:
		return fmt.Errorf("session.id: there is a session %q already", id)
	case !session.ValidSessionID(id):
		return errors.New("session.id must be 1 to 128 of A-Z, a-z, 0-9, -, _, . and ~")
	case !session.MediaMode(row[exportSession.field("mediaMode")].(string)).Valid():
		return errors.New("session.mediaMode must be RELAYED or ROUTED")
	case !validRetention(row[exportSession.field("retentionMs")]):
		return fmt.Errorf("session.retentionMs must be 0, or %d to %d", session.MinRetention.Milliseconds(), session.MaxRetention.Milliseconds())
	case row[exportSession.field("slowModeMs")].(int64) > session.MaxSlowMode.Milliseconds():
		return fmt.Errorf("session.slowModeMs must be 0 to %d", session.MaxSlowMode.Milliseconds())
	case i.only && len(i.known) > 0:
		return errors.New("the export is of one session, and this is another one")
	}
	i.known[id] = true
	i.at = importedSession{id: id, epoch: session.Epoch(row[1].(int64))}
	i.noteRevision(row[exportSession.field("settingsRevision")])
	i.stage, i.kind, i.last = importInside, firstOfSession, nil
	return insertRows(ctx, i.tx, &copiedTable{name: "sessions"}, exportSession.inserted(), [][]any{row})
}

// validRetention says whether a session may have this retention in milliseconds.
func validRetention(value any) bool {
	ms, given := value.(int64)
	return !given || ms == 0 || ms >= session.MinRetention.Milliseconds() && ms <= session.MaxRetention.Milliseconds()
}

// takeSessionEnd takes the line that ends a session, whose numbers must be those of its entries.
func (i *importing) takeSessionEnd(ctx context.Context, line exportLine) error {
	if i.stage != importInside {
		return line.misplaced()
	}
	if err := i.flush(ctx); err != nil {
		return err
	}
	row, err := line.row(exportSessionEnd)
	if err != nil {
		return err
	}
	entries, place := row[0].(int64), row[1].(int64)
	removed, _ := row[4].(int64)
	if i.at.first == 0 { // all entries were removed, or there were none
		i.at.first, i.at.front, i.at.entries = removed+1, place, removed
	}
	switch {
	case removed != i.at.first-1:
		return fmt.Errorf("sessionEnd.removed is %d, but the session's first entry here has seq %d", removed, i.at.first)
	case entries != i.at.entries:
		return fmt.Errorf("sessionEnd.entries is %d, but the session has %d entries here", entries, i.at.entries)
	case place < i.at.place:
		return fmt.Errorf("sessionEnd.place is %d, but an event of the session has place %d", place, i.at.place)
	case row[2].(int64) < i.at.revision:
		return fmt.Errorf("sessionEnd.revision is %d, but a change of the session has revision %d", row[2], i.at.revision)
	}
	const end = "UPDATE sessions SET last_seq = ?, changes = ?, run_changes = ?, indexed_seq = ?, revision = ?, bytes = ?," +
		" removed_seq = ?, removed_place = ? WHERE id = ?"
	if _, err := i.tx.ExecContext(ctx, end, entries, place-entries, i.at.before, entries, row[2], row[3], removed, i.at.front, i.at.id); err != nil {
		return err
	}
	if err := setBannedUntil(ctx, i.tx, i.at.id); err != nil {
		return err
	}
	i.report.Sessions++
	i.stage = importBetween
	return nil
}

func (i *importing) takeEnd(ctx context.Context, line exportLine) error {
	switch {
	case i.stage == importInside:
		return line.misplaced()
	case i.only && i.report.Sessions == 0:
		return errors.New("the export has no session")
	case i.feedEnd < i.feedLast:
		return errors.New("the feed has no end: there is no line of type feedState with the name end")
	}
	if err := i.flush(ctx); err != nil {
		return err
	}
	i.stage = importEnd
	return line.only()
}

// finish makes the rows a database that can be served.
func (i *importing) finish(ctx context.Context) error {
	if !i.known[session.Lobby] { // the export is of another session alone
		now, err := i.store.now(ctx, i.tx)
		if err != nil {
			return err
		}
		lobby := session.Session{ID: session.Lobby, Epoch: newEpoch(), MediaMode: session.MediaRelayed}
		if err := insertSession(ctx, i.tx, fromSession(lobby, now)); err != nil {
			return err
		}
	}
	if err := alignFeed(ctx, i.tx); err != nil {
		return err
	}
	// No live connection is attached to a node here.
	end := "UPDATE connections SET expires_at = " + i.store.engine.now + " WHERE " + sqlLive
	if _, err := i.tx.ExecContext(ctx, end); err != nil {
		return err
	}
	if !i.store.engine.locksRows() {
		return nil
	}
	return putMeta(ctx, i.tx, keyChanging, "1") // a node of an early version would not know what is in it: see fence.go
}

// alignFeed brings rows of the feed into line that an export read one after the other while the feed went on: how far a session is in
// the feed was read first, and so may be less than what the feed has of it.
func alignFeed(ctx context.Context, tx bun.Tx) error {
	const through = " (SELECT max(f.from_place + f.last_place - f.first_place) FROM feed AS f WHERE f.session_id = feed_sessions.session_id AND f.kind = "
	for _, query := range []string{
		"INSERT INTO feed_sessions (session_id, epoch, seq, place, revision, active_at) SELECT s.id, s.epoch, 0, 0, 0, s.created_at" +
			" FROM sessions AS s WHERE NOT EXISTS (SELECT 1 FROM feed_sessions AS k WHERE k.session_id = s.id)" +
			" AND EXISTS (SELECT 1 FROM feed AS f WHERE f.session_id = s.id AND f.kind = '" + feedCreated + "')",
		"UPDATE feed_sessions SET place =" + through + "'" + feedLog + "'), seq = (SELECT max(f.through_seq) FROM feed AS f WHERE" +
			" f.session_id = feed_sessions.session_id AND f.kind = '" + feedLog + "') WHERE place <" + through + "'" + feedLog + "')",
		"UPDATE feed_sessions SET revision =" + through + "'" + feedRoster + "') WHERE revision <" + through + "'" + feedRoster + "')",
		"DELETE FROM feed WHERE kind NOT IN ('" + feedDeleted + "', '" + feedErased + "') AND NOT EXISTS (SELECT 1 FROM feed_sessions AS k WHERE k.session_id = feed.session_id)",
	} {
		if _, err := tx.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	return nil
}
