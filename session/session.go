package session

import (
	"strings"
	"time"
)

// Lobby is the session that always exists, where guests act in open mode.
const Lobby = "lobby"

// MaxNameBytes bounds session ids, connection ids, guests' names and signal types.
const MaxNameBytes = 128

// Session is a room that people and their data share.
type Session struct {
	ID            string
	Epoch         Epoch // random; part of every cursor, so that cursors of another life of the log are recognised
	MediaMode     MediaMode
	TokenRequired bool // made by createSession: connect always asks for a token
	CreatedAt     time.Time
}

// validName checks what is at most MaxNameBytes of A-Za-z0-9-_~. (RFC 3986's unreserved characters), so that it can
// stand in a URL as it is.
func validName(argument, s string) error {
	if s == "" || len(s) > MaxNameBytes {
		return Errorf(CodeBadUserInput, "%s must be 1 to %d bytes, but is %d", argument, MaxNameBytes, len(s))
	}
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-_~.", rune(c)) {
			return Errorf(CodeBadUserInput, "%s may have only the characters A-Z, a-z, 0-9, '-', '_', '~' and '.'", argument)
		}
	}
	return nil
}
