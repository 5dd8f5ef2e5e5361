package token

import (
	"context"
	"crypto"
	"errors"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"chattok/session"
)

// PublicKeys are keys of others, such as a backend or an identity provider, who sign session tokens without the API secret.
type PublicKeys interface {
	// Find returns the keys with this id; several where the owner has given one id to keys of different types, and none for an
	// id that is not known. For the id "" it returns all keys. It waits no longer than a few seconds. The error, whose text is
	// for nobody but the log, says that the keys can't be read now.
	Find(ctx context.Context, kid string) ([]PublicKey, error)
}

// PublicKey is one of PublicKeys. Its type and curve decide the one algorithm that it is for, so that no token can choose another.
type PublicKey struct {
	Algorithm string           // RS256, ES256 or EdDSA
	Key       crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// publicMethods are the algorithms of public keys.
var publicMethods = []string{jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg(), jwt.SigningMethodEdDSA.Alg()}

// isPublic says whether an algorithm is one of public keys.
func isPublic(m jwt.SigningMethod) bool { return slices.Contains(publicMethods, m.Alg()) }

// Refusals of a token before its signature is checked.
var (
	errKeysAway   = errors.New("the public keys can't be read")
	errUnknownKey = errors.New("no such public key")
	errNoKeyID    = errors.New("several public keys, and no kid")
	errAlgorithm  = errors.New("the public key is for another algorithm")
)

// publicKeys returns the public keys that may have signed t: those with its kid or, where it has none, the only one there is.
func (v *verifier) publicKeys(ctx context.Context, t *jwt.Token) (keys jwt.VerificationKeySet, err error) {
	kid, named := t.Header["kid"].(string)
	if _, there := t.Header["kid"]; there && !named {
		return keys, errUnknownKey
	}
	found, err := v.keys.Find(ctx, kid)
	switch {
	case err != nil:
		return keys, errKeysAway
	case len(found) == 0:
		return keys, errUnknownKey
	case kid == "" && len(found) > 1:
		return keys, errNoKeyID
	}
	for _, key := range found {
		if key.Algorithm == t.Method.Alg() {
			keys.Keys = append(keys.Keys, key.Key)
		}
	}
	if len(keys.Keys) == 0 {
		return keys, errAlgorithm
	}
	return keys, nil
}

// explainKey puts a refusal of publicKeys into words.
func explainKey(err error) error {
	switch {
	case errors.Is(err, errKeysAway):
		return session.Errorf(session.CodeUnavailable, "the public keys of session tokens can't be read at the moment; try again")
	case errors.Is(err, errNoKeyID):
		return invalid("the session token must name its key by kid: there are several")
	case errors.Is(err, errAlgorithm):
		return invalid("the session token is signed with another algorithm than its key is for")
	}
	return invalid("the session token's key (kid) is not known")
}
