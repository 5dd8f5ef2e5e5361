package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// Limits of users.
const (
	MaxUserIDBytes  = 128 // of a user's id
	MinUserKeyBytes = 16  // of a user key, so that nobody guesses one
	MaxUserKeyBytes = 128
)

// keyedUserPrefix begins the id of a user by key. The id of a user by token never begins so.
const keyedUserPrefix = "~"

// ValidUserID says whether a token may name a user by this id: 1 to MaxUserIDBytes of valid UTF-8 without U+0000 that do not
// begin as the id of a user by key does.
func ValidUserID(id string) bool {
	return id != "" && len(id) <= MaxUserIDBytes && utf8.ValidString(id) && !strings.ContainsRune(id, 0) &&
		!strings.HasPrefix(id, keyedUserPrefix)
}

// invalidUserID is the error for an id that ValidUserID is false for.
func invalidUserID(argument string) error {
	return Errorf(CodeBadUserInput, "%s must be 1 to %d bytes of UTF-8 without U+0000, and must not begin with %q",
		argument, MaxUserIDBytes, keyedUserPrefix)
}

// userKeys derives the ids of users from the keys that clients keep, by a key of the database's own. Only the holder of
// a user's key can be that user, and the key can't be computed back from the id.
type userKeys []byte

// id returns the id of the user with this key. Errors: BAD_USER_INPUT.
func (k userKeys) id(userKey string) (string, error) {
	if len(userKey) < MinUserKeyBytes || len(userKey) > MaxUserKeyBytes {
		return "", Errorf(CodeBadUserInput, "userKey must be %d to %d bytes, but is %d", MinUserKeyBytes, MaxUserKeyBytes, len(userKey))
	}
	if err := validText("userKey", userKey, MaxUserKeyBytes); err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, k)
	h.Write([]byte("chattok: the user with this key\x00" + userKey))
	const idBytes = 18 // 144 bits
	return keyedUserPrefix + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:idBytes]), nil
}

// origin returns a number by which bans know a network, never 0. Without k the network can't be found from the number, even by
// trying all networks. It is the same on all nodes.
func (k userKeys) origin(network string) int64 {
	h := hmac.New(sha256.New, k)
	h.Write([]byte("chattok: the origin of connections\x00" + network))
	return int64(binary.BigEndian.Uint64(h.Sum(nil))) | 1
}
