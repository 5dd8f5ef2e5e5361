package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chattok/session"
	"chattok/token"
)

const issuer = "https://id.example"

// keysByID are PublicKeys under their ids. A nil map stands for keys that can't be read.
type keysByID map[string][]token.PublicKey

func (k keysByID) Find(_ context.Context, kid string) (found []token.PublicKey, err error) {
	if k == nil {
		return nil, errors.New("dial tcp 192.0.2.1:443: no route to host")
	}
	for id, keys := range k {
		if kid == "" || id == kid {
			found = append(found, keys...)
		}
	}
	return found, nil
}

// signers are private keys of each kind, made once.
var signers = struct {
	rsa, otherRSA *rsa.PrivateKey
	ec            *ecdsa.PrivateKey
	ed            ed25519.PrivateKey
}{must(rsa.GenerateKey(rand.Reader, 2048)), must(rsa.GenerateKey(rand.Reader, 2048)), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
	ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// signPublic makes a token as another backend would, without this package and its library.
func signPublic(key crypto.Signer, header, payload string) string {
	text := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(text))
	var signature []byte
	switch key := key.(type) {
	case *rsa.PrivateKey:
		signature = must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:]))
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			panic(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(text))
	default:
		panic(fmt.Sprintf("%T", key))
	}
	return text + "." + encode(string(signature))
}

// header returns a token's header; kid is left out where it is empty.
func header(alg, kid string) string {
	if kid == "" {
		return fmt.Sprintf(`{"alg":%q}`, alg)
	}
	return fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, kid)
}

func allKeys() keysByID {
	return keysByID{
		"r": {{Algorithm: "RS256", Key: &signers.rsa.PublicKey}},
		"e": {{Algorithm: "ES256", Key: &signers.ec.PublicKey}},
		"d": {{Algorithm: "EdDSA", Key: signers.ed.Public()}},
		// One id for keys of two types, as RFC 7517, section 4.5 allows.
		"both": {{Algorithm: "ES256", Key: &signers.ec.PublicKey}, {Algorithm: "EdDSA", Key: signers.ed.Public()}},
	}
}

// underKeys returns Tokens that accept tokens under public keys.
func underKeys(t *testing.T, keys token.PublicKeys, issuer string) *token.Tokens {
	t.Helper()
	tokens, err := token.NewTokens(token.Config{Secret: []byte(secret), Keys: keys, Issuer: issuer, Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestPublicKeys(t *testing.T) {
	const (
		signature = "TOKEN_INVALID: the session token's signature is wrong: it is altered, or signed with another key"
		secretly  = "TOKEN_INVALID: the session token's signature is wrong: it is altered, or signed with another secret"
		other     = "TOKEN_INVALID: the session token is signed with another algorithm than its key is for"
		method    = "TOKEN_INVALID: the session token must be signed with HS256, RS256, ES256 or EdDSA"
		unknown   = "TOKEN_INVALID: the session token's key (kid) is not known"
		from      = "TOKEN_INVALID: the token's issuer (iss) is not the one that this server accepts"
	)
	good := sessionWith(map[string]any{"iss": issuer})
	with := func(members map[string]any) string {
		all := map[string]any{"iss": issuer}
		for name, value := range members {
			all[name] = value
		}
		return signPublic(signers.ec, header("ES256", "e"), sessionWith(all))
	}
	rsaDER := must(x509.MarshalPKIXPublicKey(&signers.rsa.PublicKey))
	rsaPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: rsaDER}))
	edPublic := string(signers.ed.Public().(ed25519.PublicKey))
	altered := signPublic(signers.ed, header("EdDSA", "d"), good)
	altered = strings.Replace(altered, encode(good), encode(strings.Replace(good, "PUBLISHER", "MODERATOR", 1)), 1)
	for _, c := range []struct{ name, raw, want string }{
		{"RS256", signPublic(signers.rsa, header("RS256", "r"), good), ""},
		{"ES256", signPublic(signers.ec, header("ES256", "e"), good), ""},
		{"EdDSA", signPublic(signers.ed, header("EdDSA", "d"), good), ""},
		{"one id, two types: ES256", signPublic(signers.ec, header("ES256", "both"), good), ""},
		{"one id, two types: EdDSA", signPublic(signers.ed, header("EdDSA", "both"), good), ""},
		{"one id, two types: RS256", signPublic(signers.rsa, header("RS256", "both"), good), other},
		{"the secret's, without iss", sign(secret, hs256, sessionWith(nil)), ""},
		{"the secret's, with a kid", sign(secret, header("HS256", "r"), sessionWith(nil)), ""},

		{"another key", signPublic(signers.otherRSA, header("RS256", "r"), good), signature},
		{"altered", altered, signature},
		{"no signature", encode(header("EdDSA", "d")) + "." + encode(good) + ".", signature},
		{"another algorithm of the type", signPublic(signers.rsa, header("RS512", "r"), good), method},
		{"PS256", signPublic(signers.rsa, header("PS256", "r"), good), method},
		{"ES384", signPublic(signers.ec, header("ES384", "e"), good), method},
		{"an RSA key's id, signed by the curve's", signPublic(signers.ec, header("ES256", "r"), good), other},
		{"a curve's id, signed by RSA", signPublic(signers.rsa, header("RS256", "e"), good), other},
		{"unknown kid", signPublic(signers.rsa, header("RS256", "nobody"), good), unknown},
		{"kid a number", signPublic(signers.rsa, `{"alg":"RS256","kid":7}`, good), unknown},
		{"kid null", signPublic(signers.rsa, `{"alg":"RS256","kid":null}`, good), unknown},
		{"no kid", signPublic(signers.rsa, header("RS256", ""), good), "TOKEN_INVALID: the session token must name its key by kid: there are several"},
		{"a key in the header", signPublic(signers.otherRSA, `{"alg":"RS256","kid":"x","jwk":{"kty":"RSA"}}`, good), unknown},
		{"crit", signPublic(signers.ed, `{"alg":"EdDSA","kid":"d","crit":["b64"],"b64":false}`, good), "TOKEN_INVALID: the session token has a crit header, which is not supported"},

		{"HS256 with the public key in PEM", sign(rsaPEM, header("HS256", "r"), good), secretly},
		{"HS256 with the public key in DER", sign(string(rsaDER), header("HS256", "r"), good), secretly},
		{"HS256 with the public key's bytes", sign(edPublic, header("HS256", "d"), good), secretly},
		{"RS256 with the secret's HMAC", sign(secret, header("RS256", "r"), good), signature},
		{"alg none", encode(header("none", "r")) + "." + encode(good) + ".", method},
		{"alg None", encode(header("None", "r")) + "." + encode(good) + ".", method},

		{"another issuer", with(map[string]any{"iss": "https://evil.example"}), from},
		{"the issuer with a slash more", with(map[string]any{"iss": issuer + "/"}), from},
		{"no issuer", with(map[string]any{"iss": nil}), from},
		{"expired", with(map[string]any{"exp": start.Add(-token.Leeway).Unix()}), "TOKEN_EXPIRED: the session token has expired: ask whoever issued it for a new one"},
		{"expired within leeway", with(map[string]any{"exp": start.Add(time.Second - token.Leeway).Unix()}), ""},
		{"no expiry", with(map[string]any{"exp": nil}), "TOKEN_INVALID: the session token must have an expiry (exp) and an audience (aud)"},
		{"not yet", with(map[string]any{"nbf": start.Add(31 * time.Second).Unix()}), "TOKEN_INVALID: the session token is not valid yet (nbf, iat): compare the clocks"},
		{"for others", with(map[string]any{"aud": "shop"}), "TOKEN_INVALID: the token's audience (aud) must be chattok:session"},
		{"for nobody", with(map[string]any{"aud": nil}), "TOKEN_INVALID: the session token must have an expiry (exp) and an audience (aud)"},
		{"for others too", with(map[string]any{"aud": []string{"shop", "chattok:session"}}), ""},
		{"an access token", with(map[string]any{"aud": "chattok:access", "connection": "c-1"}), "TOKEN_INVALID: this is an access token, not a session token"},
		{"both kinds", with(map[string]any{"aud": []string{"chattok:session", "chattok:access"}}),
			"TOKEN_INVALID: the token names both audiences, chattok:session and chattok:access: it must be one of the two"},
		{"no role", with(map[string]any{"role": nil}), "TOKEN_INVALID: the session token is refused: role must be SUBSCRIBER, PUBLISHER_ONLY, PUBLISHER or MODERATOR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			grant, err := underKeys(t, allKeys(), issuer).Session(t.Context(), c.raw)
			if got := outcome(t, err); got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if err == nil && (grant.SessionID != "standup" || grant.Role != session.RolePublisher) {
				t.Errorf("got %+v", grant)
			}
		})
	}
}

// TestNoKeyID: a token that names no key is accepted where there is one key alone.
func TestNoKeyID(t *testing.T) {
	raw := signPublic(signers.ed, header("EdDSA", ""), sessionWith(nil))
	one := keysByID{"d": {{Algorithm: "EdDSA", Key: signers.ed.Public()}}}
	unnamed := keysByID{"": one["d"]}
	for name, c := range map[string]struct {
		keys keysByID
		raw  string
		want string
	}{
		"one":                      {one, raw, ""},
		"one without an id":        {unnamed, raw, ""},
		"one of another type":      {keysByID{"r": {{Algorithm: "RS256", Key: &signers.rsa.PublicKey}}}, raw, "TOKEN_INVALID: the session token is signed with another algorithm than its key is for"},
		"none":                     {keysByID{}, raw, "TOKEN_INVALID: the session token's key (kid) is not known"},
		"several":                  {allKeys(), raw, "TOKEN_INVALID: the session token must name its key by kid: there are several"},
		"an id, where it has none": {unnamed, signPublic(signers.ed, header("EdDSA", "d"), sessionWith(nil)), "TOKEN_INVALID: the session token's key (kid) is not known"},
	} {
		if _, err := underKeys(t, c.keys, "").Session(t.Context(), c.raw); outcome(t, err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestKeysForSessionTokensAlone: a public key signs no access token and is no API secret, and without keys its algorithms are refused.
func TestKeysForSessionTokensAlone(t *testing.T) {
	tokens := underKeys(t, allKeys(), "")
	const only = "TOKEN_INVALID: the access token must be signed with HS256"
	for name, raw := range map[string]string{
		"RS256": signPublic(signers.rsa, header("RS256", "r"), accessWith(nil)),
		"ES256": signPublic(signers.ec, header("ES256", "e"), accessWith(nil)),
		"EdDSA": signPublic(signers.ed, header("EdDSA", "d"), accessWith(nil)),
	} {
		if _, err := tokens.Access(raw); outcome(t, err) != only {
			t.Errorf("access by %s: %v", name, err)
		}
		if _, isSecret, err := tokens.Bearer(raw); isSecret || outcome(t, err) != only {
			t.Errorf("bearer by %s: %v, %v", name, isSecret, err)
		}
	}
	public := signPublic(signers.ed, header("EdDSA", "d"), sessionWith(nil))
	alone, _ := mustNew(t)
	if _, err := alone.Session(t.Context(), public); outcome(t, err) != "TOKEN_INVALID: the session token must be signed with HS256" {
		t.Errorf("without keys: %v", err)
	}
}

// TestKeysAway: keys that can't be read are no verdict on a token, and the cause stays inside. The secret's tokens need no keys.
func TestKeysAway(t *testing.T) {
	tokens := underKeys(t, keysByID(nil), "")
	_, err := tokens.Session(t.Context(), signPublic(signers.ed, header("EdDSA", "d"), sessionWith(nil)))
	e, ok := errors.AsType[*session.Error](err)
	if !ok || e.Code != session.CodeUnavailable || e.Err != nil || e.Message != "the public keys of session tokens can't be read at the moment; try again" {
		t.Errorf("%#v", err)
	}
	if _, err := tokens.Session(t.Context(), sign(secret, hs256, sessionWith(nil))); err != nil {
		t.Error(err)
	}
}

// TestDamagedPublicTokens: every token under a public key that is cut short or has one character changed is refused.
func TestDamagedPublicTokens(t *testing.T) {
	tokens := underKeys(t, allKeys(), "")
	raw := signPublic(signers.ed, header("EdDSA", "d"), sessionWith(nil))
	for i := range raw {
		swap := byte('A')
		if raw[i] == swap {
			swap = 'B'
		}
		for _, damaged := range []string{raw[:i], raw[:i] + string(swap) + raw[i+1:]} {
			if _, err := tokens.Session(t.Context(), damaged); !strings.HasPrefix(outcome(t, err), token.ReasonInvalid) {
				t.Errorf("at %d: %v", i, err)
			}
		}
	}
}
