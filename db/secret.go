package db

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
)

const (
	keySecret   = "secret"
	keyInForce  = "secret_in_force" // the mark of the one that the server started last with
	keyPing     = "ping"            // when the database was last seen to take a write
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

// markBytes is how long a secret's mark is: enough to tell two secrets apart, and too little to find one by.
const markBytes = 4

// markOf returns what tells a secret from others, and says nothing of it.
func markOf(secret []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("chattok: the secret in force"))
	return hex.EncodeToString(h.Sum(nil)[:markBytes])
}

// NoteSecret records that a server starts with this secret, so that SecretInForce can tell. Errors: UNAVAILABLE.
func (s *Store) NoteSecret(ctx context.Context, secret []byte) error {
	return s.write(ctx, "note the secret", func(ctx context.Context, tx bun.Tx) error {
		return putMeta(ctx, tx, keyInForce, markOf(secret))
	})
}

// SecretInForce says whether the server that started last on this database did so with this secret; also where none has.
// Errors: UNAVAILABLE.
func (s *Store) SecretInForce(ctx context.Context, secret []byte) (bool, error) {
	mark, err := read(ctx, s, "read the secret's mark", func(ctx context.Context) (string, error) {
		mark, err := getMeta(ctx, s.readers, keyInForce)
		if errors.Is(err, sql.ErrNoRows) {
			return "", nil
		}
		return mark, err
	})
	return mark == "" || mark == markOf(secret), err
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
