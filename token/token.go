// Package token mints and verifies ChatTok's signed tokens: session tokens, which connect trades for a connection, and
// access tokens, which say which connection their holder is.
//
// Both are JSON Web Tokens (RFC 7519) signed with HS256 (RFC 7518, section 3.2). The key is the bytes of
// CHATTOK_API_SECRET as they stand, with nothing derived from them, so that any backend that knows the secret can mint a
// session token with any JWT library:
//
//	header   {"alg": "HS256", "typ": "JWT"}
//	payload  {"aud": "chattok:session", "session": "standup", "role": "PUBLISHER", "data": "Ada", "exp": 1798761600}
//
// role is SUBSCRIBER, PUBLISHER or MODERATOR; data may be left out, and is what the others see of the holder, up to
// session.MaxDataBytes of UTF-8; exp is in seconds since 1970 and must be there. nbf and iat are honoured where they are,
// and other members are ignored. Clocks may differ by Leeway. An access token's payload is
//
//	{"aud": "chattok:access", "session": "standup", "connection": "c-1", "role": "PUBLISHER", "exp": 1798761600}
//
// The audiences keep the two apart: neither passes for the other, and a token that names both is refused.
package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"chattok/session"
)

// Limits of tokens and their key.
const (
	// MinSecretBytes is the shortest secret that is accepted: as many bytes as HS256's digest (RFC 7518, section 3.2).
	MinSecretBytes = sha256.Size
	// Leeway is how far the clock of whoever minted a token may differ from ours.
	Leeway = 30 * time.Second
	// MaxAccessBytes bounds an access token.
	MaxAccessBytes = 4 << 10
	// MaxSessionBytes bounds a session token. Its data has room in the longest spelling that JSON has (\u0001 for one
	// byte), in base64.
	MaxSessionBytes = MaxAccessBytes + session.MaxDataBytes*6*4/3

	// cachedAccess is how many verified access tokens are remembered: about 5 MB at most.
	cachedAccess = 16 << 10
)

// Reasons of this package's UNAUTHENTICATED errors.
const (
	ReasonExpired = "TOKEN_EXPIRED" // it was good, and has ended: a fresh one helps
	ReasonInvalid = "TOKEN_INVALID" // it was never good here
)

// Tokens mints and verifies with one secret. Its methods are safe for concurrent use.
type Tokens struct {
	secret []byte
	digest [sha256.Size]byte // of the secret
	now    func() time.Time
	// verified remembers access tokens whose signature and claims were right, by their digest. Only good ones are kept,
	// so nobody without the secret can push others out.
	verified *lru.Cache[[sha256.Size]byte, session.AccessGrant]
	session  *verifier
	access   *verifier
}

// New returns the Tokens of a secret. now is the clock that expiry is held against; nil is time.Now. The error, for a
// secret under MinSecretBytes, names CHATTOK_API_SECRET and the limit, not the secret.
func New(secret []byte, now func() time.Time) (*Tokens, error) {
	if len(secret) < MinSecretBytes {
		return nil, fmt.Errorf("CHATTOK_API_SECRET must be at least %d bytes, but is %d", MinSecretBytes, len(secret))
	}
	if now == nil {
		now = time.Now
	}
	verified, err := lru.New[[sha256.Size]byte, session.AccessGrant](cachedAccess)
	if err != nil {
		return nil, fmt.Errorf("make the cache of access tokens: %w", err)
	}
	t := &Tokens{secret: slices.Clone(secret), digest: sha256.Sum256(secret), now: now, verified: verified}
	t.session = newVerifier(sessionToken, MaxSessionBytes, t.secret, now)
	t.access = newVerifier(accessToken, MaxAccessBytes, t.secret, now)
	return t, nil
}

// IsSecret says whether raw is the secret, in a time that tells nothing about the secret, its length included.
func (t *Tokens) IsSecret(raw string) bool {
	return t.isSecret(sha256.Sum256([]byte(raw)))
}

func (t *Tokens) isSecret(digest [sha256.Size]byte) bool {
	return subtle.ConstantTimeCompare(digest[:], t.digest[:]) == 1
}

// Bearer returns what an access token says, as Access does, or that raw is the secret, as IsSecret does.
func (t *Tokens) Bearer(raw string) (grant session.AccessGrant, secret bool, err error) {
	digest := sha256.Sum256([]byte(raw))
	if t.isSecret(digest) {
		return session.AccessGrant{}, true, nil
	}
	grant, err = t.accessOf(raw, digest)
	return grant, false, err
}

// MintSession signs a session token. It ends at g.ExpiresAt, of which parts of a second are cut off. The error is for a
// grant that Session would not accept.
func (t *Tokens) MintSession(g session.SessionGrant) (string, error) {
	c := claims{Session: g.SessionID, Role: g.Role, Data: g.Data}
	return t.mint(sessionToken, c, g.ExpiresAt)
}

// MintAccess signs an access token. It ends at g.ExpiresAt, of which parts of a second are cut off. The error is for a
// grant that Access would not accept.
func (t *Tokens) MintAccess(g session.AccessGrant) (string, error) {
	c := claims{Session: g.SessionID, Connection: g.ConnectionID, Role: g.Role}
	return t.mint(accessToken, c, g.ExpiresAt)
}

// Session returns what a session token says. Errors: UNAUTHENTICATED, with ReasonExpired or ReasonInvalid.
func (t *Tokens) Session(raw string) (session.SessionGrant, error) {
	c, err := t.session.verify(raw)
	if err != nil {
		return session.SessionGrant{}, err
	}
	return session.SessionGrant{SessionID: c.Session, Role: c.Role, Data: c.Data, ExpiresAt: c.ExpiresAt.UTC()}, nil
}

// Access returns what an access token says. Errors: UNAUTHENTICATED, with ReasonExpired or ReasonInvalid. A token that
// was verified before costs its digest and a look-up.
func (t *Tokens) Access(raw string) (session.AccessGrant, error) {
	return t.accessOf(raw, sha256.Sum256([]byte(raw)))
}

func (t *Tokens) accessOf(raw string, digest [sha256.Size]byte) (session.AccessGrant, error) {
	if len(raw) > MaxAccessBytes {
		return session.AccessGrant{}, tooLong(accessToken, MaxAccessBytes)
	}
	if grant, ok := t.verified.Get(digest); ok {
		if !t.now().Before(grant.ExpiresAt.Add(Leeway)) {
			t.verified.Remove(digest)
			return session.AccessGrant{}, expired(accessToken)
		}
		return grant, nil
	}
	c, err := t.access.verify(raw)
	if err != nil {
		return session.AccessGrant{}, err
	}
	grant := session.AccessGrant{SessionID: c.Session, ConnectionID: c.Connection, Role: c.Role, ExpiresAt: c.ExpiresAt.UTC()}
	t.verified.Add(digest, grant)
	return grant, nil
}

func (t *Tokens) mint(k kind, c claims, expiresAt time.Time) (string, error) {
	c.ExpiresAt = jwt.NewNumericDate(expiresAt)
	if err := c.check(k); err != nil {
		return "", fmt.Errorf("mint %s token: %w", k, err)
	}
	// A map, since RegisteredClaims would write the audience as a list.
	members := jwt.MapClaims{"aud": k.audience(), "session": c.Session, "role": c.Role, "exp": c.ExpiresAt.Unix()}
	if k == accessToken {
		members["connection"] = c.Connection
	}
	if c.Data != nil {
		members["data"] = *c.Data
	}
	raw, err := jwt.NewWithClaims(jwt.SigningMethodHS256, members).SignedString(t.secret)
	if err != nil {
		return "", fmt.Errorf("mint %s token: %w", k, err)
	}
	return raw, nil
}
