package token_test

import (
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"
	"time"

	"chattok/session"
	"chattok/token"
)

func TestAccess(t *testing.T) {
	at := func(d time.Duration) int64 { return start.Add(d).Unix() }
	with := func(name string, value any) string {
		return sign(secret, hs256, accessWith(map[string]any{name: value}))
	}
	header := func(h string) string { return sign(secret, h, accessWith(nil)) }
	good := sign(secret, hs256, accessWith(nil))
	const (
		malformed  = "TOKEN_INVALID: the access token is malformed"
		algorithm  = "TOKEN_INVALID: the access token must be signed with HS256"
		signature  = "TOKEN_INVALID: the access token's signature is wrong: it is altered, or signed with another secret"
		expired    = "TOKEN_EXPIRED: the access token has expired: connect again, and use renewAccess in time"
		early      = "TOKEN_INVALID: the access token is not valid yet (nbf, iat): compare the clocks"
		missing    = "TOKEN_INVALID: the access token must have an expiry (exp) and an audience (aud)"
		audience   = "TOKEN_INVALID: the token's audience (aud) must be chattok:access"
		swapped    = "TOKEN_INVALID: this is a session token, not an access token: connect trades it for one"
		ambiguous  = "TOKEN_INVALID: the token names both audiences, chattok:session and chattok:access: it must be one of the two"
		sessionID  = "TOKEN_INVALID: the access token is refused: session must be an id of 1 to 128 bytes"
		connection = "TOKEN_INVALID: the access token is refused: connection must be an id of 1 to 128 bytes"
		role       = "TOKEN_INVALID: the access token is refused: role must be SUBSCRIBER, PUBLISHER_ONLY, PUBLISHER or MODERATOR"
		tooLong    = "TOKEN_INVALID: the access token is longer than 4096 bytes"
	)
	for _, c := range []struct{ name, raw, want string }{
		{"good", good, ""},
		{"no typ", header(`{"alg":"HS256"}`), ""},
		{"unknown member", with("name", "x"), ""},
		{"alg none, unsigned", encode(`{"alg":"none"}`) + "." + encode(accessWith(nil)) + ".", algorithm},
		{"alg none, signed", header(`{"alg":"none"}`), algorithm},
		{"alg None", header(`{"alg":"None"}`), algorithm},
		{"alg HS384", signWith(sha512.New384, secret, `{"alg":"HS384"}`, accessWith(nil)), algorithm},
		{"alg HS512", signWith(sha512.New, secret, `{"alg":"HS512"}`, accessWith(nil)), algorithm},
		{"alg RS256", header(`{"alg":"RS256"}`), algorithm},
		{"alg in lower case", header(`{"alg":"hs256"}`), algorithm},
		{"alg missing", header(`{}`), algorithm},
		{"alg a number", header(`{"alg":256}`), algorithm},
		{"crit", header(`{"alg":"HS256","crit":["b64"],"b64":false}`),
			"TOKEN_INVALID: the access token has a crit header, which is not supported"},
		{"wrong secret", sign(strings.ToUpper(secret), hs256, accessWith(nil)), signature},
		{"wrong secret and expired", sign(strings.ToUpper(secret), hs256, accessWith(map[string]any{"exp": 1})), signature},
		{"no signature", good[:strings.LastIndexByte(good, '.')+1], signature},
		{"no exp", with("exp", nil), missing},
		{"exp in quotes", with("exp", "1769864400"), ""}, // as some JSON libraries write big numbers
		{"exp a word", with("exp", "never"), malformed},
		{"exp beyond RFC 3339", with("exp", 1e15), "TOKEN_INVALID: the access token is refused: exp must be in seconds since 1970"},
		{"exp beyond int64", with("exp", 1e300), expired},
		{"expired within leeway", with("exp", at(-29*time.Second)), ""},
		{"expired beyond leeway", with("exp", at(-30*time.Second)), expired},
		{"nbf within leeway", with("nbf", at(30*time.Second)), ""},
		{"nbf beyond leeway", with("nbf", at(31*time.Second)), early},
		{"iat within leeway", with("iat", at(30*time.Second)), ""},
		{"iat beyond leeway", with("iat", at(31*time.Second)), early},
		{"no aud", with("aud", nil), missing},
		{"wrong aud", with("aud", "chattok"), audience},
		{"aud in upper case", with("aud", "CHATTOK:ACCESS"), audience},
		{"aud as list", with("aud", []string{"chattok:access"}), ""},
		{"aud among others", with("aud", []string{"other", "chattok:access"}), ""},
		{"aud empty list", with("aud", []string{}), missing},
		{"aud both", with("aud", []string{"chattok:access", "chattok:session"}), ambiguous},
		{"aud a number", with("aud", 7), malformed},
		{"session token", sign(secret, hs256, sessionWith(nil)), swapped},
		{"session token, expired", sign(secret, hs256, sessionWith(map[string]any{"exp": 1})), swapped},
		{"session token with a connection", sign(secret, hs256, sessionWith(map[string]any{"connection": "c-1"})), swapped},
		{"no session", with("session", nil), sessionID},
		{"long session", with("session", strings.Repeat("s", 129)), sessionID},
		{"session with U+0000", with("session", "a\x00"), sessionID},
		{"session a number", with("session", 7), malformed},
		{"no connection", with("connection", nil), connection},
		{"empty connection", with("connection", ""), connection},
		{"no role", with("role", nil), role},
		{"unknown role", with("role", "ADMIN"), role},
		{"role in lower case", with("role", "publisher"), role},
		{"payload null", sign(secret, hs256, "null"), missing},
		{"payload a list", sign(secret, hs256, "[]"), malformed},
		{"payload cut", sign(secret, hs256, `{"aud":"chattok:access"`), malformed},
		{"payload not UTF-8", sign(secret, hs256, strings.Replace(accessWith(nil), "standup", "stand\xff", 1)), malformed},
		{"header not JSON", header("HS256"), malformed},
		{"header null", header("null"), algorithm},
		{"longest", with("pad", pad(4096)), ""},
		{"too long", with("pad", pad(4100)), tooLong},
		{"empty", "", malformed},
		{"dots", "..", malformed},
		{"a fourth part", good + ".", malformed},
		{"line break", good[:len(good)-1] + "\n" + good[len(good)-1:], malformed},
		{"another spelling", respell(good), malformed},
		{"padding", good + "=", malformed},
		{"the secret", secret, malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens, _ := mustNew(t)
			grant, err := tokens.Access(c.raw)
			if got := outcome(t, err); got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if err != nil && grant != (session.AccessGrant{}) {
				t.Errorf("a refusal came with %+v", grant)
			}
			if err == nil && (grant.SessionID != "standup" || grant.ConnectionID != "c-1" || grant.Role != session.RolePublisher) {
				t.Errorf("got %+v", grant)
			}
		})
	}
}

// respell sets an unused bit of the last character: 32 bytes are 42 characters and 4 of the 43rd's 6 bits.
func respell(raw string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, raw[len(raw)-1])
	return raw[:len(raw)-1] + alphabet[last+1:last+2]
}

// pad returns a value for a member that makes an access token at most size bytes long, and at most 3 bytes shorter.
func pad(size int) string {
	empty := len(sign(secret, hs256, accessWith(map[string]any{"pad": ""})))
	return strings.Repeat("p", (size-empty)*3/4)
}

func TestSession(t *testing.T) {
	with := func(name string, value any) string {
		return sign(secret, hs256, sessionWith(map[string]any{name: value}))
	}
	const data = "TOKEN_INVALID: the session token is refused: data must be at most 4096 bytes of UTF-8 without U+0000"
	escaped := strings.Replace(sessionWith(map[string]any{"data": "?"}), `"?"`, `"`+strings.Repeat(`\u0001`, session.MaxDataBytes)+`"`, 1)
	for _, c := range []struct{ name, raw, want string }{
		{"without data", sign(secret, hs256, sessionWith(nil)), ""},
		{"data null", sign(secret, hs256, strings.Replace(sessionWith(map[string]any{"data": "?"}), `"?"`, "null", 1)), ""},
		{"data not ASCII", with("data", "Åsa 🦉"), ""},
		{"data at its limit", with("data", strings.Repeat("€", 1365)+"x"), ""},
		{"data at its limit, escaped", sign(secret, hs256, escaped), ""},
		{"data over its limit", with("data", strings.Repeat("€", 1365)+"xx"), data},
		{"data with U+0000", with("data", "a\x00"), data},
		{"data not UTF-8", sign(secret, hs256, strings.Replace(sessionWith(map[string]any{"data": "?"}), "?", "\xc3", 1)),
			"TOKEN_INVALID: the session token is malformed"},
		{"data with half a surrogate pair", sign(secret, hs256, strings.Replace(sessionWith(map[string]any{"data": "?"}), "?", `a\ud83d`, 1)),
			"TOKEN_INVALID: the session token is malformed"},
		{"data with the other half", sign(secret, hs256, strings.Replace(sessionWith(map[string]any{"data": "?"}), "?", `\ude00a`, 1)),
			"TOKEN_INVALID: the session token is malformed"},
		{"data with two first halves", sign(secret, hs256, strings.Replace(sessionWith(map[string]any{"data": "?"}), "?", `\ud83d\ud83d\ude00`, 1)),
			"TOKEN_INVALID: the session token is malformed"},
		{"data with a pair", sign(secret, hs256, strings.Replace(sessionWith(map[string]any{"data": "?"}), "?", `\ud83d\ude00`, 1)), ""},
		{"data with a backslash before ud83d", sign(secret, hs256, strings.Replace(sessionWith(map[string]any{"data": "?"}), "?", `\\ud83d`, 1)), ""},
		{"data an object", with("data", map[string]any{}), "TOKEN_INVALID: the session token is malformed"},
		{"access token", sign(secret, hs256, accessWith(nil)), "TOKEN_INVALID: this is an access token, not a session token"},
		{"both audiences", with("aud", []string{"chattok:session", "chattok:access"}),
			"TOKEN_INVALID: the token names both audiences, chattok:session and chattok:access: it must be one of the two"},
		{"expired", with("exp", start.Add(-token.Leeway).Unix()),
			"TOKEN_EXPIRED: the session token has expired: ask whoever issued it for a new one"},
		{"too long", strings.Repeat("a", token.MaxSessionBytes+1), "TOKEN_INVALID: the session token is longer than 37888 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens, _ := mustNew(t)
			grant, err := tokens.Session(t.Context(), c.raw)
			if got := outcome(t, err); got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if err == nil && (grant.SessionID != "standup" || grant.Role != session.RolePublisher) {
				t.Errorf("got %+v", grant)
			}
		})
	}
}

// Every token that is cut short or has one character changed is refused, and no refusal is remembered as good.
func TestDamagedTokens(t *testing.T) {
	tokens, _ := mustNew(t)
	accessRaw, sessionRaw := sign(secret, hs256, accessWith(nil)), sign(secret, hs256, sessionWith(nil))
	if _, err := tokens.Access(accessRaw); err != nil { // the token is remembered from here on
		t.Fatal(err)
	}
	damaged := func(raw string) func(yield func(string, string) bool) {
		return func(yield func(string, string) bool) {
			for i := range raw {
				swap := byte('A')
				if raw[i] == swap {
					swap = 'B'
				}
				if !yield(fmt.Sprintf("cut at %d", i), raw[:i]) ||
					!yield(fmt.Sprintf("changed at %d", i), raw[:i]+string(swap)+raw[i+1:]) {
					return
				}
			}
		}
	}
	for what, raw := range damaged(accessRaw) {
		if _, err := tokens.Access(raw); !strings.HasPrefix(outcome(t, err), token.ReasonInvalid) {
			t.Errorf("access token %s: %v", what, err)
		}
	}
	for what, raw := range damaged(sessionRaw) {
		if _, err := tokens.Session(t.Context(), raw); !strings.HasPrefix(outcome(t, err), token.ReasonInvalid) {
			t.Errorf("session token %s: %v", what, err)
		}
	}
}

// FuzzAccess signs each payload, so that the claims are fuzzed and not only the signature. It also tries the payload as the
// whole token.
func FuzzAccess(f *testing.F) {
	f.Add(hs256, accessWith(nil))
	f.Add(hs256, sessionWith(nil))
	f.Add(`{"alg":"none"}`, accessWith(nil))
	f.Add(hs256, accessWith(map[string]any{"aud": []string{"chattok:access", "x"}, "nbf": 1.5, "iat": -1}))
	f.Add(hs256, `{"exp":1e309,"aud":[null]}`)
	f.Add("", sign(secret, hs256, accessWith(nil)))
	tokens, _ := mustNew(f)
	f.Fuzz(func(t *testing.T, header, text string) {
		for _, raw := range []string{sign(secret, header, text), text} {
			grant, err := tokens.Access(raw)
			if said := outcome(t, err); said != "" {
				if !strings.HasPrefix(said, token.ReasonInvalid+": ") && !strings.HasPrefix(said, token.ReasonExpired+": ") {
					t.Fatalf("unknown reason: %s", said)
				}
				continue
			}
			again, err := tokens.MintAccess(grant)
			if err != nil {
				t.Fatalf("accepted what can't be minted: %+v: %v", grant, err)
			}
			if back, err := tokens.Access(again); err != nil || back != grant {
				t.Fatalf("%+v came back as %+v, %v", grant, back, err)
			}
			if _, err := tokens.Session(t.Context(), raw); err == nil {
				t.Fatal("one token passed for both kinds")
			}
		}
	})
}
