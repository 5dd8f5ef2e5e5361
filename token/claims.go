package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"chattok/session"
)

// kind is one of the two kinds of token.
type kind string

const (
	sessionToken kind = "session"
	accessToken  kind = "access"
)

func (k kind) audience() string { return "chattok:" + string(k) }

func (k kind) other() kind {
	if k == sessionToken {
		return accessToken
	}
	return sessionToken
}

// claims is the payload of either kind.
type claims struct {
	jwt.RegisteredClaims
	Session    string       `json:"session"`
	Connection string       `json:"connection"` // of an access token
	Role       session.Role `json:"role"`
	Data       *string      `json:"data"` // of a session token
}

// UnmarshalJSON refuses invalid UTF-8 and halves of surrogate pairs, for which encoding/json would silently put U+FFFD.
func (c *claims) UnmarshalJSON(b []byte) error {
	if !WellFormed(b) {
		return errors.New("not UTF-8")
	}
	type plain claims
	return json.Unmarshal(b, (*plain)(c))
}

// WellFormed says whether valid JSON is UTF-8 and has no escaped half of a surrogate pair, so that encoding/json reads its texts as
// they were written.
func WellFormed(b []byte) bool { return utf8.Valid(b) && !loneSurrogate(b) }

// loneSurrogate says whether valid JSON holds a \uXXXX escape that is half of a surrogate pair.
func loneSurrogate(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		high, ok := escaped(b[i:])
		switch {
		case !ok:
			i++ // skip the escaped character
		case !utf16.IsSurrogate(high):
			i += 5
		default:
			low, _ := escaped(b[min(i+6, len(b)):])
			if utf16.DecodeRune(high, low) == utf8.RuneError {
				return true
			}
			i += 11
		}
	}
	return false
}

// escaped returns the code unit that \uXXXX at the beginning of b stands for.
func escaped(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

// user returns the user that the token is for. A subject that is no user's id, as backends of other systems may set one, counts
// as none.
func (c *claims) user() *string {
	if !session.ValidUserID(c.Subject) {
		return nil
	}
	return &c.Subject
}

// names says whether k's audience is among the audiences.
func (c *claims) names(k kind) bool { return slices.Contains(c.Audience, k.audience()) }

// check compares the members with their limits. Anybody may read the texts of its errors.
func (c *claims) check(k kind) error {
	switch {
	case !validID(c.Session):
		return fmt.Errorf("session must be an id of 1 to %d bytes", session.MaxNameBytes)
	case k == accessToken && !validID(c.Connection):
		return fmt.Errorf("connection must be an id of 1 to %d bytes", session.MaxNameBytes)
	case !c.Role.Valid():
		return errors.New("role must be SUBSCRIBER, PUBLISHER_ONLY, PUBLISHER or MODERATOR")
	case c.Data != nil && !validData(*c.Data):
		return fmt.Errorf("data must be at most %d bytes of UTF-8 without U+0000", session.MaxDataBytes)
	case c.ExpiresAt.Unix() <= 0 || c.ExpiresAt.Year() > 9999: // RFC 3339 can't write later years
		return errors.New("exp must be in seconds since 1970")
	}
	return nil
}

// validID checks only that the store can look the id up. The store does not know ids that ChatTok never made.
func validID(s string) bool {
	return s != "" && len(s) <= session.MaxNameBytes && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func validData(s string) bool {
	return len(s) <= session.MaxDataBytes && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}
