package token_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chattok/session"
	"chattok/token"
)

const (
	secret = "0123456789abcdef0123456789abcdef"
	hs256  = `{"alg":"HS256","typ":"JWT"}`
)

var start = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// clock stands still until it is set.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time  { return time.Unix(0, c.now.Load()) }
func (c *clock) Set(t time.Time) { c.now.Store(t.UnixNano()) }

func mustNew(tb testing.TB) (*token.Tokens, *clock) {
	tb.Helper()
	c := new(clock)
	c.Set(start)
	tokens, err := token.New([]byte(secret), c.Now)
	if err != nil {
		tb.Fatal(err)
	}
	return tokens, c
}

// sign makes a token as another backend would, without this package and its library.
func sign(key, header, payload string) string { return signWith(sha256.New, key, header, payload) }

func signWith(h func() hash.Hash, key, header, payload string) string {
	text := encode(header) + "." + encode(payload)
	mac := hmac.New(h, []byte(key))
	mac.Write([]byte(text))
	return text + "." + encode(string(mac.Sum(nil)))
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// accessWith returns an access token's payload that ends an hour after start, with members put in place of its own; a
// member that is nil is left out.
func accessWith(members map[string]any) string {
	return payload(map[string]any{"aud": "chattok:access", "session": "standup", "connection": "c-1", "role": "PUBLISHER",
		"exp": start.Add(time.Hour).Unix()}, members)
}

func sessionWith(members map[string]any) string {
	return payload(map[string]any{"aud": "chattok:session", "session": "standup", "role": "PUBLISHER",
		"exp": start.Add(time.Hour).Unix()}, members)
}

func payload(all, members map[string]any) string {
	for name, value := range members {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// outcome returns "reason: message" for a refusal, and "" for a token that is accepted. It fails on any other kind of
// error, and on an error with a cause, which could carry parts of the token into a log.
func outcome(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := err.(*session.Error)
	if !ok || e.Code != session.CodeUnauthenticated || e.Err != nil {
		t.Fatalf("not a plain UNAUTHENTICATED: %#v", err)
	}
	return e.Reason + ": " + e.Message
}

func TestNewRefusesShortSecret(t *testing.T) {
	_, err := token.New([]byte(secret[:31]), nil)
	if want := "CHATTOK_API_SECRET must be at least 32 bytes, but is 31"; err == nil || err.Error() != want {
		t.Errorf("31 bytes: %v, want %s", err, want)
	}
	if _, err := token.New([]byte(secret), nil); err != nil {
		t.Errorf("32 bytes: %v", err)
	}
}

func TestNewKeepsItsOwnSecret(t *testing.T) {
	given := []byte(secret)
	tokens, err := token.New(given, nil)
	if err != nil {
		t.Fatal(err)
	}
	clear(given)
	raw, err := tokens.MintAccess(session.AccessGrant{SessionID: "s", ConnectionID: "c", Role: session.RoleSubscriber, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	other, err := token.New([]byte(secret), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Access(raw); err != nil {
		t.Error(err)
	}
}

func TestIsSecret(t *testing.T) {
	tokens, _ := mustNew(t)
	for raw, want := range map[string]bool{
		secret: true, "": false, secret[:31]: false, secret + "0": false, strings.ToUpper(secret): false,
		strings.Repeat("x", 1<<20): false,
	} {
		if got := tokens.IsSecret(raw); got != want {
			t.Errorf("IsSecret(%d bytes) = %v", len(raw), got)
		}
	}
}

func TestMintedTokensSayWhatWasGranted(t *testing.T) {
	tokens, _ := mustNew(t)
	end := start.Add(time.Hour)
	for _, data := range []*string{nil, new(""), new("Ada"), new("Åsa 🦉 <b>\u2028\"\\\n"), new(strings.Repeat("\x01", session.MaxDataBytes))} {
		want := session.SessionGrant{SessionID: strings.Repeat("s", 128), Role: session.RoleModerator, Data: data, ExpiresAt: end}
		raw, err := tokens.MintSession(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tokens.Session(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		if (got.Data == nil) != (data == nil) || data != nil && *got.Data != *data {
			t.Errorf("data %v, want %v", got.Data, data)
		}
		if got.Data = data; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	want := session.AccessGrant{SessionID: "s", ConnectionID: "c", Role: session.RoleSubscriber, ExpiresAt: end}
	late := want
	late.ExpiresAt = end.Add(999 * time.Millisecond)
	raw, err := tokens.MintAccess(late)
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{"parsed", "remembered"} {
		if got, err := tokens.Access(raw); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", where, got, err, want)
		}
	}
}

// Other backends read tokens too, so their form is part of the contract: the audience is a string, the expiry whole
// seconds.
func TestMintedPayload(t *testing.T) {
	tokens, _ := mustNew(t)
	sessionRaw, err := tokens.MintSession(session.SessionGrant{SessionID: "s", Role: session.RolePublisher, Data: new("Ada"), ExpiresAt: start})
	if err != nil {
		t.Fatal(err)
	}
	accessRaw, err := tokens.MintAccess(session.AccessGrant{SessionID: "s", ConnectionID: "c", Role: session.RolePublisher, ExpiresAt: start})
	if err != nil {
		t.Fatal(err)
	}
	for raw, payload := range map[string]string{
		sessionRaw: `{"aud":"chattok:session","data":"Ada","exp":1769860800,"role":"PUBLISHER","session":"s"}`,
		accessRaw:  `{"aud":"chattok:access","connection":"c","exp":1769860800,"role":"PUBLISHER","session":"s"}`,
	} {
		if want := sign(secret, hs256, payload); raw != want {
			t.Errorf("minted %s, want %s", raw, want)
		}
	}
}

func TestMintRefusesWhatVerifyWould(t *testing.T) {
	tokens, _ := mustNew(t)
	good := session.SessionGrant{SessionID: "s", Role: session.RolePublisher, ExpiresAt: start}
	for name, change := range map[string]func(*session.SessionGrant){
		"no session":   func(g *session.SessionGrant) { g.SessionID = "" },
		"long session": func(g *session.SessionGrant) { g.SessionID = strings.Repeat("s", 129) },
		"no role":      func(g *session.SessionGrant) { g.Role = "" },
		"long data":    func(g *session.SessionGrant) { g.Data = new(strings.Repeat("d", session.MaxDataBytes+1)) },
		"broken data":  func(g *session.SessionGrant) { g.Data = new("\xff") },
		"U+0000":       func(g *session.SessionGrant) { g.Data = new("a\x00") },
		"no expiry":    func(g *session.SessionGrant) { g.ExpiresAt = time.Time{} },
		"year 10000":   func(g *session.SessionGrant) { g.ExpiresAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		g := good
		if change(&g); g == good {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := tokens.MintSession(g); err == nil {
			t.Errorf("%s: minted", name)
		}
	}
	if _, err := tokens.MintAccess(session.AccessGrant{SessionID: "s", Role: session.RolePublisher, ExpiresAt: start}); err == nil {
		t.Error("no connection: minted")
	}
}

func TestRememberedTokenExpires(t *testing.T) {
	tokens, clock := mustNew(t)
	raw := sign(secret, hs256, accessWith(nil))
	end := start.Add(time.Hour)
	for _, step := range []struct {
		at   time.Time
		want string
	}{
		{start, ""},
		{end.Add(token.Leeway - 1), ""},
		{end.Add(token.Leeway), "TOKEN_EXPIRED: the access token has expired: connect again, and use renewAccess in time"},
		{end.Add(token.Leeway), "TOKEN_EXPIRED: the access token has expired: connect again, and use renewAccess in time"},
	} {
		clock.Set(step.at)
		if _, err := tokens.Access(raw); outcome(t, err) != step.want {
			t.Errorf("at %v: %v, want %q", step.at, err, step.want)
		}
	}
}

func BenchmarkAccess(b *testing.B) {
	mint := func(b *testing.B, tokens *token.Tokens, i int) string {
		raw, err := tokens.MintAccess(session.AccessGrant{SessionID: "standup", ConnectionID: fmt.Sprintf("c-%d", i),
			Role: session.RolePublisher, ExpiresAt: start.Add(time.Hour)})
		if err != nil {
			b.Fatal(err)
		}
		return raw
	}
	access := func(b *testing.B, tokens *token.Tokens, raw string) {
		if g, err := tokens.Access(raw); err != nil || g.SessionID != "standup" {
			b.Fatal(g, err)
		}
	}
	b.Run("remembered", func(b *testing.B) {
		tokens, _ := mustNew(b)
		raw := mint(b, tokens, 0)
		b.ReportAllocs()
		for b.Loop() {
			access(b, tokens, raw)
		}
	})
	b.Run("first", func(b *testing.B) {
		tokens, _ := mustNew(b)
		raws := make([]string, 64<<10) // four times as many as are remembered, so that each is forgotten when its turn comes
		for i := range raws {
			raws[i] = mint(b, tokens, i)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			access(b, tokens, raws[i%len(raws)])
		}
	})
}
