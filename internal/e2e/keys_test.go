//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chattok/internal/await"
	"chattok/internal/program"
)

const identityProvider = "https://id.example/"

// keyPair is a key of a backend that signs session tokens, and its public half as a JSON Web Key.
type keyPair struct {
	id      string
	private *ecdsa.PrivateKey
}

func newKeyPair(id string) keyPair {
	return keyPair{id, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
}

// set returns a JSON Web Key Set with these keys.
func set(pairs ...keyPair) string {
	keys := []map[string]string{{"kty": "oct", "kid": "secret", "k": "AAAA"}}
	for _, pair := range pairs {
		point := must(pair.private.PublicKey.Bytes())
		keys = append(keys, map[string]string{"kty": "EC", "crv": "P-256", "kid": pair.id, "use": "sig", "alg": "ES256",
			"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:])})
	}
	return string(must(json.Marshal(map[string]any{"keys": keys})))
}

// sign signs a session token for a user.
func (p keyPair) sign(t *testing.T, issuer string) string {
	t.Helper()
	signed := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"aud": "chattok:session", "iss": issuer, "sub": "user 7", "session": rotationID,
		"role": "PUBLISHER", "exp": time.Now().Add(time.Hour).Unix()})
	signed.Header["kid"] = p.id
	raw, err := signed.SignedString(p.private)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// keyed starts a server that accepts session tokens under public keys, in which there is a session.
func keyed(t *testing.T, env ...string) *rotation {
	t.Helper()
	r := &rotation{t: t}
	r.server = program.StartT(t, program.Config{Env: append(env, "CHATTOK_API_SECRET="+newSecret, "CHATTOK_OPEN=false")})
	if got := r.do(newSecret, `mutation($s:ID!){createSession(id:$s){id}}`, map[string]any{"s": rotationID}, new(any)); got != "ok" {
		t.Fatal(got)
	}
	return r
}

// TestKeysOfAServer: session tokens of an identity provider are accepted by the keys that its server shows, which may be away when
// ChatTok starts, and later.
func TestKeysOfAServer(t *testing.T) {
	addr := program.FreeAddrT(t)
	pair := newKeyPair("a")
	provider := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, set(pair)) }))
	defer provider.Close()
	known := httptest.NewTLSServer(nil) // has the certificate of every such server
	known.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: known.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	r := keyed(t, "SSL_CERT_FILE="+roots, "CHATTOK_TOKEN_KEYS=https://"+addr+"/keys", "CHATTOK_TOKEN_ISSUER="+identityProvider)

	raw := pair.sign(t, identityProvider)
	err := postAs(t.Context(), r.server.Addr, "", `mutation($t:String!){connect(token:$t){accessToken}}`, map[string]any{"t": raw}, new(any))
	if err == nil || !strings.Contains(err.Error(), `"UNAVAILABLE"`) || strings.Contains(err.Error(), addr) || strings.Contains(err.Error(), "refused") {
		t.Errorf("without its server: %v", err)
	}
	_ = provider.Listener.Close()
	provider.Listener = must(net.Listen("tcp", addr))
	provider.StartTLS()
	access := ""
	await.True(t, "the keys are read", func() (ok bool) {
		var got string
		access, got = r.connect(raw)
		return got == "ok"
	})
	var me struct{ Connection struct{ UserID, Role string } }
	if got := r.do(access, `{connection{userId role}}`, nil, &me); got != "ok" || me.Connection.UserID != "user 7" || me.Connection.Role != "PUBLISHER" {
		t.Errorf("%s, %+v", got, me)
	}
	const refused = "UNAUTHENTICATED TOKEN_INVALID"
	for name, raw := range map[string]string{"another issuer": pair.sign(t, "https://evil.example/"), "an unknown key": newKeyPair("b").sign(t, identityProvider),
		"another key of the same id": newKeyPair("a").sign(t, identityProvider)} {
		if _, got := r.connect(raw); got != refused {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := r.do(raw, `{connection{id}}`, nil, new(any)); got != refused {
		t.Errorf("as an access token: %s", got)
	}
	own, _, _ := mint(t, newSecret)
	if _, got := r.connect(own); got != "ok" {
		t.Errorf("the secret's own: %s", got)
	}
	provider.Close()
	if _, got := r.connect(raw); got != "ok" {
		t.Errorf("while the server is away: %s", got)
	}
	r.server.StopT(t)
	if log := string(r.server.Tail()); !strings.Contains(log, "the public keys of session tokens can't be read") || strings.Contains(log, raw) || strings.Contains(log, newSecret) {
		t.Errorf("the log:\n%s", log)
	}
}

// TestKeysOfAFile: a backend's keys in a file are rotated without a restart.
func TestKeysOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	show := func(pairs ...keyPair) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(set(pairs...)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	before, after := newKeyPair("before"), newKeyPair("after")
	show(before)
	r := keyed(t, "CHATTOK_TOKEN_KEYS="+file)
	outcome := func(pair keyPair) string {
		_, got := r.connect(pair.sign(t, "anybody"))
		return got
	}
	if got := outcome(before); got != "ok" {
		t.Error(got)
	}
	show(before, after)
	await.True(t, "the new key counts too", func() bool { return outcome(after) == "ok" })
	if got := outcome(before); got != "ok" {
		t.Error(got)
	}
	show(after)
	await.True(t, "the old key counts no more", func() bool { return outcome(before) == "UNAUTHENTICATED TOKEN_INVALID" })
	if got := outcome(after); got != "ok" {
		t.Error(got)
	}
	r.server.StopT(t)
}
