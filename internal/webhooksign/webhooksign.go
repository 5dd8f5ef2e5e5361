// Package webhooksign signs requests after the Standard Webhooks specification (https://www.standardwebhooks.com, version 1 of its
// symmetric signatures), so that a receiver checks them with any library for it.
package webhooksign

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed request.
const (
	HeaderID        = "webhook-id"        // of the message: the same when it is sent again
	HeaderTimestamp = "webhook-timestamp" // when it was sent, in seconds since the Unix epoch
	HeaderSignature = "webhook-signature" // "v1," and HMAC-SHA256 over id, timestamp and body
)

// Bytes of a secret, after the specification.
const (
	MinSecretBytes = 24
	MaxSecretBytes = 64
	newSecretBytes = 32
)

const prefix = "whsec_"

// Secret is a key that a sender and a receiver share. Printed or logged, it is hidden.
type Secret struct{ key []byte }

// NewSecret returns a random secret.
func NewSecret() Secret {
	s := Secret{make([]byte, newSecretBytes)}
	_, _ = rand.Read(s.key) // never fails
	return s
}

// Parse reads a secret as Text writes it. Its errors do not quote it.
func Parse(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return Secret{}, errors.New(`must begin with "` + prefix + `"`)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return Secret{}, errors.New("must be base64 after \"" + prefix + "\"")
	}
	if len(key) < MinSecretBytes || len(key) > MaxSecretBytes {
		return Secret{}, fmt.Errorf("must hold %d to %d bytes, but holds %d", MinSecretBytes, MaxSecretBytes, len(key))
	}
	return Secret{key}, nil
}

// Text returns the secret as receivers are given it: "whsec_" and base64.
func (s Secret) Text() string { return prefix + base64.StdEncoding.EncodeToString(s.key) }

// String hides the secret.
func (s Secret) String() string { return prefix + "…" }

// GoString hides the secret.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Sign sets the headers of a message with this id and body, sent at a time. The id must have no dot in it.
func (s Secret) Sign(h http.Header, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
