package db

import (
	"context"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"chattok/session"
)

// webhookRow is a row of webhooks.
type webhookRow struct {
	bun.BaseModel `bun:"table:webhooks"`

	ID            string `bun:"id,pk"`
	URL           string `bun:"url"`
	Events        string `bun:"events"` // separated by commas; empty for all
	SessionPrefix string `bun:"session_prefix"`
	Secret        string `bun:"secret"`
	Place         int64  `bun:"place"`
	Replays       int64  `bun:"replays"`
	LastError     string `bun:"last_error"`
	FailingSince  *int64 `bun:"failing_since"`
	CreatedAt     int64  `bun:"created_at"`

	FeedEnd int64 `bun:"feed_end,scanonly"`
}

func (r *webhookRow) toWebhook() *session.Webhook {
	w := &session.Webhook{ID: r.ID, URL: r.URL, SessionPrefix: r.SessionPrefix, Secret: r.Secret, Place: r.Place, Replays: r.Replays,
		LastError: r.LastError, CreatedAt: toTime(r.CreatedAt), Lag: max(0, r.FeedEnd-r.Place)}
	if r.FailingSince != nil {
		since := toTime(*r.FailingSince)
		w.FailingSince = &since
	}
	if r.Events != "" {
		for kind := range strings.SplitSeq(r.Events, ",") {
			w.Events = append(w.Events, session.FeedEventKind(kind))
		}
	}
	return w
}

func fromWebhook(w session.Webhook) *webhookRow {
	kinds := make([]string, len(w.Events))
	for i, kind := range w.Events {
		kinds[i] = string(kind)
	}
	return &webhookRow{ID: w.ID, URL: w.URL, Events: strings.Join(kinds, ","), SessionPrefix: w.SessionPrefix, Secret: w.Secret}
}

func webhookNotFound() *session.Error {
	return session.Errorf(session.CodeNotFound, "there is no such webhook")
}

// sqlFeedEnd is the last place of the feed.
const sqlFeedEnd = "coalesce((SELECT place FROM feed_state WHERE name = 'end'), 0)"

const sqlWebhooks = "SELECT *, " + sqlFeedEnd + " AS feed_end FROM webhooks"

// selectWebhook returns a webhook. Errors: NOT_FOUND.
func selectWebhook(ctx context.Context, db bun.IDB, id string) (*session.Webhook, error) {
	if !storable(id) {
		return nil, webhookNotFound()
	}
	var rows []*webhookRow
	if err := db.NewRaw(sqlWebhooks+" WHERE id = ?", id).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, webhookNotFound()
	}
	return rows[0].toWebhook(), nil
}

// CreateWebhook implements session.Store. The lobby's row is locked, so that two that are made at once count each other.
func (s *Store) CreateWebhook(ctx context.Context, w session.Webhook) (made *session.Webhook, err error) {
	err = s.write(ctx, "create webhook", func(ctx context.Context, tx bun.Tx) error {
		_, now, err := s.lockSession(ctx, tx, session.Lobby)
		if err != nil {
			return err
		}
		row := fromWebhook(w)
		row.CreatedAt = now
		if err := tx.NewRaw("SELECT "+sqlFeedEnd).Scan(ctx, &row.Place); err != nil {
			return err
		}
		if row.ID != session.EnvironmentWebhook {
			count, err := tx.NewSelect().Model((*webhookRow)(nil)).Where("id <> ?", session.EnvironmentWebhook).Count(ctx)
			if err != nil {
				return err
			}
			if count >= session.MaxWebhooks {
				return session.TooManyWebhooks()
			}
		}
		// A webhook that exists keeps its progress.
		_, err = tx.NewInsert().Model(row).On("CONFLICT (id) DO UPDATE").Set("url = EXCLUDED.url").Set("events = EXCLUDED.events").
			Set("session_prefix = EXCLUDED.session_prefix").Exec(ctx)
		if err != nil {
			return err
		}
		made, err = selectWebhook(ctx, tx, row.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// Webhooks implements session.Store.
func (s *Store) Webhooks(ctx context.Context) ([]*session.Webhook, error) {
	return read(ctx, s, "read webhooks", func(ctx context.Context) ([]*session.Webhook, error) {
		var rows []*webhookRow
		if err := s.readers.NewRaw(sqlWebhooks+" ORDER BY created_at, id").Scan(ctx, &rows); err != nil {
			return nil, err
		}
		webhooks := make([]*session.Webhook, len(rows))
		for i, row := range rows {
			webhooks[i] = row.toWebhook()
		}
		return webhooks, nil
	})
}

// Webhook implements session.Store.
func (s *Store) Webhook(ctx context.Context, id string) (*session.Webhook, error) {
	return read(ctx, s, "read webhook", func(ctx context.Context) (*session.Webhook, error) {
		return selectWebhook(ctx, s.readers, id)
	})
}

// DeleteWebhook implements session.Store.
func (s *Store) DeleteWebhook(ctx context.Context, id string) (was *session.Webhook, err error) {
	err = s.write(ctx, "delete webhook", func(ctx context.Context, tx bun.Tx) (err error) {
		if was, err = selectWebhook(ctx, tx, id); err != nil {
			return err
		}
		deleted, err := tx.NewDelete().Model((*webhookRow)(nil)).Where("id = ?", id).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := deleted.RowsAffected(); err != nil || n == 0 { // another transaction was first
			return errOr(err, webhookNotFound())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return was, nil
}

func errOr(err error, other *session.Error) error {
	if err != nil {
		return err
	}
	return other
}

// ReplayWebhook implements session.Store.
func (s *Store) ReplayWebhook(ctx context.Context, id string, place int64) (w *session.Webhook, err error) {
	if !storable(id) {
		return nil, webhookNotFound()
	}
	err = s.write(ctx, "replay webhook", func(ctx context.Context, tx bun.Tx) (err error) {
		const query = "UPDATE webhooks SET place = ?, replays = replays + 1 WHERE id = ?"
		if _, err := tx.ExecContext(ctx, query, place, id); err != nil {
			return err
		}
		w, err = selectWebhook(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// UpdateWebhooks implements session.Store. The rows are updated in the order of their ids, as every transaction does that has
// several of them.
func (s *Store) UpdateWebhooks(ctx context.Context, progress []session.WebhookProgress) error {
	return s.writeFew(ctx, "update webhooks", func(ctx context.Context, tx bun.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		for _, p := range slices.SortedStableFunc(slices.Values(progress), func(a, b session.WebhookProgress) int { return strings.Compare(a.ID, b.ID) }) {
			const well = "UPDATE webhooks SET place = ?, last_error = '', failing_since = NULL WHERE id = ? AND place = ? AND replays = ?"
			const failed = "UPDATE webhooks SET place = ?, last_error = ?, failing_since = coalesce(failing_since, ?) WHERE id = ? AND place = ? AND replays = ?"
			var err error
			if p.Error == "" {
				_, err = tx.ExecContext(ctx, well, p.Place, p.ID, p.From, p.Replays)
			} else {
				_, err = tx.ExecContext(ctx, failed, p.Place, p.Error, now, p.ID, p.From, p.Replays)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
