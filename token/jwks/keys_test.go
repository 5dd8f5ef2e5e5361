package jwks

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Public keys of each type, as JSON Web Keys without a closing brace, to which members can be added.
var (
	rsaKey = must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey  = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	edKey  = ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))

	rsaJWK = rsaMember(rsaKey.N)
	ecJWK  = ecMember("P-256", ecKey)
	edJWK  = fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q`, encode(edKey.Public().(ed25519.PublicKey)))
)

func rsaMember(n *big.Int) string {
	return fmt.Sprintf(`{"kty":"RSA","e":"AQAB","n":%q`, encode(n.Bytes()))
}

func ecMember(curve string, key *ecdsa.PrivateKey) string {
	point := must(key.PublicKey.Bytes())[1:]
	return fmt.Sprintf(`{"kty":"EC","crv":%q,"x":%q,"y":%q`, curve, encode(point[:len(point)/2]), encode(point[len(point)/2:]))
}

// setOf returns the text of a set.
func setOf(members ...string) string {
	return `{"keys":[` + strings.Join(members, ",") + `]}`
}

// TestUsableKeys: the type and curve of a key decide its algorithm, and keys for anything but signatures of these are passed over.
func TestUsableKeys(t *testing.T) {
	const unknown = "key 1 is of a type, curve or size that is not known here, or damaged"
	offCurve := fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q`, encode(make([]byte, 32)), encode(make([]byte, 32)))
	for name, c := range map[string]struct{ member, want string }{
		"RSA":                {rsaJWK + `}`, "RS256"},
		"P-256":              {ecJWK + `}`, "ES256"},
		"Ed25519":            {edJWK + `}`, "EdDSA"},
		"all members":        {rsaJWK + `,"kid":"a","use":"sig","alg":"RS256","key_ops":["verify"],"x5c":["not a certificate"],"x5u":":"}`, "RS256"},
		"RSA of 4096 bits":   {rsaMember(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 4096), big.NewInt(1))) + `}`, "RS256"},
		"RSA of 4097 bits":   {rsaMember(new(big.Int).Lsh(big.NewInt(1), 4096)) + `}`, unknown},
		"RSA of 2047 bits":   {rsaMember(new(big.Int).Rsh(rsaKey.N, 1)) + `}`, "key 1 has 2047 bits, and must have at least 2048"},
		"RSA of 1024 bits":   {rsaMember(new(big.Int).Rsh(rsaKey.N, 1024)) + `}`, "key 1 has 1024 bits, and must have at least 2048"},
		"RSA without n":      {`{"kty":"RSA","e":"AQAB"}`, unknown},
		"symmetric":          {`{"kty":"oct","k":"c2VjcmV0","kid":"a","alg":"HS256"}`, "key 1 is a shared secret (oct)"},
		"encryption":         {rsaJWK + `,"use":"enc"}`, "key 1 is not for signatures (use)"},
		"signing alone":      {rsaJWK + `,"key_ops":["sign"]}`, "key 1 is not for verifying (key_ops)"},
		"RS512":              {rsaJWK + `,"alg":"RS512"}`, "key 1 is for another algorithm (alg) than RS256"},
		"HS256":              {edJWK + `,"alg":"HS256"}`, "key 1 is for another algorithm (alg) than EdDSA"},
		"private":            {edJWK + fmt.Sprintf(`,"d":%q}`, encode(edKey.Seed())), "key 1 is a private key: publish its public half alone"},
		"private RSA":        {rsaJWK + `,"d":"AQAB"}`, "key 1 is a private key: publish its public half alone"},
		"P-384":              {ecMember("P-384", must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))) + `}`, "key 1 is on another curve than P-256"},
		"a curve's wrong":    {strings.Replace(ecJWK, "P-256", "P-384", 1) + `}`, unknown},
		"not on the curve":   {offCurve + `}`, unknown},
		"Ed448":              {strings.Replace(edJWK, "Ed25519", "Ed448", 1) + `}`, unknown},
		"X25519":             {strings.Replace(edJWK, "Ed25519", "X25519", 1) + `}`, unknown},
		"Ed25519, too short": {fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, encode(make([]byte, 31))), unknown},
		"Ed25519, too long":  {fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, encode(make([]byte, 33))), unknown},
		"a type to come":     {`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`, unknown},
		"no type":            {`{}`, unknown},
		"no object":          {`7`, "key 1 can't be read"},
		"kid a number":       {edJWK + `,"kid":7}`, "key 1 can't be read"},
	} {
		keys, unusable, err := parse([]byte(setOf(c.member)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := slices.Clone(unusable)
		for _, k := range keys {
			got = append(got, k.Algorithm)
		}
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestSets: keys that are passed over leave the others as they are, and a text that is no set is an error.
func TestSets(t *testing.T) {
	keys, unusable, err := parse([]byte(setOf(`{"kty":"oct","kid":"a"}`, edJWK+`,"kid":"b"}`, `{"kty":"new"}`, ecJWK+`}`)))
	if err != nil || len(keys) != 2 || keys[0].id != "b" || keys[0].Algorithm != "EdDSA" || keys[1].id != "" || keys[1].Algorithm != "ES256" || len(unusable) != 2 {
		t.Errorf("%+v, %q, %v", keys, unusable, err)
	}
	if public, ok := keys[0].Key.(ed25519.PublicKey); !ok || !public.Equal(edKey.Public()) {
		t.Errorf("the key is another one: %v", keys[0].Key)
	}
	if public, ok := keys[1].Key.(*ecdsa.PublicKey); !ok || !public.Equal(ecKey.Public()) {
		t.Errorf("the key is another one: %v", keys[1].Key)
	}
	for text, want := range map[string]string{
		"":                     "it is not JSON",
		"<html>":               "it is not JSON",
		`{"keys":{}}`:          "it is not JSON, or its keys are no list",
		`[]`:                   "it is not JSON, or its keys are no list",
		`{}`:                   "it has no keys",
		`{"keys":null}`:        "it has no keys",
		edJWK + `}`:            "it has no keys",
		setOf(edJWK + `}`)[1:]: "it is not JSON",
	} {
		if keys, _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || len(keys) > 0 {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestNoUsableKey: the error counts on when there are many reasons.
func TestNoUsableKey(t *testing.T) {
	_, unusable, err := parse([]byte(setOf(slices.Repeat([]string{`{"kty":"oct"}`}, 7)...)))
	if err != nil {
		t.Fatal(err)
	}
	const want = "it has no usable key, which is RSA of 2048 bits at least, P-256 or Ed25519: key 1 is a shared secret (oct); key 2 is a shared secret (oct); " +
		"key 3 is a shared secret (oct); key 4 is a shared secret (oct); key 5 is a shared secret (oct); and 2 more"
	if got := noUsableKey(unusable).Error(); got != want {
		t.Error(got)
	}
	if got := noUsableKey(nil).Error(); got != "it has no key" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(setOf(rsaJWK+`}`, ecJWK+`,"kid":"b"}`, edJWK+`,"use":"sig"}`)))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"","e":"AA"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, _, err := parse(text)
		if err != nil && len(keys) > 0 {
			t.Fatal("an error came with keys")
		}
		for _, k := range keys {
			switch public := k.Key.(type) {
			case *rsa.PublicKey:
				if k.Algorithm != "RS256" || public.N.BitLen() < minRSABits {
					t.Fatalf("%s, %d bits", k.Algorithm, public.N.BitLen())
				}
			case *ecdsa.PublicKey:
				if k.Algorithm != "ES256" || public.Curve != elliptic.P256() {
					t.Fatal(k.Algorithm, public.Curve.Params().Name)
				}
			case ed25519.PublicKey:
				if k.Algorithm != "EdDSA" || len(public) != ed25519.PublicKeySize {
					t.Fatal(k.Algorithm, len(public))
				}
			default:
				t.Fatalf("a %T for %s", k.Key, k.Algorithm)
			}
		}
	})
}
