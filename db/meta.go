package db

import (
	"context"

	"github.com/uptrace/bun"
)

// getMeta returns the value of a key. Errors: sql.ErrNoRows for a key without a value.
func getMeta(ctx context.Context, db bun.IDB, key string) (value string, err error) {
	err = db.NewRaw("SELECT value FROM meta WHERE key = ?", key).Scan(ctx, &value)
	return value, err
}

func putMeta(ctx context.Context, db bun.IDB, key, value string) error {
	const query = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
	_, err := db.ExecContext(ctx, query, key, value)
	return err
}
