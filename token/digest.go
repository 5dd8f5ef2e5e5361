package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// Digest returns a number by which a text of this kind is known again, and from which nobody without the secret can tell
// which it was, also where there are few. It is never 0.
func (t *Tokens) Digest(kind, text string) int64 {
	mac := hmac.New(sha256.New, t.secret)
	mac.Write([]byte("chattok digest\x00" + kind + "\x00" + text))
	return int64(binary.BigEndian.Uint64(mac.Sum(nil))) | 1
}

// SessionDigest is Digest of a session token that was verified: of what is signed, since a signature can be spelt in more
// than one way.
func (t *Tokens) SessionDigest(raw string) int64 {
	return t.Digest("session token", raw[:max(0, strings.LastIndexByte(raw, '.'))])
}
