package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// Digest returns a number that identifies a text of this kind. Without the secret the text can't be found from the number,
// even by trying all likely texts. The number is never 0. It is another one under another secret: older secrets do not count here.
func (t *Tokens) Digest(kind, text string) int64 {
	mac := hmac.New(sha256.New, t.secret)
	mac.Write([]byte("chattok digest\x00" + kind + "\x00" + text))
	return int64(binary.BigEndian.Uint64(mac.Sum(nil))) | 1
}

// SessionDigest is the Digest of a verified session token. It covers the signed part alone, since a signature can be
// written in more than one way.
func (t *Tokens) SessionDigest(raw string) int64 {
	return t.SignedDigest(raw[:max(0, strings.LastIndexByte(raw, '.'))])
}

// SignedDigest is the Digest of a verified session token of any form, of which signed is the signed part.
func (t *Tokens) SignedDigest(signed string) int64 { return t.Digest("session token", signed) }
