package session

// The bytes that a session stores are bounded where it was made on first use: the QuotaBytes of its entries, and these constants for
// the rows beside them. They are about what the rows take on disk. Migrations reckon with the same numbers.
const (
	// entryOverhead is for an entry beside its text, so that empty entries are bounded too.
	entryOverhead = 128
	// usualIDBytes is the length of an id that entryOverhead covers; ids that the server makes are not longer.
	usualIDBytes = 48
	// idCopies is how often the database has an entry's ids, in the row and in indexes.
	idCopies = 3

	// ReactionQuotaBytes is for one reaction of one user, or connection without one, until it is taken back or the entry deleted.
	ReactionQuotaBytes = 512
	// ChangeKeyQuotaBytes is for the idempotency key of a change, for ChangeKeyTime.
	ChangeKeyQuotaBytes = 640
	// RosterChangeQuotaBytes is for a change of streams, of a connection's data or role, or of the settings, beside its text, for FeedKept.
	RosterChangeQuotaBytes = 128
)

// QuotaBytes is how many bytes the entry counts to its session's quota. A deleted entry counts what it still takes.
func (e *ChatEntry) QuotaBytes() int64 {
	ids := beyondUsual(e.SessionID) + beyondUsual(e.ConnectionID)
	if e.UserID != nil {
		ids += beyondUsual(*e.UserID)
	}
	return int64(entryOverhead + e.TextBytes() + len(e.IdempotencyKey) + idCopies*ids)
}

func beyondUsual(id string) int { return max(0, len(id)-usualIDBytes) }

// ReactionBytes is how many bytes the entry's reactions count to its session's quota.
func (e *ChatEntry) ReactionBytes() (bytes int64) {
	for _, r := range e.Reactions {
		bytes += r.Count * ReactionQuotaBytes
	}
	return bytes
}
