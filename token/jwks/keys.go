package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"chattok/token"
)

// minRSABits is the least size of an RSA key (RFC 7518, section 3.3). The library's bound, jose.MaxRSAModulusBits, is the greatest:
// by a larger one it takes long to verify.
const minRSABits = 2048

// key is a usable key of a set, with its id.
type key struct {
	id string
	token.PublicKey
}

// member is a JSON Web Key (RFC 7517, section 4), as far as it matters here. Certificates beside a key (x5c, x5u) are not looked at:
// the set is trusted for where it comes from.
type member struct {
	Kty    string   `json:"kty"`
	Use    string   `json:"use,omitempty"`
	KeyOps []string `json:"key_ops,omitempty"`
	Alg    string   `json:"alg,omitempty"`
	Kid    string   `json:"kid,omitempty"`

	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`

	D any `json:"d,omitempty"` // of a private key
}

// parse returns the usable keys of a set, and why each of the others is passed over: RFC 7517, section 5, lets a set have keys that
// a reader does not understand. Errors: a text that is no set.
func parse(text []byte) (keys []key, unusable []string, err error) {
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, nil, errors.New("it is not JSON, or its keys are no list: a JSON Web Key Set is {\"keys\": […]}")
	}
	if set.Keys == nil {
		return nil, nil, errors.New("it has no keys: a JSON Web Key Set is {\"keys\": […]}")
	}
	for i, raw := range *set.Keys {
		k, err := usable(raw)
		if err != nil {
			unusable = append(unusable, fmt.Sprintf("key %d %v", i+1, err))
			continue
		}
		keys = append(keys, k)
	}
	return keys, unusable, nil
}

// usable returns a key that session tokens may be signed with. Errors say why it is none, and hold nothing of the key.
func usable(raw []byte) (k key, err error) {
	var m member
	if err := json.Unmarshal(raw, &m); err != nil {
		return k, errors.New("can't be read")
	}
	switch {
	case m.Kty == "oct":
		return k, errors.New("is a shared secret (oct)")
	case m.D != nil:
		return k, errors.New("is a private key: publish its public half alone")
	case m.Use != "" && m.Use != "sig":
		return k, errors.New("is not for signatures (use)")
	case len(m.KeyOps) > 0 && !slices.Contains(m.KeyOps, "verify"):
		return k, errors.New("is not for verifying (key_ops)")
	}
	if k.Key, k.Algorithm, err = m.public(); err != nil {
		return key{}, err
	}
	if m.Alg != "" && m.Alg != k.Algorithm {
		return key{}, fmt.Errorf("is for another algorithm (alg) than %s", k.Algorithm)
	}
	k.id = m.Kid
	return k, nil
}

// public returns the key and the algorithm that its type and curve decide.
func (m member) public() (public any, algorithm string, err error) {
	text, err := json.Marshal(member{Kty: m.Kty, Crv: m.Crv, X: m.X, Y: m.Y, N: m.N, E: m.E})
	if err != nil {
		return nil, "", errors.New("can't be read")
	}
	var read jose.JSONWebKey
	if err := read.UnmarshalJSON(text); err != nil || !read.Valid() {
		return nil, "", errors.New("is of a type, curve or size that is not known here, or damaged")
	}
	switch public := read.Key.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits {
			return nil, "", fmt.Errorf("has %d bits, and must have at least %d", bits, minRSABits)
		}
		return public, "RS256", nil
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return nil, "", errors.New("is on another curve than P-256")
		}
		return public, "ES256", nil
	case ed25519.PublicKey:
		return public, "EdDSA", nil
	}
	return nil, "", errors.New("is of a type that is not known here")
}

// sameKeys says whether two sets have the same keys under the same ids, in the same order.
func sameKeys(a, b []key) bool {
	return slices.EqualFunc(a, b, func(a, b key) bool {
		known, ok := a.Key.(interface{ Equal(x crypto.PublicKey) bool })
		return a.id == b.id && a.Algorithm == b.Algorithm && ok && known.Equal(b.Key)
	})
}

// maxReasons bounds how many keys an error speaks of.
const maxReasons = 5

// noUsableKey is the error of a set of which every key is passed over.
func noUsableKey(unusable []string) error {
	if len(unusable) == 0 {
		return errors.New("it has no key")
	}
	more := ""
	if n := len(unusable) - maxReasons; n > 0 {
		unusable, more = unusable[:maxReasons], fmt.Sprintf("; and %d more", n)
	}
	return fmt.Errorf("it has no usable key, which is RSA of %d bits at least, P-256 or Ed25519: %s%s", minRSABits, strings.Join(unusable, "; "), more)
}
