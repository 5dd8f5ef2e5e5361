package db

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"

	"chattok/session"
)

// entryRow is a row of entries.
type entryRow struct {
	bun.BaseModel `bun:"table:entries"`

	SessionID      string  `bun:"session_id,pk"`
	Seq            int64   `bun:"seq,pk"`
	ConnectionID   string  `bun:"connection_id"`
	Body           string  `bun:"body"`
	IdempotencyKey *string `bun:"idempotency_key"`
	CreatedAt      int64   `bun:"created_at"`
}

func (r *entryRow) toEntry(epoch session.Epoch) *session.ChatEntry {
	entry := &session.ChatEntry{
		SessionID:    r.SessionID,
		Epoch:        epoch,
		Seq:          r.Seq,
		ConnectionID: r.ConnectionID,
		Body:         r.Body,
		CreatedAt:    toTime(r.CreatedAt),
	}
	if r.IdempotencyKey != nil {
		entry.IdempotencyKey = *r.IdempotencyKey
	}
	return entry
}

// Entries implements session.Store. The entries have the query's epoch.
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

// selectEntries selects the rows of q, whoever sent them, the newest first where it goes backward.
func selectEntries(db bun.IDB, rows *[]*entryRow, q session.EntryQuery) *bun.SelectQuery {
	query := db.NewSelect().Model(rows).Where("session_id = ?", q.SessionID)
	if q.After > 0 {
		query = query.Where("seq > ?", q.After)
	}
	if q.Before > 0 {
		query = query.Where("seq < ?", q.Before)
	}
	order := "seq ASC"
	if q.Backward {
		order = "seq DESC"
	}
	return query.Order(order).Limit(int64(q.Limit))
}

// sqlEntryColumns are the columns of entries as entryRow.scan takes them.
const sqlEntryColumns = "e.session_id, e.seq, e.connection_id, e.body, e.idempotency_key, e.created_at"

func (r *entryRow) scan(rows *sql.Rows) error {
	return rows.Scan(&r.SessionID, &r.Seq, &r.ConnectionID, &r.Body, &r.IdempotencyKey, &r.CreatedAt)
}
