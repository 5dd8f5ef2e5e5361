package token

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chattok/session"
)

// verifier verifies tokens of one kind.
type verifier struct {
	kind   kind
	limit  int // bytes
	secret []byte
	parser *jwt.Parser
}

func newVerifier(k kind, limit int, secret []byte, now func() time.Time) *verifier {
	return &verifier{kind: k, limit: limit, secret: secret, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithAudience(k.audience()),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(Leeway),
		jwt.WithTimeFunc(now),
		jwt.WithStrictDecoding(),
	)}
}

// verify returns the claims of raw, all of them checked.
func (v *verifier) verify(raw string) (*claims, error) {
	if len(raw) > v.limit {
		return nil, tooLong(v.kind, v.limit)
	}
	if !compact(raw) {
		return nil, invalid("the %s token is malformed", v.kind)
	}
	c := new(claims)
	parsed, err := v.parser.ParseWithClaims(raw, c, v.key)
	if err != nil {
		return nil, v.explain(parsed, c, err)
	}
	if c.names(v.kind.other()) {
		return nil, invalid("the token names both audiences, %s and %s: it must be one of the two",
			sessionToken.audience(), accessToken.audience())
	}
	if err := c.check(v.kind); err != nil {
		return nil, invalid("the %s token is refused: %v", v.kind, err)
	}
	return c, nil
}

// errCritical is for a header with crit, which must be refused by who does not understand what it lists (RFC 7515,
// section 4.1.11); the library passes over it.
var errCritical = errors.New("crit is not understood")

func (v *verifier) key(t *jwt.Token) (any, error) {
	if _, there := t.Header["crit"]; there {
		return nil, errCritical
	}
	return v.secret, nil
}

// explain puts the parser's refusal into words of ours, which hold nothing of the token. The signature comes before the
// claims: whoever can't sign learns nothing of what else is wrong.
func (v *verifier) explain(parsed *jwt.Token, c *claims, err error) error {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return invalid("the %s token is malformed", v.kind)
	case errors.Is(err, errCritical):
		return invalid("the %s token has a crit header, which is not supported", v.kind)
	case parsed == nil || parsed.Method != jwt.SigningMethodHS256:
		return invalid("the %s token must be signed with HS256", v.kind)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return invalid("the %s token's signature is wrong: it is altered, or signed with another secret", v.kind)
	case errors.Is(err, jwt.ErrTokenInvalidAudience) && c.names(v.kind.other()):
		return v.wrongKind()
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return invalid("the token's audience (aud) must be %s", v.kind.audience())
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return invalid("the %s token must have an expiry (exp) and an audience (aud)", v.kind)
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return invalid("the %s token is not valid yet (nbf, iat): compare the clocks", v.kind)
	case errors.Is(err, jwt.ErrTokenExpired):
		return expired(v.kind)
	}
	return invalid("the %s token is refused", v.kind)
}

func (v *verifier) wrongKind() error {
	if v.kind == accessToken {
		return invalid("this is a session token, not an access token: connect trades it for one")
	}
	return invalid("this is an access token, not a session token")
}

// compact says whether raw has only the characters of a compact JWT: base64url and dots. The library's decoder would
// pass over line breaks, and so take several spellings for one token.
func compact(raw string) bool {
	for _, c := range []byte(raw) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func invalid(format string, args ...any) error {
	return session.Errorf(session.CodeUnauthenticated, format, args...).WithReason(ReasonInvalid)
}

func tooLong(k kind, limit int) error {
	return invalid("the %s token is longer than %d bytes", k, limit)
}

func expired(k kind) error {
	advice := "ask whoever issued it for a new one"
	if k == accessToken {
		advice = "connect again, and use renewAccess in time"
	}
	return session.Errorf(session.CodeUnauthenticated, "the %s token has expired: %s", k, advice).WithReason(ReasonExpired)
}
