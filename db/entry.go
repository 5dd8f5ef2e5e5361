package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// entryRow is a row of entries.
type entryRow struct {
	bun.BaseModel `bun:"table:entries"`

	SessionID      string  `bun:"session_id,pk"`
	Seq            int64   `bun:"seq,pk"`
	ConnectionID   string  `bun:"connection_id"`
	UserID         *string `bun:"user_id"`
	Body           string  `bun:"body"`
	Data           *string `bun:"data"`
	ReplyTo        *int64  `bun:"reply_to"`
	IdempotencyKey *string `bun:"idempotency_key"` // as storeKey makes it
	CreatedAt      int64   `bun:"created_at"`
	ChangesBefore  *int64  `bun:"changes_before"`
	Version        int64   `bun:"version"`
	ChangedPlace   *int64  `bun:"changed_place"`
	ChangedAt      *int64  `bun:"changed_at"`
	Change         *string `bun:"change"`
	EditedAt       *int64  `bun:"edited_at"`
	DeletedAt      *int64  `bun:"deleted_at"`
	DeletedBy      *string `bun:"deleted_by"`
	Reactions      *string `bun:"reactions"`
}

// sqlEntryColumns are the columns that entryRow.scan reads.
const sqlEntryColumns = "e.session_id, e.seq, e.connection_id, e.user_id, e.body, e.data, e.reply_to, e.idempotency_key, e.created_at," +
	" e.changes_before, e.version, e.changed_place, e.changed_at, e.change, e.edited_at, e.deleted_at, e.deleted_by, e.reactions"

// scan reads sqlEntryColumns, which follow the columns of first.
func (r *entryRow) scan(rows *sql.Rows, first ...any) error {
	return rows.Scan(append(first, &r.SessionID, &r.Seq, &r.ConnectionID, &r.UserID, &r.Body, &r.Data, &r.ReplyTo, &r.IdempotencyKey,
		&r.CreatedAt, &r.ChangesBefore, &r.Version, &r.ChangedPlace, &r.ChangedAt, &r.Change, &r.EditedAt, &r.DeletedAt, &r.DeletedBy,
		&r.Reactions)...)
}

func (r *entryRow) toEntry(epoch session.Epoch) *session.ChatEntry {
	entry := &session.ChatEntry{
		SessionID:    r.SessionID,
		Epoch:        epoch,
		Seq:          r.Seq,
		Place:        r.Seq + orZero(r.ChangesBefore),
		ConnectionID: r.ConnectionID,
		UserID:       r.UserID,
		Body:         r.Body,
		Data:         r.Data,
		ReplyTo:      orZero(r.ReplyTo),
		CreatedAt:    toTime(r.CreatedAt),
		Version:      r.Version,
		Changed:      orZero(r.ChangedPlace),
		EditedAt:     toTimeOrNil(r.EditedAt),
		DeletedAt:    toTimeOrNil(r.DeletedAt),
		DeletedBy:    orZero(r.DeletedBy),
	}
	if r.IdempotencyKey != nil {
		entry.IdempotencyKey = clientKey(*r.IdempotencyKey)
	}
	if r.Reactions != nil {
		entry.Reactions = toReactions(*r.Reactions)
	}
	return entry
}

// orZero returns the value that p points to, or the zero value for nil.
func orZero[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}

func toTimeOrNil(milliseconds *int64) *time.Time {
	if milliseconds == nil {
		return nil
	}
	at := toTime(*milliseconds)
	return &at
}

// toReactions reads the counts that fromReactions wrote.
func toReactions(text string) (counts []session.ReactionCount) {
	var pairs [][2]any
	if err := json.Unmarshal([]byte(text), &pairs); err != nil {
		return nil // no text of this package's
	}
	for _, pair := range pairs {
		name, _ := pair[0].(string)
		count, _ := pair[1].(float64)
		counts = append(counts, session.ReactionCount{Name: name, Count: int64(count)})
	}
	return counts
}

// fromReactions writes counts as JSON; nil for none.
func fromReactions(counts []session.ReactionCount) (*string, error) {
	if len(counts) == 0 {
		return nil, nil
	}
	pairs := make([][2]any, len(counts))
	for i, c := range counts {
		pairs[i] = [2]any{c.Name, c.Count}
	}
	text, err := json.Marshal(pairs)
	if err != nil {
		return nil, err
	}
	written := string(text)
	return &written, nil
}

// Entries implements session.Store. The entries get the query's epoch.
func (s *Store) Entries(ctx context.Context, q session.EntryQuery) ([]*session.ChatEntry, error) {
	if q.Limit <= 0 || !storable(q.SessionID) || !storable(q.ConnectionID) {
		return nil, nil
	}
	rows, err := read(ctx, s, "read entries", func(ctx context.Context) (rows []*entryRow, err error) {
		if q.ConnectionID != "" {
			return s.senderEntries(ctx, q)
		}
		err = selectEntries(s.readers, &rows, q).Scan(ctx)
		return rows, err
	})
	if err != nil {
		return nil, err
	}
	entries := make([]*session.ChatEntry, len(rows))
	for i, row := range rows {
		at := i
		if q.Backward {
			at = len(rows) - 1 - i
		}
		entries[at] = row.toEntry(q.Epoch)
	}
	return entries, nil
}

// selectEntries selects the rows of a query of all senders, the newest first where the query goes backward.
func selectEntries(db bun.IDB, rows *[]*entryRow, q session.EntryQuery) *bun.SelectQuery {
	query := db.NewSelect().Model(rows).Where("session_id = ?", q.SessionID)
	if q.After > 0 {
		query = query.Where("seq > ?", q.After)
	}
	if q.Before > 0 {
		query = query.Where("seq < ?", q.Before)
	}
	if q.NotDeleted {
		query = query.Where("deleted_at IS NULL")
	}
	if q.NotDeleted && q.Backward {
		query = query.Where("seq > (SELECT last_seq FROM sessions WHERE id = ?) - ?", q.SessionID, lookBack)
	}
	order := "seq ASC"
	if q.Backward {
		order = "seq DESC"
	}
	return query.Order(order).Limit(int64(q.Limit))
}

// EntriesBySeq implements session.Store.
func (s *Store) EntriesBySeq(
	ctx context.Context, sessionID string, epoch session.Epoch, seqs []int64,
) (map[int64]*session.ChatEntry, error) {
	found := make(map[int64]*session.ChatEntry, len(seqs))
	if len(seqs) == 0 || !storable(sessionID) {
		return found, nil
	}
	rows, err := read(ctx, s, "read entries by number", func(ctx context.Context) (rows []*entryRow, err error) {
		err = bySeq(s.readers, &rows, sessionID, seqs).Scan(ctx)
		return rows, err
	})
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		found[row.Seq] = row.toEntry(epoch)
	}
	return found, nil
}

func bySeq(db bun.IDB, rows *[]*entryRow, sessionID string, seqs []int64) *bun.SelectQuery {
	return db.NewSelect().Model(rows).Where("session_id = ?", sessionID).Where("seq IN (?)", bun.List(seqs))
}
