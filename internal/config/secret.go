package config

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"

	"chattok/db"
	"chattok/token"
)

// The environment variables of the API secrets. There are no such flags: everybody on the machine could read them in the list of
// processes.
const (
	SecretVariable    = "CHATTOK_API_SECRET"
	OldSecretVariable = "CHATTOK_API_SECRET_OLD"
)

// maxOldSecrets bounds how many secrets are tried for each token beside the present one.
const maxOldSecrets = 8

// Secrets are the API secrets of a server.
type Secrets struct {
	Present []byte   // signs and verifies
	Old     [][]byte // verify
}

// All returns the present secret and the old ones after it.
func (s Secrets) All() [][]byte { return append([][]byte{s.Present}, s.Old...) }

// readSecrets reads the secrets from the environment.
func (c *Config) readSecrets() {
	c.APISecret = os.Getenv(SecretVariable)
	c.OldAPISecrets = List(os.Getenv(OldSecretVariable))
}

// validateSecrets checks the secrets of the environment. Errors begin with the variable's name, and hold no secret.
func (c *Config) validateSecrets() error {
	if c.APISecret != "" && len(c.APISecret) < token.MinSecretBytes {
		return fmt.Errorf("%s must be at least %d bytes, but is %d", SecretVariable, token.MinSecretBytes, len(c.APISecret))
	}
	if os.Getenv(OldSecretVariable) != "" && len(c.OldAPISecrets) == 0 {
		return errors.New(OldSecretVariable + " names no secret: leave it out, or list secrets separated by commas")
	}
	if n := len(c.OldAPISecrets); n > maxOldSecrets {
		return fmt.Errorf("%s must have at most %d secrets, but has %d", OldSecretVariable, maxOldSecrets, n)
	}
	for i, old := range c.OldAPISecrets {
		if len(old) < token.MinSecretBytes {
			return fmt.Errorf("%s: secret %d must be at least %d bytes, but is %d", OldSecretVariable, i+1, token.MinSecretBytes, len(old))
		}
		for j, other := range c.OldAPISecrets[:i] {
			if same(old, other) {
				return fmt.Errorf("%s: secret %d is the same as secret %d", OldSecretVariable, i+1, j+1)
			}
		}
	}
	if c.APISecret == "" {
		return nil // Secrets compares with the database's
	}
	return c.presentIsNotOld(c.APISecret)
}

// presentIsNotOld checks that the present secret is not among the old ones, where it could be meant to have been replaced.
func (c *Config) presentIsNotOld(present string) error {
	for i, old := range c.OldAPISecrets {
		if same(old, present) {
			return fmt.Errorf("%s: secret %d is the present one, which %s or else the database gives: name only others", OldSecretVariable, i+1, SecretVariable)
		}
	}
	return nil
}

// same compares two secrets in a time that tells nothing of them but whether they have the same length.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Secret returns the present API secret: the environment's, or else the one that the database keeps.
func (c Config) Secret(ctx context.Context, store *db.Store) ([]byte, error) {
	if c.APISecret != "" {
		return []byte(c.APISecret), nil
	}
	return store.Secret(ctx)
}

// Secrets returns the API secrets. Errors: one that is both present and old.
func (c Config) Secrets(ctx context.Context, store *db.Store) (s Secrets, err error) {
	if s.Present, err = c.Secret(ctx, store); err != nil {
		return s, err
	}
	if err := c.presentIsNotOld(string(s.Present)); err != nil {
		return s, err
	}
	for _, old := range c.OldAPISecrets {
		s.Old = append(s.Old, []byte(old))
	}
	return s, nil
}
