package db

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/uptrace/bun"
)

const (
	keySecret   = "secret"
	keyPing     = "ping" // when the database was last seen to take a write
	secretBytes = 32
)

// Secret returns the API secret that was made with the database: secretBytes random bytes, as printable base64url text.
func (s *Store) Secret(ctx context.Context) ([]byte, error) {
	secret, err := read(ctx, s, "read secret", func(ctx context.Context) (string, error) {
		return getMeta(ctx, s.readers, keySecret)
	})
	if err != nil {
		return nil, fmt.Errorf("read the secret from database %s: %w", s.path, err)
	}
	return []byte(secret), nil
}

// makeSecret makes the secret unless there is one.
func (s *Store) makeSecret(ctx context.Context) error {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	const query = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
	_, err := s.writer.ExecContext(ctx, query, keySecret, base64.RawURLEncoding.EncodeToString(b[:]))
	return err
}

// getMeta returns the value of a key; sql.ErrNoRows where there is none.
func getMeta(ctx context.Context, db bun.IDB, key string) (value string, err error) {
	err = db.NewRaw("SELECT value FROM meta WHERE key = ?", key).Scan(ctx, &value)
	return value, err
}

func putMeta(ctx context.Context, db bun.IDB, key, value string) error {
	const query = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
	_, err := db.ExecContext(ctx, query, key, value)
	return err
}
