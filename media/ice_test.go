package media

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"chattok/session"
)

func TestParseOutside(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"stun:stun.example:3478":  `[{"URLs":["stun:stun.example:3478"],"Username":null,"Credential":null,"ExpiresAt":null}]`,
		" stun:a , stuns:b:5349,": `[{"URLs":["stun:a","stuns:b:5349"],"Username":null,"Credential":null,"ExpiresAt":null}]`,
		`[{"urls":"stun:a"},{"urls":["turn:b?transport=udp","turns:b?transport=tcp"],"username":"u","credential":"c"}]`: `[{"URLs":["stun:a"],"Username":null,"Credential":null,"ExpiresAt":null},` +
			`{"URLs":["turn:b?transport=udp","turns:b?transport=tcp"],"Username":"u","Credential":"c","ExpiresAt":null}]`,
		// The TURN REST scheme: base64(hmac-sha1("shared", "1769904000:ann")).
		`[{"urls":["turn:b"],"secret":"shared"}]`: `[{"URLs":["turn:b"],"Username":"1769904000:ann","Credential":"` +
			credentials{key: []byte("shared")}.password("1769904000:ann") + `","ExpiresAt":"2026-02-01T00:00:00Z"}]`,
		`[]`: `[]`,
	} {
		o, err := ParseOutside(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		o.now = func() time.Time { return now }
		got, err := json.Marshal(o.Servers(&session.Connection{ID: "ann"}))
		if err != nil || string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"":                                   "no urls",
		",":                                  "no urls",
		"http://a":                           "not a stun:",
		"turn:a":                             "needs a username and a credential, or a secret",
		"stun:":                              "not a stun:",
		`[{"urls":[]}]`:                      "no urls",
		`[{"url":"stun:a"}]`:                 "unknown field",
		`[{"urls":"turn:a","username":"u"}]`: "needs a username and a credential",
		`[{"urls":"turn:a","username":"u","credential":"c","secret":"s3cret"}]`: "not beside them",
		`[{"urls":"stun:a"}`:    "not a JSON array",
		`[{"urls":"stun:a"}] x`: "behind the JSON array",
		`[{"urls":5}]`:          "not a JSON array",
		`[{"urls":"stun:a"},{"urls":"ftp:a","secret":"s3cret"}]`: "server 2",
	} {
		_, err := ParseOutside(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestPassword compares the password with that of another implementation of the TURN REST scheme.
func TestPassword(t *testing.T) {
	// printf '1769904000:ann' | openssl dgst -sha1 -hmac shared -binary | base64
	if got, want := (credentials{key: []byte("shared")}).password("1769904000:ann"), "OpFZyveApbwfCamajifjEwrKoRg="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
