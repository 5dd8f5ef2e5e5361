// Package token mints and verifies ChatTok's signed tokens: session tokens, which connect trades for a connection, and
// access tokens, which prove that their holder is a certain connection.
//
// Both are JSON Web Tokens (RFC 7519) signed with HS256 (RFC 7518, section 3.2). The key is the bytes of
// CHATTOK_API_SECRET as they stand, with nothing derived from them, so that any backend that knows the secret can mint a
// session token with any JWT library:
//
//	header   {"alg": "HS256", "typ": "JWT"}
//	payload  {"aud": "chattok:session", "session": "standup", "role": "PUBLISHER", "sub": "user 7", "data": "Ada", "exp": 1798761600}
//
// role is SUBSCRIBER, PUBLISHER_ONLY, PUBLISHER or MODERATOR; data, which the other members of the session see, may be left out, and has up
// to session.MaxDataBytes of UTF-8; sub may be left out, and is the holder's user (see session.ValidUserID; any other sub counts
// as none); exp is in seconds since 1970 and must be there. nbf and iat are honoured if present,
// and other members are ignored. Clocks may differ by Leeway. An access token's payload is
//
//	{"aud": "chattok:access", "session": "standup", "connection": "c-1", "role": "PUBLISHER", "exp": 1798761600}
//
// The audiences keep the two kinds apart: neither is accepted in place of the other, and a token that names both is
// refused.
//
// Older secrets (CHATTOK_API_SECRET_OLD) verify as the present one does, and sign nothing. A session token, and no access token, may
// also be signed with the private half of one of the PublicKeys, by RS256 (RFC 7518, section 3.3), ES256 (section 3.4) or EdDSA with
// Ed25519 (RFC 8037). Its payload is the same, with iss where Config.Issuer asks for one, and its header names the key by kid.
//
// Reading order: token.go verify.go public.go claims.go digest.go.
package token

import (
	"context"
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
	// Leeway is how far the clock of a backend that mints tokens may differ from ours.
	Leeway = 30 * time.Second
	// MaxAccessBytes bounds an access token.
	MaxAccessBytes = 4 << 10
	// MaxSessionBytes bounds a session token. Its data has room in the longest spelling that JSON has (\u0001 for one
	// byte), in base64.
	MaxSessionBytes = MaxAccessBytes + (session.MaxDataBytes+session.MaxUserIDBytes)*6*4/3

	// cachedAccess is the number of verified access tokens that are remembered, which take about 5 MB at most.
	cachedAccess = 16 << 10
)

// Reasons of this package's UNAUTHENTICATED errors.
const (
	ReasonExpired = "TOKEN_EXPIRED" // the token was good and has expired: a fresh one helps
	ReasonInvalid = "TOKEN_INVALID" // the token was never good here
)

// Config holds what Tokens sign and verify with.
type Config struct {
	Secret []byte
	Old    [][]byte // further secrets that verify, and sign nothing
	// Keys are the public keys of session tokens that others sign; nil for none.
	Keys PublicKeys
	// Issuer is the iss of a token under one of Keys; where it is empty, any is accepted, and none.
	Issuer string
	Now    func() time.Time // the clock for expiry; nil: time.Now
}

// Tokens mints with one secret, and verifies with it, with older ones and with public keys. Its methods are safe for concurrent use.
type Tokens struct {
	secret  []byte
	digests [][sha256.Size]byte // of the secret and of the older ones
	now     func() time.Time
	// verified remembers access tokens with a right signature and right claims, by their digest. Bad tokens are not kept,
	// so a client without the secret can't push good ones out.
	verified *lru.Cache[[sha256.Size]byte, session.AccessGrant]
	session  *verifier
	access   *verifier
}

// New returns the Tokens of one secret, as NewTokens does. now may be nil.
func New(secret []byte, now func() time.Time) (*Tokens, error) {
	return NewTokens(Config{Secret: secret, Now: now})
}

// NewTokens returns the Tokens of c. The error, for a secret under MinSecretBytes, names its environment variable and the limit,
// not the secret.
func NewTokens(c Config) (*Tokens, error) {
	if len(c.Secret) < MinSecretBytes {
		return nil, fmt.Errorf("CHATTOK_API_SECRET must be at least %d bytes, but is %d", MinSecretBytes, len(c.Secret))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	verified, err := lru.New[[sha256.Size]byte, session.AccessGrant](cachedAccess)
	if err != nil {
		return nil, fmt.Errorf("make the cache of access tokens: %w", err)
	}
	t := &Tokens{secret: slices.Clone(c.Secret), now: c.Now, verified: verified}
	var secrets jwt.VerificationKeySet
	for i, secret := range append([][]byte{c.Secret}, c.Old...) {
		if len(secret) < MinSecretBytes {
			return nil, fmt.Errorf("CHATTOK_API_SECRET_OLD: secret %d must be at least %d bytes, but is %d", i, MinSecretBytes, len(secret))
		}
		t.digests = append(t.digests, sha256.Sum256(secret))
		secrets.Keys = append(secrets.Keys, slices.Clone(secret))
	}
	t.session = newVerifier(sessionToken, MaxSessionBytes, secrets, c)
	c.Keys = nil // access tokens are signed with the secret alone
	t.access = newVerifier(accessToken, MaxAccessBytes, secrets, c)
	return t, nil
}

// IsSecret says whether raw is the secret or an older one. The time it takes reveals nothing about a secret, not even its length.
func (t *Tokens) IsSecret(raw string) bool {
	return t.isSecret(sha256.Sum256([]byte(raw)))
}

func (t *Tokens) isSecret(digest [sha256.Size]byte) bool {
	found := 0
	for _, known := range t.digests { // all of them, so that the time is the same for each
		found |= subtle.ConstantTimeCompare(digest[:], known[:])
	}
	return found == 1
}

// Bearer returns the grant of an access token, as Access does, or says that raw is the secret, as IsSecret does.
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
	if g.UserID != nil {
		c.Subject = *g.UserID
	}
	return t.mint(sessionToken, c, g.ExpiresAt)
}

// MintAccess signs an access token. It ends at g.ExpiresAt, of which parts of a second are cut off. The error is for a
// grant that Access would not accept.
func (t *Tokens) MintAccess(g session.AccessGrant) (string, error) {
	c := claims{Session: g.SessionID, Connection: g.ConnectionID, Role: g.Role}
	return t.mint(accessToken, c, g.ExpiresAt)
}

// Session returns the grant of a session token. For a token under a public key that is not known yet it may wait for the keys to be
// read, no longer than PublicKeys.Find does. Errors: UNAUTHENTICATED, with ReasonExpired or ReasonInvalid; UNAVAILABLE where the
// public keys can't be read.
func (t *Tokens) Session(ctx context.Context, raw string) (session.SessionGrant, error) {
	c, err := t.session.verify(ctx, raw)
	if err != nil {
		return session.SessionGrant{}, err
	}
	return session.SessionGrant{SessionID: c.Session, Role: c.Role, UserID: c.user(), Data: c.Data, ExpiresAt: c.ExpiresAt.UTC()}, nil
}

// Access returns the grant of an access token. Errors: UNAUTHENTICATED, with ReasonExpired or ReasonInvalid. For a token
// that was verified before, this takes a digest and a look-up.
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
	c, err := t.access.verify(context.Background(), raw) // waits for nothing
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
	if c.Subject != "" {
		members["sub"] = c.Subject
	}
	raw, err := jwt.NewWithClaims(jwt.SigningMethodHS256, members).SignedString(t.secret)
	if err != nil {
		return "", fmt.Errorf("mint %s token: %w", k, err)
	}
	return raw, nil
}
