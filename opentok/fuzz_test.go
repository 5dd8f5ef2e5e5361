package opentok_test

import (
	"bytes"
	"crypto/sha1" // #nosec G505: HMAC-SHA1 is what these tokens are signed with
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chattok/opentok"
)

// signedBySecret says whether the last part of a token, of either form, is the signature of what it signs, by the shortest code that
// can say so.
func signedBySecret(raw string) bool {
	for _, secret := range []string{secret, older} {
		if encoded, t1 := strings.CutPrefix(raw, "T1=="); t1 {
			for _, alphabet := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
				decoded, err := alphabet.DecodeString(encoded)
				head, signed, _ := bytes.Cut(decoded, []byte(":"))
				if err == nil && strings.Contains(strings.ToLower(string(head)), "sig="+hex.EncodeToString(mac(sha1.New, secret, string(signed)))) {
					return true
				}
			}
			continue
		}
		i := strings.LastIndexByte(raw, '.')
		if i >= 0 && raw[i+1:] == encode(mac(sha256.New, secret, raw[:i])) {
			return true
		}
	}
	return false
}

// FuzzSession: whatever is sent, nothing that the secret did not sign is accepted, and what is accepted is within the limits.
func FuzzSession(f *testing.F) {
	f.Add(signJWT(secret, hs256, sessionClaims(nil)))
	f.Add(signJWT(secret, hs256, sessionClaims(map[string]any{"connection_data": "字", "iss": 4567890, "aud": "x"})))
	f.Add(signT1("partner_id="+key, secret, t1Fields(nil)))
	f.Add(signT1("partner_id="+key, secret, t1Fields(map[string]string{"connection_data": "字", "expire_time": "1e9"})))
	f.Add("T1==")
	f.Add("..")
	tokens := newTokens(f)
	f.Fuzz(func(t *testing.T, raw string) {
		grant, signed, ok, err := tokens.Session(raw)
		if !ok || err != nil {
			return
		}
		if !signedBySecret(raw) || signed == "" || len(raw) > opentok.MaxTokenBytes {
			t.Fatalf("accepted: %q", raw)
		}
		if err := grant.Validate(); err != nil {
			t.Fatalf("accepted with %v: %q", err, raw)
		}
	})
}

// FuzzSignedSession signs what is written, so that the parts behind the signature are reached.
func FuzzSignedSession(f *testing.F) {
	f.Add(`{"iss":"4567890","ist":"project","exp":1769864400,"session_id":"s","scope":"session.connect"}`, "session_id=s&expire_time=1769864400")
	f.Add(`{"iss":4567890,"ist":"project","exp":1e300,"iat":-1,"session_id":"s","scope":"session.connect","role":"moderator"}`, "session_id=s&create_time=1.5&role=moderator")
	f.Add(`{"exp":"x"}`, "%")
	tokens := newTokens(f)
	f.Fuzz(func(t *testing.T, payload, fields string) {
		text := encode([]byte(hs256)) + "." + encode([]byte(payload))
		for _, raw := range []string{text + "." + encode(mac(sha256.New, secret, text)), signT1Text("partner_id="+key, secret, fields)} {
			grant, _, ok, err := tokens.Session(raw)
			if !ok || err != nil {
				continue
			}
			if err := grant.Validate(); err != nil || grant.ExpiresAt.Before(start.Add(-30*time.Second)) || grant.ExpiresAt.Year() > 9999 {
				t.Fatalf("accepted as %+v (%v): %q %q", grant, err, payload, fields)
			}
		}
	})
}

// FuzzAuthority: no header is accepted that the secret did not sign, and none of either token that participants get.
func FuzzAuthority(f *testing.F) {
	f.Add(signJWT(secret, hs256, authorityClaims(nil)))
	f.Add(signJWT(secret, hs256, sessionClaims(nil)))
	f.Add(key + ":" + secret)
	tokens := newTokens(f)
	h := opentok.New(opentok.Config{Tokens: tokens})
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range []string{"X-OPENTOK-AUTH", "X-TB-PARTNER-AUTH"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/project/"+key+"/archive", nil)
			r.Header.Set(name, value)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code == http.StatusForbidden {
				continue
			}
			pair := value == key+":"+secret || value == key+":"+older
			if w.Code != http.StatusNotImplemented || !pair && (!signedBySecret(value) || strings.Contains(value, "session_id")) {
				t.Fatalf("%s: %q: %d", name, value, w.Code)
			}
		}
	})
}
