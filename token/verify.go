package token

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"chattok/session"
)

// verifier verifies tokens of one kind.
type verifier struct {
	kind    kind
	limit   int      // bytes
	methods []string // that a token may be signed by
	secrets jwt.VerificationKeySet
	keys    PublicKeys // nil where the secrets alone count
	issuer  string     // of tokens under keys; any where empty
	parser  *jwt.Parser
}

// newVerifier returns a verifier of tokens that are signed with one of the secrets, or with one of c.Keys.
func newVerifier(k kind, limit int, secrets jwt.VerificationKeySet, c Config) *verifier {
	v := &verifier{kind: k, limit: limit, methods: []string{jwt.SigningMethodHS256.Alg()}, secrets: secrets, keys: c.Keys, issuer: c.Issuer}
	if v.keys != nil {
		v.methods = append(v.methods, publicMethods...)
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods(v.methods),
		jwt.WithAudience(k.audience()),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(Leeway),
		jwt.WithTimeFunc(c.Now),
		jwt.WithStrictDecoding(),
	)
	return v
}

// verify returns the claims of raw, all of them checked.
func (v *verifier) verify(ctx context.Context, raw string) (*claims, error) {
	if len(raw) > v.limit {
		return nil, tooLong(v.kind, v.limit)
	}
	if !compact(raw) {
		return nil, invalid("the %s token is malformed", v.kind)
	}
	c := new(claims)
	parsed, err := v.parser.ParseWithClaims(raw, c, func(t *jwt.Token) (any, error) { return v.key(ctx, t) })
	if err != nil {
		return nil, v.explain(parsed, c, err)
	}
	if c.names(v.kind.other()) {
		return nil, invalid("the token names both audiences, %s and %s: it must be one of the two",
			sessionToken.audience(), accessToken.audience())
	}
	if v.issuer != "" && isPublic(parsed.Method) && c.Issuer != v.issuer {
		return nil, invalid("the token's issuer (iss) is not the one that this server accepts")
	}
	if err := c.check(v.kind); err != nil {
		return nil, invalid("the %s token is refused: %v", v.kind, err)
	}
	return c, nil
}

// errCritical is for a header with crit. A verifier that does not understand the extensions that crit lists must refuse the
// token (RFC 7515, section 4.1.11); the library ignores crit.
var errCritical = errors.New("crit is not understood")

// key returns the keys that may have signed t, whose method is one of v.methods.
func (v *verifier) key(ctx context.Context, t *jwt.Token) (any, error) {
	if _, there := t.Header["crit"]; there {
		return nil, errCritical
	}
	if isPublic(t.Method) {
		return v.publicKeys(ctx, t)
	}
	return v.secrets, nil
}

// explain puts the parser's refusal into words that hold no part of the token. The signature is checked before the claims,
// so a client that can't sign learns of no other fault.
func (v *verifier) explain(parsed *jwt.Token, c *claims, err error) error {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return invalid("the %s token is malformed", v.kind)
	case errors.Is(err, errCritical):
		return invalid("the %s token has a crit header, which is not supported", v.kind)
	case parsed == nil || parsed.Method == nil || !slices.Contains(v.methods, parsed.Method.Alg()):
		return invalid("the %s token must be signed with %s", v.kind, alternatives(v.methods))
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return explainKey(err)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid) && isPublic(parsed.Method):
		return invalid("the %s token's signature is wrong: it is altered, or signed with another key", v.kind)
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

// alternatives writes names as "a, b or c".
func alternatives(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func (v *verifier) wrongKind() error {
	if v.kind == accessToken {
		return invalid("this is a session token, not an access token: connect trades it for one")
	}
	return invalid("this is an access token, not a session token")
}

// compact says whether raw consists of the characters of a compact JWT: base64url and dots. The library's decoder would
// skip line breaks, and so accept several spellings of one token.
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
