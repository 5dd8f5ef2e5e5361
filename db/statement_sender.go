package db

import "fmt"

// lookBack is how many entries a look for one that is not deleted goes through at most: a sender that deletes all its entries
// makes no read longer than this.
const lookBack = 10_000

// senderQuery has the values of sqlSenderEntries by name.
type senderQuery struct {
	sessionID, connectionID string
	indexed                 seqRange // of the entries that sender_entries has
	unindexed               seqRange // of the entries after those
	limit                   int
}

// seqRange is the numbers between two numbers, without them.
type seqRange struct{ after, before int64 }

// sqlSenderEntries selects one sender's entries of a session that meet a condition, by sender_entries and by the rest of the
// log. Its arguments are those of senderQuery.args. PostgreSQL gets the numbers as an array, which it reads once: while its
// statistics know little of a new log, it takes a list for one to be read again for each of the log's rows.
func sqlSenderEntries(e *engine, order, condition string) string {
	const found = "WHERE session_id = ? AND connection_id = ? AND seq > "
	limited := " AND seq < ? ORDER BY seq " + order + " LIMIT ?"
	const notIndexed = "(SELECT CASE WHEN indexed_seq > ? THEN indexed_seq ELSE ? END FROM sessions WHERE id = ?)"
	indexed := "sender_entries " + found + "?"
	if condition != "" {
		indexed = fmt.Sprintf("(SELECT session_id, seq FROM "+indexed+" AND seq < ? ORDER BY seq "+order+" LIMIT %d) AS newest", lookBack) +
			" WHERE EXISTS (SELECT 1 FROM entries AS e WHERE e.session_id = newest.session_id AND e.seq = newest.seq" + condition + ")" +
			" ORDER BY seq " + order + " LIMIT ?"
	} else {
		indexed += limited
	}
	return "SELECT " + sqlEntryColumns + " FROM entries AS e WHERE session_id = ? AND seq " + e.inList +
		"SELECT seq FROM (SELECT seq FROM " + indexed + ") AS indexed UNION ALL " +
		"SELECT seq FROM (SELECT seq FROM entries " + found + notIndexed + condition + limited + ") AS recent" +
		e.inEnd + " ORDER BY seq " + order + " LIMIT ?"
}

// args returns the arguments in the order of the statement's placeholders.
func (q senderQuery) args() []any {
	return []any{
		q.sessionID,
		q.sessionID, q.connectionID, q.indexed.after, q.indexed.before, q.limit,
		q.sessionID, q.connectionID, q.unindexed.after, q.unindexed.after, q.sessionID, q.unindexed.before, q.limit,
		q.limit,
	}
}
