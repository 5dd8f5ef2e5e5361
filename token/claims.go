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

// kind tells the two tokens apart.
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
	if !utf8.Valid(b) || loneSurrogate(b) {
		return errors.New("not UTF-8")
	}
	type plain claims
	return json.Unmarshal(b, (*plain)(c))
}

// loneSurrogate says whether valid JSON has a \uXXXX escape of half a surrogate pair.
func loneSurrogate(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		high, ok := escaped(b[i:])
		switch {
		case !ok:
			i++ // past the character that is escaped
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

// escaped returns what \uXXXX at the beginning of b stands for.
func escaped(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

// names says whether the audience is k's; other audiences may stand beside it.
func (c *claims) names(k kind) bool { return slices.Contains(c.Audience, k.audience()) }

// check holds the members against their limits. Its errors' texts are safe to show.
func (c *claims) check(k kind) error {
	switch {
	case !validID(c.Session):
		return fmt.Errorf("session must be an id of 1 to %d bytes", session.MaxNameBytes)
	case k == accessToken && !validID(c.Connection):
		return fmt.Errorf("connection must be an id of 1 to %d bytes", session.MaxNameBytes)
	case !c.Role.Valid():
		return errors.New("role must be SUBSCRIBER, PUBLISHER or MODERATOR")
	case c.Data != nil && !validData(*c.Data):
		return fmt.Errorf("data must be at most %d bytes of UTF-8 without U+0000", session.MaxDataBytes)
	case c.ExpiresAt.Unix() <= 0 || c.ExpiresAt.Year() > 9999: // RFC 3339 can't write later years
		return errors.New("exp must be in seconds since 1970")
	}
	return nil
}

// validID is no stricter than it must be: what is no id of ours is unknown to the store, if it can be asked at all.
func validID(s string) bool {
	return s != "" && len(s) <= session.MaxNameBytes && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func validData(s string) bool {
	return len(s) <= session.MaxDataBytes && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}
