package db

import (
	"strings"

	"chattok/session"
)

// The lines of an export are rows of tables, in names of their own that stay when a table changes: docs/export.md describes them.

// exportVersion is the version of the format. A version is read by all servers that know it.
const exportVersion = 1

// exportType is how a column's values are written.
type exportType uint8

const (
	exportText    exportType = iota
	exportNumber             // a whole number, not negative
	exportLarge              // a number of 64 bits, as decimal text, since many readers of JSON keep 53 bits
	exportInstant            // milliseconds, as text after RFC 3339
	exportFlag
	exportJSON // as it is stored
)

// exportField is a field of a line.
type exportField struct {
	name   string
	column string // of the table; "" for a field that is derived from others
	is     exportType
	null   bool // may be absent
}

// exportKind is a kind of line.
type exportKind struct {
	name   string
	table  string
	key    []string // columns that give the order of the lines, beside the session
	fields []exportField
	// ofSession says that the rows belong to the session whose lines come around them, by a column session_id.
	ofSession bool
	// derived are columns that no line has and an import computes, in the order in which restore returns them.
	derived []string
	// left are the table's other columns.
	left []string
	// show rewrites a row that was read to the fields of its line; nil where they are the same.
	show func(epoch session.Epoch, row []any)
	// restore rewrites the fields of a line to its row, and returns the derived columns. It names the field of an error. nil where they
	// are the same.
	restore func(i *importing, row []any) (derived []any, err error)
}

// exportKinds are the kinds of lines in the order in which they come. Those of a session come between its "session" and its
// "sessionEnd".
var exportKinds = []*exportKind{
	{name: "deletedSession", table: "deleted_sessions", key: []string{"id"}, fields: []exportField{
		{"id", "id", exportText, false}, {"epoch", "epoch", exportLarge, false}, {"deletedAt", "deleted_at", exportInstant, false}}},
	{name: "feedSession", table: "feed_sessions", key: []string{"session_id"}, fields: []exportField{
		{"sessionId", "session_id", exportText, false}, {"epoch", "epoch", exportLarge, false}, {"seq", "seq", exportNumber, false},
		{"place", "place", exportNumber, false}, {"revision", "revision", exportNumber, false},
		{"activeAt", "active_at", exportInstant, false}}},
	{name: "feed", table: "feed", key: []string{"first_place"}, fields: []exportField{
		{"firstPlace", "first_place", exportNumber, false}, {"lastPlace", "last_place", exportNumber, false},
		{"sessionId", "session_id", exportText, false}, {"kind", "kind", exportText, false}, {"fromPlace", "from_place", exportNumber, false},
		{"afterSeq", "after_seq", exportNumber, false}, {"throughSeq", "through_seq", exportNumber, false},
		{"epoch", "epoch", exportLarge, true}, {"at", "at", exportInstant, false}, {"purgeAt", "purge_at", exportInstant, true}},
		restore: restoreFeed},
	{name: "feedState", table: "feed_state", key: []string{"name"}, fields: []exportField{
		{"name", "name", exportText, false}, {"place", "place", exportNumber, false}}, restore: restoreFeedState},
	{name: "connection", table: "connections", key: []string{"id"}, ofSession: true, fields: []exportField{
		{"id", "id", exportText, false}, {"role", "role", exportText, false}, {"userId", "user_id", exportText, true},
		{"data", "data", exportText, true}, {"dataFixed", "data_fixed", exportFlag, false},
		{"dataRevision", "data_revision", exportNumber, false}, {"guest", "guest", exportFlag, false},
		{"hadSocket", "had_socket", exportFlag, false}, {"createdAt", "created_at", exportInstant, false},
		{"createdRevision", "created_revision", exportNumber, true}, {"destroyedAt", "destroyed_at", exportInstant, true},
		{"destroyedRevision", "destroyed_revision", exportNumber, true}, {"reason", "reason", exportText, true},
		{"purgeAt", "purge_at", exportInstant, true}, {"origin", "origin", exportLarge, true}},
		derived: []string{"expires_at"}, restore: restoreConnection},
	{name: "actor", table: "service_connections", key: []string{"actor"}, ofSession: true, fields: []exportField{
		{"name", "actor", exportText, true}, {"userId", "", exportText, true}, {"connectionId", "connection_id", exportText, false}},
		show: showActor, restore: restoreActor},
	{name: "entry", table: "entries", key: []string{"seq"}, ofSession: true, fields: []exportField{
		{"id", "", exportText, false}, {"seq", "seq", exportNumber, false}, {"place", "changes_before", exportNumber, false},
		{"connectionId", "connection_id", exportText, false}, {"userId", "user_id", exportText, true},
		{"body", "body", exportText, false}, {"data", "data", exportText, true}, {"replyTo", "reply_to", exportNumber, true},
		{"idempotencyKey", "idempotency_key", exportText, true}, {"storedKey", "", exportText, true},
		{"createdAt", "created_at", exportInstant, false}, {"version", "version", exportNumber, false},
		{"change", "change", exportText, true}, {"changedPlace", "changed_place", exportNumber, true},
		{"changedAt", "changed_at", exportInstant, true}, {"editedAt", "edited_at", exportInstant, true},
		{"deletedAt", "deleted_at", exportInstant, true}, {"deletedBy", "deleted_by", exportText, true},
		{"reactions", "reactions", exportJSON, true}, {"postedSum", "posted_sum", exportNumber, true}},
		derived: []string{"run_place"}, show: showEntry, restore: restoreEntry},
	{name: "reaction", table: "reactions", key: []string{"seq", "reactor", "name"}, ofSession: true, fields: []exportField{
		{"seq", "seq", exportNumber, false}, {"userId", "reactor", exportText, true}, {"connectionId", "connection_id", exportText, false},
		{"name", "name", exportText, false}, {"place", "place", exportNumber, false}, {"ordinal", "ordinal", exportNumber, false}},
		show: showReaction, restore: restoreReaction},
	{name: "stream", table: "streams", key: []string{"id"}, ofSession: true, fields: []exportField{
		{"id", "id", exportText, false}, {"connectionId", "connection_id", exportText, false}, {"name", "name", exportText, true},
		{"hasAudio", "has_audio", exportFlag, false}, {"hasVideo", "has_video", exportFlag, false},
		{"videoType", "video_type", exportText, false}, {"width", "width", exportNumber, true}, {"height", "height", exportNumber, true},
		{"createdAt", "created_at", exportInstant, false}, {"createdRevision", "created_revision", exportNumber, false}},
		restore: restoreStream},
	{name: "streamChange", table: "stream_changes", key: []string{"revision"}, ofSession: true, fields: []exportField{
		{"revision", "revision", exportNumber, false}, {"change", "change", exportJSON, false}, {"purgeAt", "purge_at", exportInstant, false}},
		restore: restoreStreamChange},
	{name: "readMark", table: "read_marks", key: []string{"reader"}, ofSession: true, fields: []exportField{
		{"userId", "reader", exportText, true}, {"connectionId", "", exportText, true}, {"place", "place", exportNumber, false},
		{"seq", "seq", exportNumber, false}, {"postedAt", "posted_at", exportInstant, true}, {"purgeAt", "purge_at", exportInstant, true}},
		show: showReadMark, restore: restoreReadMark},
	{name: "ban", table: "bans", key: []string{"id"}, ofSession: true, fields: []exportField{
		{"id", "id", exportText, false}, {"userId", "user_id", exportText, true}, {"origin", "origin", exportLarge, true},
		{"connectionId", "connection_id", exportText, false}, {"moderatorId", "moderator_id", exportText, false},
		{"createdAt", "created_at", exportInstant, false}, {"until", "until", exportInstant, false}}, restore: restoreBan},
	{name: "changeKey", table: "change_keys", key: []string{"change_key"}, ofSession: true, fields: []exportField{
		{"key", "change_key", exportText, false}, {"usedFor", "used_for", exportText, false}, {"purgeAt", "purge_at", exportInstant, false}}},
}

// exportSession and exportSessionEnd are the two lines around those of a session. The numbers come last, since they grow while the
// session is exported.
var (
	exportSession = &exportKind{name: "session", table: "sessions", key: []string{"id"}, fields: []exportField{
		{"id", "id", exportText, false}, {"epoch", "epoch", exportLarge, false}, {"mediaMode", "media_mode", exportText, false},
		{"tokenRequired", "token_required", exportFlag, false}, {"createdAt", "created_at", exportInstant, false},
		{"slowModeMs", "slow_mode", exportNumber, false}, {"readOnly", "read_only", exportFlag, false}, {"data", "data", exportText, true},
		{"settingsRevision", "settings_revision", exportNumber, false}, {"serverConnection", "server_connection", exportText, true},
		{"mutedBy", "muted_by", exportText, true}, {"retentionMs", "retention", exportNumber, true}},
		left: []string{"banned_until", "deleted_at", "indexed_seq", "run_changes", "removed_place"}}
	exportSessionEnd = &exportKind{name: "sessionEnd", table: "sessions", key: []string{"id"}, fields: []exportField{
		{"entries", "last_seq", exportNumber, false}, {"place", "changes", exportNumber, false}, {"revision", "revision", exportNumber, false},
		{"bytes", "bytes", exportNumber, false}, {"removed", "removed_seq", exportNumber, true}},
		show: func(_ session.Epoch, row []any) {
			row[1] = row[0].(int64) + row[1].(int64)
			if row[4] == int64(0) {
				row[4] = nil
			}
		}}
)

// firstOfSession is the index in exportKinds of the first kind that belongs to a session.
var firstOfSession = func() int {
	for i, k := range exportKinds {
		if k.ofSession {
			return i
		}
	}
	return len(exportKinds)
}()

func kindNamed(name string) (index int) {
	for i, k := range exportKinds {
		if k.name == name {
			return i
		}
	}
	return -1
}

// columns returns the columns of the fields, in their order; NULL for fields without one.
func (k *exportKind) columns() string {
	columns := make([]string, len(k.fields))
	for i, f := range k.fields {
		columns[i] = f.column
		if f.column == "" {
			columns[i] = "NULL"
		}
	}
	return strings.Join(columns, ", ")
}

// inserted returns the columns that an import stores.
func (k *exportKind) inserted() (columns []string) {
	if k.ofSession {
		columns = append(columns, "session_id")
	}
	for _, f := range k.fields {
		if f.column != "" {
			columns = append(columns, f.column)
		}
	}
	return append(columns, k.derived...)
}

// field returns the index of a field; -1 where there is none with this name.
func (k *exportKind) field(name string) int {
	for i, f := range k.fields {
		if f.name == name {
			return i
		}
	}
	return -1
}

// splitReader turns a reader as the database has it, "u" and a user or "c" and a connection, into two fields.
func splitReader(reader any) (user, connection any) {
	text, _ := reader.(string)
	if id, ok := strings.CutPrefix(text, "u"); ok {
		return id, nil
	}
	return nil, strings.TrimPrefix(text, "c")
}

func showActor(_ session.Epoch, row []any) {
	actor := row[0].(string)
	row[0], row[1] = nil, nil
	if name, ok := strings.CutPrefix(actor, "n"); ok {
		row[0] = name
	} else {
		row[1] = strings.TrimPrefix(actor, "u")
	}
}

func showReaction(_ session.Epoch, row []any) { row[1], _ = splitReader(row[1]) }

func showReadMark(_ session.Epoch, row []any) { row[0], row[1] = splitReader(row[0]) }

// Fields of a connection by their index.
const (
	connectionRole              = 1
	connectionCreatedRevision   = 9
	connectionDestroyedRevision = 11
	connectionReason            = 12
)

// Fields of an entry by their index.
const (
	entryID = iota
	entrySeqField
	entryPlace
	entryConnection
	entryUser
	entryBody
	entryData
	entryReplyTo
	entryKeyField
	entryStoredKey
	entryCreatedAt
	entryVersion
	entryChange
	entryChangedPlace
	_
	_
	_
	_
	entryReactions
)

func showEntry(epoch session.Epoch, row []any) {
	seq := row[entrySeqField].(int64)
	before, _ := row[entryPlace].(int64) // NULL is 0
	row[entryID], row[entryPlace] = session.EntryID(epoch, seq), seq+before
	if stored, ok := row[entryKeyField].(string); ok {
		if key := clientKey(stored); storeKey(textOrNil(row[entryUser]), key) == stored {
			row[entryKeyField] = key
		} else { // by a version that stored every key as it was
			row[entryKeyField], row[entryStoredKey] = nil, stored
		}
	}
}

// textOrNil returns a text that may be NULL.
func textOrNil(value any) *string {
	if text, ok := value.(string); ok {
		return &text
	}
	return nil
}
