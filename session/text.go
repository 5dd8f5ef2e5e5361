package session

import (
	"strings"
	"unicode/utf8"
)

// MaxNameBytes bounds session ids, connection ids, guests' names and signal types.
const MaxNameBytes = 128

// validName checks a name: 1 to MaxNameBytes of A-Za-z0-9-_~. (RFC 3986's unreserved characters), so that it can stand in a
// URL as it is. Errors: BAD_USER_INPUT.
func validName(argument, s string) error {
	if s == "" || len(s) > MaxNameBytes {
		return Errorf(CodeBadUserInput, "%s must be 1 to %d bytes, but is %d", argument, MaxNameBytes, len(s))
	}
	if s == "." || s == ".." {
		return Errorf(CodeBadUserInput, "%s must not be %q, which a URL takes for a folder", argument, s)
	}
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-_~.", rune(c)) {
			return Errorf(CodeBadUserInput, "%s may have only the characters A-Z, a-z, 0-9, '-', '_', '~' and '.'", argument)
		}
	}
	return nil
}

// validText checks a text: at most max bytes of valid UTF-8 without U+0000, which not every store can hold. Errors:
// BAD_USER_INPUT.
func validText(argument, s string, max int) error {
	switch {
	case len(s) > max:
		return Errorf(CodeBadUserInput, "%s must be at most %d bytes, but is %d", argument, max, len(s))
	case !utf8.ValidString(s):
		return Errorf(CodeBadUserInput, "%s must be valid UTF-8", argument)
	case strings.ContainsRune(s, 0):
		return Errorf(CodeBadUserInput, "%s must not contain U+0000", argument)
	}
	return nil
}

// validUserID checks the id of a user to look for: 1 to MaxUserIDBytes, also of one that a user key stands for, which ValidUserID
// refuses. Errors: BAD_USER_INPUT.
func validUserID(argument, id string) error {
	if id == "" {
		return Errorf(CodeBadUserInput, "%s must be 1 to %d bytes, but is empty", argument, MaxUserIDBytes)
	}
	return validText(argument, id, MaxUserIDBytes)
}

// ValidSessionID says whether a session may have this id.
func ValidSessionID(id string) bool { return validName("id", id) == nil }
