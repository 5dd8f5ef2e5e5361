package db

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

const (
	// exportPageBytes is the size of lines from which a page ends.
	exportPageBytes = 1 << 20
	// exportRows is how many rows one statement reads.
	exportRows = 1000
	// exportChanges is how many entries that were added or changed are written before the page may end.
	exportChanges = 16
	// exportSessions bounds the sessions of a page, each of which takes a dozen statements.
	exportSessions = 200
)

// exportPlace is a place in an export, which a client hands back.
type exportPlace struct {
	Life    int64  `json:"l,string"`    // the epoch of the lobby, which stands for the database's
	Only    string `json:"o,omitempty"` // the one session that is exported
	Session string `json:"s,omitempty"` // the session that is being exported, or the last one
	Epoch   int64  `json:"e,string"`    // its epoch; 0 where it is done with
	Kind    int    `json:"k"`           // the kind in exportKinds that comes next
	After   []any  `json:"a,omitempty"` // the key of the last row of the kind; none at its beginning
	Seq     int64  `json:"q,omitempty"` // the newest entry that the kind "entry" writes; in writeChanges, the newest one written
	Place   int64  `json:"p,omitempty"` // up to this place of the session's log every change is in the export
	Changed bool   `json:"c,omitempty"` // "changes" was written
}

func (p exportPlace) text() (string, error) {
	text, err := json.Marshal(p)
	return base64.RawURLEncoding.EncodeToString(text), err
}

func parseExportPlace(text string) (p exportPlace, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &p) != nil || p.Kind < 0 || p.Kind > len(exportKinds) {
		return p, false
	}
	p.After, err = keyFromJSON(p.After)
	if p.Kind < len(exportKinds) && p.After != nil && len(p.After) != len(exportKinds[p.Kind].key) {
		return p, false
	}
	return p, err == nil && storable(p.Session)
}

// ExportPage implements session.Store.
func (s *Store) ExportPage(ctx context.Context, q session.ExportQuery) (*session.ExportPage, error) {
	return read(ctx, s, "read an export", func(ctx context.Context) (page *session.ExportPage, err error) {
		err = s.readers.RunInTx(ctx, s.engine.snapshot, func(ctx context.Context, tx bun.Tx) error {
			x := &exporting{tx: tx, engine: s.engine}
			page, err = x.page(ctx, q)
			return err
		})
		return page, err
	})
}

// exporting is the work of one page.
type exporting struct {
	tx     bun.Tx
	engine *engine
	at     exportPlace
	out    bytes.Buffer
	begun  int // sessions that were begun in this page
}

func (x *exporting) full() bool { return x.out.Len() >= exportPageBytes || x.begun >= exportSessions }

func (x *exporting) page(ctx context.Context, q session.ExportQuery) (*session.ExportPage, error) {
	lobby, err := selectSession(ctx, x.tx, session.Lobby)
	if err != nil {
		return nil, err
	}
	page := &session.ExportPage{}
	if q.After == "" {
		x.at = exportPlace{Life: lobby.Epoch, Only: q.SessionID}
		page.Entries, err = x.begin(ctx)
	} else {
		known := false
		if x.at, known = parseExportPlace(q.After); !known || x.at.Life != lobby.Epoch || x.at.Only != q.SessionID {
			return nil, session.ExportMismatch()
		}
	}
	if err != nil {
		return nil, err
	}
	more, err := x.advance(ctx)
	if err != nil {
		return nil, err
	}
	if more {
		page.Next, err = x.at.text()
	} else {
		x.out.WriteString(`{"type":"end"}` + "\n")
	}
	page.Lines = x.out.String()
	return page, err
}

// begin writes the first line, and returns how many entries there are. A whole database also has the key that users' ids come from,
// without which the people would be others.
func (x *exporting) begin(ctx context.Context) (entries *int64, err error) {
	header, count, args := fmt.Sprintf(`{"type":"chattok","format":%d`, exportVersion), "", []any(nil)
	if x.at.Only != "" {
		if _, err := selectSession(ctx, x.tx, x.at.Only); err != nil {
			return nil, err
		}
		header += `,"session":` + string(quoted(x.at.Only))
		count, args = " AND id = ?", []any{x.at.Only}
		x.at.Kind = firstOfSession
	}
	x.out.WriteString(header + "}\n")
	entries = new(int64)
	const all = "SELECT CAST(coalesce(sum(last_seq - removed_seq), 0) AS BIGINT) FROM sessions WHERE deleted_at IS NULL"
	if err := x.tx.NewRaw(all+count, args...).Scan(ctx, entries); err != nil || x.at.Only != "" {
		return entries, err
	}
	key, err := getMeta(ctx, x.tx, keyUsers)
	if err == nil {
		x.out.WriteString(`{"type":"userKey","key":` + string(quoted(key)) + "}\n")
	}
	return entries, err
}

// advance writes lines until the page is full, and says whether there are more.
func (x *exporting) advance(ctx context.Context) (more bool, err error) {
	for !x.full() {
		switch {
		case x.at.Kind < firstOfSession:
			err = x.writeRows(ctx, exportKinds[x.at.Kind])
		case x.at.Epoch == 0:
			if more, err = x.beginSession(ctx); err == nil && !more {
				return false, nil
			}
		default:
			err = x.continueSession(ctx)
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// beginSession begins the next session; found is false where there is none.
func (x *exporting) beginSession(ctx context.Context) (found bool, err error) {
	at := new(sessionRow)
	switch {
	case x.at.Only == "":
		var rows []*sessionRow
		err = x.tx.NewRaw("SELECT * FROM sessions WHERE id > ? AND deleted_at IS NULL ORDER BY id LIMIT 1", x.at.Session).Scan(ctx, &rows)
		if err != nil || len(rows) == 0 {
			return false, err
		}
		at = rows[0]
	case x.at.Session != "":
		return false, nil
	default:
		if at, err = selectSession(ctx, x.tx, x.at.Only); err != nil {
			return false, err
		}
	}
	x.begun++
	x.at.Session, x.at.Epoch, x.at.Kind, x.at.After = at.ID, at.Epoch, firstOfSession, nil
	x.at.Seq, x.at.Place, x.at.Changed = at.LastSeq, at.LastSeq+at.Changes, false
	return true, x.writeLineOf(ctx, exportSession)
}

// continueSession writes the next lines of a session that was begun.
func (x *exporting) continueSession(ctx context.Context) error {
	at, err := selectSession(ctx, x.tx, x.at.Session)
	gone := session.CodeOf(err) == session.CodeNotFound || err == nil && at.Epoch != x.at.Epoch
	switch {
	case gone && x.at.Only != "":
		return session.ExportMismatch()
	case gone: // also where the id is a new session's, of which the export has nothing
		x.out.WriteString(`{"type":"sessionGone"}` + "\n")
		x.at.Epoch = 0
		return nil
	case err != nil:
		return err
	case x.at.Kind < len(exportKinds):
		return x.writeRows(ctx, exportKinds[x.at.Kind])
	}
	return x.writeChanges(ctx, at)
}

// writeRows writes the next rows of a kind, and goes on to the next kind after the last one.
func (x *exporting) writeRows(ctx context.Context, k *exportKind) error {
	var where []string
	var args []any
	if k.ofSession {
		where, args = append(where, "session_id = ?"), append(args, x.at.Session)
	}
	if k.name == "entry" { // later entries are written by writeChanges, after their senders
		where, args = append(where, "seq <= ?"), append(args, x.at.Seq)
	}
	key := strings.Join(k.key, ", ")
	if x.at.After != nil {
		where = append(where, "("+key+") > ("+strings.TrimSuffix(strings.Repeat("?, ", len(k.key)), ", ")+")")
		args = append(args, x.at.After...)
	}
	query := "SELECT " + key + ", " + k.columns() + " FROM " + k.table
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	read, err := x.writeQuery(ctx, k, query+fmt.Sprintf(" ORDER BY %s LIMIT %d", key, exportRows), args, len(k.key), func(key []any) bool {
		x.at.After = slices.Clone(key)
		return !x.full()
	})
	if err == nil && read < exportRows && !x.full() {
		x.at.Kind, x.at.After = x.at.Kind+1, nil
	}
	return err
}

// writeQuery writes a line for each row of a query, whose first columns are its key, until next says no. It returns how many rows there
// were.
func (x *exporting) writeQuery(ctx context.Context, k *exportKind, query string, args []any, key int, next func(key []any) bool) (n int, err error) {
	rows, err := x.tx.Tx.QueryContext(ctx, x.engine.rebind(query), args...)
	if err != nil {
		return 0, err
	}
	row := make([]any, key+len(k.fields))
	into := make([]any, len(row))
	for i := range row {
		into[i] = &row[i]
	}
	for more := true; more && rows.Next(); n++ {
		if err = rows.Scan(into...); err != nil {
			break
		}
		if err = k.write(&x.out, session.Epoch(x.at.Epoch), row[key:]); err != nil {
			break
		}
		more = next(row[:key])
	}
	closed := rows.Close()
	if err == nil {
		err = rows.Err()
	}
	if err == nil {
		err = closed
	}
	return n, err
}

// writeLineOf writes a line about the session itself.
func (x *exporting) writeLineOf(ctx context.Context, k *exportKind) error {
	_, err := x.writeQuery(ctx, k, "SELECT "+k.columns()+" FROM sessions WHERE id = ?", []any{x.at.Session}, 0, func([]any) bool { return true })
	return err
}

// writeChanges writes the entries that were added or changed since the session's entries were written, each with its connections and
// reactions, and ends the session where it has all of them: its end is of the same state of the database.
func (x *exporting) writeChanges(ctx context.Context, at *sessionRow) error {
	const entries = "SELECT seq, coalesce(changed_place, 0) AS place FROM entries WHERE session_id = ? AND "
	var changed, added []exportedChange
	err := x.tx.NewRaw(entries+"changed_place > ? AND seq <= ? ORDER BY changed_place LIMIT ?", at.ID, x.at.Place, x.at.Seq, exportRows).
		Scan(ctx, &changed)
	if err != nil {
		return err
	}
	err = x.tx.NewRaw(entries+"seq > ? ORDER BY seq LIMIT ?", at.ID, x.at.Seq, exportRows).Scan(ctx, &added)
	if err != nil {
		return err
	}
	if len(changed)+len(added) > 0 && !x.at.Changed {
		x.out.WriteString(`{"type":"changes"}` + "\n")
		x.at.Changed = true
	}
	err = x.writeChunks(ctx, changed, func(last exportedChange) { x.at.Place = last.Place })
	if err == nil && !x.full() {
		err = x.writeChunks(ctx, added, func(last exportedChange) { x.at.Seq = last.Seq })
	}
	if err != nil || x.full() || len(changed) == exportRows || len(added) == exportRows {
		return err
	}
	x.at.Epoch, x.at.Kind = 0, firstOfSession
	return x.writeLineOf(ctx, exportSessionEnd)
}

// exportedChange is an entry that was added or changed while its session was exported.
type exportedChange struct{ Seq, Place int64 }

// writeChunks writes entries in chunks until the page is full, and calls wrote with the last entry of each chunk.
func (x *exporting) writeChunks(ctx context.Context, entries []exportedChange, wrote func(last exportedChange)) error {
	for chunk := range slices.Chunk(entries, exportChanges) {
		seqs := make([]int64, len(chunk))
		for i, e := range chunk {
			seqs[i] = e.Seq
		}
		if err := x.writeAgain(ctx, seqs); err != nil {
			return err
		}
		if wrote(chunk[len(chunk)-1]); x.full() {
			break
		}
	}
	return nil
}

// writeAgain writes entries by their numbers, after the connections that they name and before their reactions.
func (x *exporting) writeAgain(ctx context.Context, seqs []int64) error {
	in := " IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(seqs)), ", ") + ")"
	args := []any{x.at.Session}
	for _, seq := range seqs {
		args = append(args, seq)
	}
	of := func(name string) (k *exportKind) { return exportKinds[kindNamed(name)] }
	senders := "SELECT connection_id FROM entries WHERE session_id = ? AND seq" + in + " UNION SELECT deleted_by FROM entries WHERE session_id = ? AND seq" + in +
		" UNION SELECT connection_id FROM reactions WHERE session_id = ? AND seq" + in
	all := func([]any) bool { return true }
	for _, part := range []struct {
		kind, where, order string
		args               []any
	}{
		{"connection", "session_id = ? AND id IN (" + senders + ")", "id", slices.Concat([]any{x.at.Session}, args, args, args)},
		{"entry", "session_id = ? AND seq" + in, "seq", args},
		{"reaction", "session_id = ? AND seq" + in, "seq, reactor, name", args},
	} {
		k := of(part.kind)
		query := "SELECT " + k.columns() + " FROM " + k.table + " WHERE " + part.where + " ORDER BY " + part.order
		if _, err := x.writeQuery(ctx, k, query, part.args, 0, all); err != nil {
			return err
		}
	}
	return nil
}

// write writes a line of a row's values.
func (k *exportKind) write(out *bytes.Buffer, epoch session.Epoch, row []any) error {
	if k.show != nil {
		k.show(epoch, row)
	}
	out.WriteString(`{"type":"` + k.name + `"`)
	for i, f := range k.fields {
		if row[i] == nil && f.null {
			continue
		}
		out.WriteString(`,"` + f.name + `":`)
		if !f.is.write(out, row[i]) {
			return fmt.Errorf("%s.%s: the database has %T", k.name, f.name, row[i])
		}
	}
	out.WriteString("}\n")
	return nil
}

// exportTime is the form of an instant.
const exportTime = "2006-01-02T15:04:05.000Z"

// write writes a value as JSON; ok is false for a value of another type.
func (t exportType) write(out *bytes.Buffer, value any) (ok bool) {
	number, isNumber := value.(int64)
	text, isText := value.(string)
	switch t {
	case exportText:
		out.Write(quoted(text))
		return isText
	case exportJSON:
		out.WriteString(text)
		return isText && json.Valid([]byte(text))
	case exportNumber:
		out.WriteString(strconv.FormatInt(number, 10))
		return isNumber
	case exportLarge:
		out.WriteString(`"` + strconv.FormatInt(number, 10) + `"`)
		return isNumber
	case exportInstant:
		out.WriteString(`"` + time.UnixMilli(number).UTC().Format(exportTime) + `"`)
		return isNumber
	}
	flag, isFlag := value.(bool)
	if isNumber { // SQLite has no boolean values
		flag, isFlag = number != 0, true
	}
	out.WriteString(strconv.FormatBool(flag))
	return isFlag
}

// quoted writes a text as JSON, without the escapes that are for HTML.
func quoted(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text is always written
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
