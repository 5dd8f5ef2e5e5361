package opentok

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"chattok/session"
	"chattok/token"
)

// Values of the claims of a library's tokens.
const (
	issuerProject = "project"         // ist: the issuer is a project, which has a key; not an account
	scopeConnect  = "session.connect" // scope of a participant's token
)

// claims are those of a participant's token, and of a token that shows the API secret.
type claims struct {
	jwt.RegisteredClaims
	Issuer     text            `json:"iss"` // the key
	IssuerType string          `json:"ist"`
	Audiences  json.RawMessage `json:"aud"` // OpenTok's tokens have none
	Scope      *string         `json:"scope"`
	SessionID  *string         `json:"session_id"`
	Role       string          `json:"role"`
	Data       string          `json:"connection_data"`
}

// text is a string that some libraries write as a number.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var number json.Number
	if err := json.Unmarshal(b, &number); err == nil && len(b) > 0 && b[0] != '"' {
		*t = text(number)
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

// UnmarshalJSON refuses what encoding/json would replace by U+FFFD.
func (c *claims) UnmarshalJSON(b []byte) error {
	if !token.WellFormed(b) {
		return errors.New("not UTF-8")
	}
	type plain claims
	return json.Unmarshal(b, (*plain)(c))
}

// hasOpenTokClaims says whether a JWT has the form of OpenTok's participants' tokens. ChatTok's own have an audience.
func hasOpenTokClaims(raw string) bool {
	if len(raw) > MaxTokenBytes {
		return false
	}
	_, rest, _ := strings.Cut(raw, ".")
	payload, _, ok := strings.Cut(rest, ".")
	if !ok {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil || members["aud"] != nil {
		return false
	}
	for _, name := range []string{"ist", "scope", "session_id"} {
		if members[name] != nil {
			return true
		}
	}
	return false
}

// sessionJWT returns the grant of a participant's JWT.
func (t *Tokens) sessionJWT(raw string) (grant session.SessionGrant, signed string, err error) {
	c := new(claims)
	if err := t.verify(t.session, raw, c); err != nil {
		return grant, "", explain(err)
	}
	switch {
	case string(c.Issuer) != t.key:
		return grant, "", invalid("its issuer (iss) is another API key")
	case c.IssuerType != issuerProject:
		return grant, "", invalid("its issuer's type (ist) must be %s", issuerProject)
	case c.Scope == nil || *c.Scope != scopeConnect:
		return grant, "", invalid("its scope must be %s", scopeConnect)
	case c.Audiences != nil:
		return grant, "", invalid("it must have no audience (aud)")
	case c.SessionID == nil:
		return grant, "", invalid("it names no session (session_id)")
	}
	if err := t.checkExpiry(c.ExpiresAt.Time); err != nil {
		return grant, "", err
	}
	role, err := roleOf(c.Role)
	if err != nil {
		return grant, "", err
	}
	return session.SessionGrant{SessionID: *c.SessionID, Role: role, Data: dataOf(c.Data), ExpiresAt: c.ExpiresAt.UTC()},
		raw[:strings.LastIndexByte(raw, '.')], nil
}

// isAuthority says whether a JWT shows the API secret. A participant's token, which pages hold, never does.
func (t *Tokens) isAuthority(raw string) bool {
	c := new(claims)
	if len(raw) > maxAuthorityBytes || t.verify(t.authority, raw, c) != nil {
		return false
	}
	return string(c.Issuer) == t.key && c.IssuerType == issuerProject &&
		c.Scope == nil && c.SessionID == nil && c.Audiences == nil &&
		c.IssuedAt != nil && c.ExpiresAt.Sub(c.IssuedAt.Time) <= maxAuthority
}

var (
	errMalformed = errors.New("malformed")
	errCritical  = errors.New("crit is not understood") // RFC 7515, section 4.1.11; the library ignores crit
)

// verify reads a JWT that is signed with one of the secrets, and checks its times.
func (t *Tokens) verify(p *jwt.Parser, raw string, c *claims) error {
	if !compact(raw) {
		return errMalformed
	}
	_, err := p.ParseWithClaims(raw, c, func(parsed *jwt.Token) (any, error) {
		if _, there := parsed.Header["crit"]; there {
			return nil, errCritical
		}
		keys := jwt.VerificationKeySet{}
		for _, secret := range t.secrets {
			keys.Keys = append(keys.Keys, secret)
		}
		return keys, nil
	})
	return err
}

// compact says whether raw has only the characters of a compact JWT. The library's decoder would skip line breaks.
func compact(raw string) bool {
	for _, c := range []byte(raw) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// explain puts the parser's refusal into words that hold no part of the token. The signature is checked before the claims, so a
// client that can't sign learns of no other fault.
func explain(err error) error {
	switch {
	case errors.Is(err, errMalformed), errors.Is(err, jwt.ErrTokenMalformed):
		return invalid("it is malformed")
	case errors.Is(err, errCritical):
		return invalid("it has a crit header, which is not supported")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return invalid("its signature is wrong: it is altered, or signed with another secret, or not with HS256")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return invalid("it must have an expiry (exp)")
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return invalid("it is not valid yet (nbf, iat): compare the clocks")
	case errors.Is(err, jwt.ErrTokenExpired):
		return expired()
	}
	return invalid("its claims can't be read")
}
