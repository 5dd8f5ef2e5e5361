package db

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"chattok/session"
)

// keyOfUser begins a stored idempotency key that belongs to a user. A key that a client begins so is escaped by another one.
const keyOfUser = "\x01"

// storeKey returns the text under which an idempotency key is stored: a user's keys are its own, and the keys of senders without
// a user are the session's. No two pairs of user and key have the same text.
func storeKey(userID *string, key string) string {
	switch {
	case key == "":
		return ""
	case userID != nil:
		return prefixOfUser(*userID) + key
	case strings.HasPrefix(key, keyOfUser):
		return keyOfUser + key
	}
	return key
}

func prefixOfUser(userID string) string { return keyOfUser + strconv.Itoa(len(userID)) + ":" + userID }

// keysOfUser returns the range of a user's stored keys, from the first one up to an end that is after the last one.
func keysOfUser(userID string) (first, end string) {
	first = prefixOfUser(userID)
	return first, first + strings.Repeat(string(utf8.MaxRune), session.MaxIdempotencyKeyBytes)
}

// clientKey returns the idempotency key as the client gave it.
func clientKey(stored string) string {
	rest, special := strings.CutPrefix(stored, keyOfUser)
	if !special {
		return stored
	}
	if strings.HasPrefix(rest, keyOfUser) {
		return rest
	}
	digits, rest, found := strings.Cut(rest, ":")
	n, err := strconv.Atoi(digits)
	if !found || err != nil || n < 0 || n > len(rest) {
		return stored // by a version that stored every key as it was
	}
	return rest[n:]
}
