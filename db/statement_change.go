package db

// changeText returns the statement of a change of entries over rows that list repeats; empty for another kind. Values come as
// arguments and never within the text: a server shows the texts of statements to its operators.
func (k statementKind) changeText(list func(row string) string) string {
	const (
		entry  = "(?, CAST(? AS BIGINT))"
		change = "(?, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), ?, ?"
		set    = " UPDATE entries SET version = new.version, changed_place = new.place, changed_at = new.at, change = new.change," +
			" reactions = new.reactions"
		where = " FROM new WHERE entries.session_id = new.session_id AND entries.seq = new.seq"
	)
	switch k {
	case selectBySeq:
		return "WITH wanted (session_id, seq) AS (VALUES " + list(entry) + ")" +
			" SELECT " + sqlEntryColumns + " FROM wanted CROSS JOIN entries AS e WHERE e.session_id = wanted.session_id AND e.seq = wanted.seq"
	case selectChangeKeys:
		return "WITH wanted (session_id, change_key) AS (VALUES " + list("(?, ?)") + ")" +
			" SELECT k.session_id, k.change_key, k.used_for FROM wanted CROSS JOIN change_keys AS k" +
			" WHERE k.session_id = wanted.session_id AND k.change_key = wanted.change_key"
	case selectReactions:
		return "WITH wanted (session_id, seq, reactor) AS (VALUES " + list("(?, CAST(? AS BIGINT), ?)") + ")" +
			" SELECT r.session_id, r.seq, r.reactor, r.name FROM wanted CROSS JOIN reactions AS r" +
			" WHERE r.session_id = wanted.session_id AND r.seq = wanted.seq AND r.reactor = wanted.reactor"
	case updateEntries:
		return "WITH new (session_id, seq, version, place, at, change, reactions, body, data, edited_at, deleted_at, deleted_by)" +
			" AS (VALUES " + list(change+", ?, ?, CAST(? AS BIGINT), CAST(? AS BIGINT), ?)") + ")" + set +
			", body = new.body, data = new.data, edited_at = new.edited_at, deleted_at = new.deleted_at, deleted_by = new.deleted_by," +
			" posted_sum = NULL" + where
	case eraseEntries:
		return "WITH new (session_id, seq, version, place, at, change, reactions, connection_id, deleted_at, deleted_by)" +
			" AS (VALUES " + list(change+", ?, CAST(? AS BIGINT), ?)") + ")" + set +
			", body = '', data = NULL, idempotency_key = NULL, posted_sum = NULL, user_id = NULL, connection_id = new.connection_id," +
			" deleted_at = new.deleted_at, deleted_by = new.deleted_by" + where
	case updateReactions:
		return "WITH new (session_id, seq, version, place, at, change, reactions) AS (VALUES " + list(change+")") + ")" + set + where
	case advanceChanges:
		return "WITH grown (id, changes, bytes) AS (VALUES " + list("(?, CAST(? AS BIGINT), CAST(? AS BIGINT))") + ")" +
			" UPDATE sessions SET changes = grown.changes, bytes = grown.bytes FROM grown WHERE sessions.id = grown.id"
	case insertReactions:
		return "INSERT INTO reactions (session_id, seq, reactor, name, connection_id, place, ordinal) VALUES " + list("(?, ?, ?, ?, ?, ?, ?)")
	case deleteReactions:
		return "WITH gone (session_id, seq, reactor, name) AS (VALUES " + list("(?, CAST(? AS BIGINT), ?, ?)") + ")" +
			" DELETE FROM reactions WHERE (session_id, seq, reactor, name) IN (SELECT session_id, seq, reactor, name FROM gone)"
	case clearReactions:
		return "WITH gone (session_id, seq) AS (VALUES " + list(entry) + ")" +
			" DELETE FROM reactions WHERE (session_id, seq) IN (SELECT session_id, seq FROM gone)"
	case insertChangeKeys:
		return "INSERT INTO change_keys (session_id, change_key, used_for, purge_at) VALUES " + list("(?, ?, ?, ?)")
	case selectEntryRow:
		return "SELECT (SELECT rootpage FROM sqlite_schema WHERE name = 'entries'), rowid FROM entries WHERE session_id = ? AND seq = ?"
	case selectRoot:
		return "SELECT rootpage FROM sqlite_schema WHERE name = 'entries'"
	case selectPage:
		return "SELECT data FROM sqlite_dbpage('main') WHERE pgno = ?"
	case selectPages:
		return "SELECT pgno, data FROM sqlite_dbpage('main') WHERE pgno IN (" + list("?") + ")"
	case updatePage:
		return "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?"
	}
	return ""
}
