package opentok

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chattok/session"
	"chattok/token"
)

// Limits of tokens and keys.
const (
	// MaxTokenBytes bounds a token. Its data has room in the longest spelling that JSON has, in base64, beside the layout classes
	// that a library adds.
	MaxTokenBytes = token.MaxSessionBytes + 16<<10
	// MaxKeyBytes bounds the API key, which is a part of each session's id.
	MaxKeyBytes = 48
	// maxAuthorityBytes bounds a token in authHeader.
	maxAuthorityBytes = 4 << 10
)

// Tokens reads what OpenTok's libraries sign with an API key and its secrets. Its methods are safe for concurrent use.
type Tokens struct {
	key     string
	secrets [][]byte
	now     func() time.Time
	session *jwt.Parser // of participants' tokens
	// authority is the parser of tokens in authHeader. They are good for minutes, not hours.
	authority *jwt.Parser
}

// NewTokens returns the Tokens of an API key and its secrets. now is the clock; nil means time.Now. Errors: those of ValidKey, and
// no secret.
func NewTokens(key string, secrets [][]byte, now func() time.Time) (*Tokens, error) {
	if err := ValidKey(key); err != nil {
		return nil, fmt.Errorf("the API key %w", err)
	}
	if len(secrets) == 0 {
		return nil, errors.New("an API key needs an API secret")
	}
	if now == nil {
		now = time.Now
	}
	t := &Tokens{key: key, now: now}
	for _, secret := range secrets {
		t.secrets = append(t.secrets, slices.Clone(secret))
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(token.Leeway),
		jwt.WithTimeFunc(now),
		jwt.WithStrictDecoding(),
	}
	t.session, t.authority = jwt.NewParser(options...), jwt.NewParser(options...)
	return t, nil
}

// ValidKey checks an API key: 1 to MaxKeyBytes of A-Za-z0-9-_. A tilde would end it within a session's id.
func ValidKey(key string) error {
	fault := fmt.Errorf("must be 1 to %d of the letters A-Z and a-z, digits, '-' and '_'", MaxKeyBytes)
	if key == "" || len(key) > MaxKeyBytes {
		return fault
	}
	for _, c := range []byte(key) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' {
			return fault
		}
	}
	return nil
}

// Session returns the grant of a participant's token, with the part of it that is signed. ok is false for a token of another
// form, which may be ChatTok's own; a token that is OpenTok's in its form and can't be accepted is an error. Errors:
// UNAUTHENTICATED, with token.ReasonExpired or token.ReasonInvalid.
func (t *Tokens) Session(raw string) (grant session.SessionGrant, signed string, ok bool, err error) {
	old := strings.HasPrefix(raw, sentinel)
	if !old && !hasOpenTokClaims(raw) {
		return session.SessionGrant{}, "", false, nil
	}
	if len(raw) > MaxTokenBytes {
		return session.SessionGrant{}, "", true, invalid("it is longer than %d bytes", MaxTokenBytes)
	}
	if old {
		grant, signed, err = t.sessionT1(raw)
	} else {
		grant, signed, err = t.sessionJWT(raw)
	}
	if err != nil {
		return session.SessionGrant{}, "", true, err
	}
	grant.MakeSession = true
	if err := grant.Validate(); err != nil {
		return session.SessionGrant{}, "", true, invalid("%v", err)
	}
	return grant, signed, true, nil
}

// roles are OpenTok's names of the roles.
var roles = map[string]session.Role{
	"subscriber":    session.RoleSubscriber,
	"publisher":     session.RolePublisher,
	"publisheronly": session.RolePublisherOnly,
	"moderator":     session.RoleModerator,
}

// roleOf returns the role with OpenTok's name, which is publisher where a token has none.
func roleOf(name string) (session.Role, error) {
	if name == "" {
		return session.RolePublisher, nil
	}
	if role, ok := roles[name]; ok {
		return role, nil
	}
	return "", invalid("its role must be subscriber, publisher, publisheronly or moderator")
}

// lastYear is the last year that RFC 3339 can write.
const lastYear = 9999

// checkExpiry checks when a token ends, by the server's clock.
func (t *Tokens) checkExpiry(end time.Time) error {
	if end.Unix() <= 0 || end.Year() > lastYear {
		return invalid("its expiry must be in seconds since 1970")
	}
	if !t.now().Before(end.Add(token.Leeway)) {
		return expired()
	}
	return nil
}

// dataOf returns a token's data; nil where it has none, or an empty text, which OpenTok takes for the same.
func dataOf(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func invalid(format string, args ...any) error {
	return session.Errorf(session.CodeUnauthenticated, "the OpenTok token is refused: "+format, args...).WithReason(token.ReasonInvalid)
}

func expired() error {
	return session.Errorf(session.CodeUnauthenticated, "the OpenTok token has expired: ask whoever issued it for a new one").
		WithReason(token.ReasonExpired)
}
