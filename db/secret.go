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
	keyInForce  = "secret_in_force" // the mark of the secret that the server started with last
	keyUsers    = "user_key"        // the key by which users' ids are derived
	keyPing     = "ping"            // the time of the latest Ping that wrote to the database
	secretBytes = 32
)

// Secret returns the API secret that was made with the database: secretBytes random bytes, as base64url text.
func (s *Store) Secret(ctx context.Context) ([]byte, error) {
	secret, err := read(ctx, s, "read secret", func(ctx context.Context) (string, error) {
		return getMeta(ctx, s.readers, keySecret)
	})
	if err != nil {
		return nil, fmt.Errorf("read the secret from database %s: %w", s.path, err)
	}
	return []byte(secret), nil
}

// UserKey returns the key by which users' ids are derived from the keys that clients keep: secretBytes random bytes that were
// made with the database, whatever the API secret is.
func (s *Store) UserKey(ctx context.Context) ([]byte, error) {
	key, err := read(ctx, s, "read the user key", func(ctx context.Context) (string, error) {
		return getMeta(ctx, s.readers, keyUsers)
	})
	if err != nil {
		return nil, fmt.Errorf("read the user key from database %s: %w", s.path, err)
	}
	return base64.RawURLEncoding.DecodeString(key)
}

// markBytes is the size of a secret's mark: enough to tell two secrets apart, and too little to find a secret by.
const markBytes = 4

// markOf returns a mark that tells a secret from others and reveals nothing of it.
func markOf(secret []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("chattok: the secret in force"))
	return hex.EncodeToString(h.Sum(nil)[:markBytes])
}

// NoteSecret records the secret that a server starts with, for SecretInForce. Errors: UNAVAILABLE.
func (s *Store) NoteSecret(ctx context.Context, secret []byte) error {
	return s.write(ctx, "note the secret", func(ctx context.Context, tx bun.Tx) error {
		return putMeta(ctx, tx, keyInForce, markOf(secret))
	})
}

// SecretInForce says whether the server that started last on this database did so with this secret. It returns true
// where no server has started. Errors: UNAVAILABLE.
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

// makeSecrets makes the API secret and the user key unless they are there.
func (s *Store) makeSecrets(ctx context.Context) error {
	for _, key := range []string{keySecret, keyUsers} {
		var b [secretBytes]byte
		_, _ = rand.Read(b[:]) // never fails
		const query = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
		if _, err := s.writer.ExecContext(ctx, query, key, base64.RawURLEncoding.EncodeToString(b[:])); err != nil {
			return err
		}
	}
	return nil
}
