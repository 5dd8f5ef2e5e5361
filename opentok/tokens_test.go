package opentok_test

import (
	"crypto/hmac"
	"crypto/sha1" // #nosec G505: HMAC-SHA1 is what these tokens are signed with
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"net/url"
	"strings"
	"testing"
	"time"

	"chattok/opentok"
	"chattok/session"
	"chattok/token"
)

const (
	key    = "4567890"
	secret = "0123456789abcdef0123456789abcdef01234567"
	older  = "the secret before, which still counts, too"
	room   = "1_MX40NTY3ODkwfn4xNzY5ODYwODAwMDAwflFRfg"
)

var start = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func newTokens(tb testing.TB) *opentok.Tokens {
	tb.Helper()
	tokens, err := opentok.NewTokens(key, [][]byte{[]byte(secret), []byte(older)}, func() time.Time { return start })
	if err != nil {
		tb.Fatal(err)
	}
	return tokens
}

func mac(h func() hash.Hash, key, text string) []byte {
	m := hmac.New(h, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signJWT makes a JWT as a library does, without this package and its library.
func signJWT(key, header string, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	text := encode([]byte(header)) + "." + encode(payload)
	return text + "." + encode(mac(sha256.New, key, text))
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

// with returns claims with some replaced; nil leaves one out.
func with(claims, replaced map[string]any) map[string]any {
	all := map[string]any{}
	for name, value := range claims {
		all[name] = value
	}
	for name, value := range replaced {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// sessionClaims are those that npm's library writes.
func sessionClaims(replaced map[string]any) map[string]any {
	return with(map[string]any{"iss": key, "ist": "project", "iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
		"session_id": room, "create_time": start.Unix(), "expire_time": start.Add(time.Hour).Unix(), "nonce": 0.5,
		"role": "publisher", "initial_layout_class_list": "", "scope": "session.connect"}, replaced)
}

func authorityClaims(replaced map[string]any) map[string]any {
	return with(map[string]any{"iss": key, "ist": "project", "iat": start.Unix(), "exp": start.Add(5 * time.Minute).Unix()}, replaced)
}

// signT1 makes a token of the older form.
func signT1(head, secret string, fields map[string]string) string {
	values := url.Values{}
	for name, value := range fields {
		values.Set(name, value)
	}
	return signT1Text(head, secret, values.Encode())
}

func signT1Text(head, secret, signed string) string {
	sig := hex.EncodeToString(mac(sha1.New, secret, signed))
	return "T1==" + base64.StdEncoding.EncodeToString([]byte(head+"&sig="+sig+":"+signed))
}

func t1Fields(replaced map[string]string) map[string]string {
	all := map[string]string{"session_id": room, "create_time": "1769860800", "expire_time": "1769864400", "nonce": "123", "role": "publisher"}
	for name, value := range replaced {
		if all[name] = value; value == "-" {
			delete(all, name)
		}
	}
	return all
}

// outcome returns what a token is taken for: "another" for one of another form, a refusal's reason and message, or the grant.
func outcome(t *testing.T, tokens *opentok.Tokens, raw string) string {
	t.Helper()
	grant, _, ok, err := tokens.Session(raw)
	switch e, known := errors.AsType[*session.Error](err); {
	case !ok && err == nil:
		return "another"
	case known && e.Code == session.CodeUnauthenticated && e.Err == nil:
		return e.Reason + ": " + e.Message
	case err != nil:
		t.Fatalf("not a plain UNAUTHENTICATED: %#v", err)
	}
	if !grant.MakeSession || grant.UserID != nil {
		t.Errorf("grant %+v", grant)
	}
	data := "none"
	if grant.Data != nil {
		data = *grant.Data
	}
	return grant.SessionID + " " + string(grant.Role) + " " + data + " " + grant.ExpiresAt.Format(time.RFC3339)
}

const refused = "TOKEN_INVALID: the OpenTok token is refused: "

const expiredText = "TOKEN_EXPIRED: the OpenTok token has expired: ask whoever issued it for a new one"

func TestSessionJWT(t *testing.T) {
	tokens := newTokens(t)
	const ends = " 2026-01-31T13:00:00Z"
	long := strings.Repeat("字", 1000)
	for name, c := range map[string]struct {
		replaced map[string]any
		want     string
	}{
		"publisher":            {nil, room + " PUBLISHER none" + ends},
		"subscriber":           {map[string]any{"role": "subscriber"}, room + " SUBSCRIBER none" + ends},
		"publisheronly":        {map[string]any{"role": "publisheronly"}, room + " PUBLISHER_ONLY none" + ends},
		"moderator":            {map[string]any{"role": "moderator"}, room + " MODERATOR none" + ends},
		"no role":              {map[string]any{"role": nil}, room + " PUBLISHER none" + ends},
		"another role":         {map[string]any{"role": "PUBLISHER"}, refused + "its role must be subscriber, publisher, publisheronly or moderator"},
		"data":                 {map[string]any{"connection_data": long}, room + " PUBLISHER " + long + ends},
		"data of 4,097 bytes":  {map[string]any{"connection_data": strings.Repeat("x", 4097)}, refused + "data must be at most 4096 bytes, but is 4097"},
		"data with U+0000":     {map[string]any{"connection_data": "\x00"}, refused + "data must not contain U+0000"},
		"empty data":           {map[string]any{"connection_data": ""}, room + " PUBLISHER none" + ends},
		"data that is a list":  {map[string]any{"connection_data": []int{1}}, refused + "it is malformed"},
		"key as a number":      {map[string]any{"iss": 4567890}, room + " PUBLISHER none" + ends},
		"another key":          {map[string]any{"iss": "4567891"}, refused + "its issuer (iss) is another API key"},
		"no key":               {map[string]any{"iss": nil}, refused + "its issuer (iss) is another API key"},
		"account":              {map[string]any{"ist": "account"}, refused + "its issuer's type (ist) must be project"},
		"no scope":             {map[string]any{"scope": nil}, refused + "its scope must be session.connect"},
		"another scope":        {map[string]any{"scope": "session.read"}, refused + "its scope must be session.connect"},
		"no session":           {map[string]any{"session_id": nil}, refused + "it names no session (session_id)"},
		"session with a slash": {map[string]any{"session_id": "a/b"}, refused + "sessionId may have only the characters A-Z, a-z, 0-9, '-', '_', '~' and '.'"},
		"empty session":        {map[string]any{"session_id": ""}, refused + "sessionId must be 1 to 128 bytes, but is 0"},
		"audience":             {map[string]any{"aud": "chattok:session"}, "another"},
		"no expiry":            {map[string]any{"exp": nil}, refused + "it must have an expiry (exp)"},
		"expired, in leeway":   {map[string]any{"exp": start.Add(-29 * time.Second).Unix()}, room + " PUBLISHER none 2026-01-31T11:59:31Z"},
		"expired":              {map[string]any{"exp": start.Add(-30 * time.Second).Unix()}, expiredText},
		"year 10000":           {map[string]any{"exp": 253402300800}, refused + "its expiry must be in seconds since 1970"},
		"not yet, in leeway":   {map[string]any{"nbf": start.Add(30 * time.Second).Unix()}, room + " PUBLISHER none" + ends},
		"not yet":              {map[string]any{"nbf": start.Add(31 * time.Second).Unix()}, refused + "it is not valid yet (nbf, iat): compare the clocks"},
		"issued later":         {map[string]any{"iat": start.Add(31 * time.Second).Unix()}, refused + "it is not valid yet (nbf, iat): compare the clocks"},
	} {
		if got := outcome(t, tokens, signJWT(secret, hs256, sessionClaims(c.replaced))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSessionJWTSignatures(t *testing.T) {
	tokens := newTokens(t)
	const wrong = refused + "its signature is wrong: it is altered, or signed with another secret, or not with HS256"
	claims := sessionClaims(nil)
	good := signJWT(secret, hs256, claims)
	none := encode([]byte(`{"alg":"none"}`)) + "." + strings.Split(good, ".")[1] + "."
	for name, c := range map[string]struct{ raw, want string }{
		"the older secret": {signJWT(older, hs256, claims), room + " PUBLISHER none 2026-01-31T13:00:00Z"},
		"another secret":   {signJWT(secret+"0", hs256, claims), wrong},
		"HS512 by header":  {signJWT(secret, `{"alg":"HS512"}`, claims), wrong},
		"none":             {none, wrong},
		"crit":             {signJWT(secret, `{"alg":"HS256","crit":["x"],"x":1}`, claims), refused + "it has a crit header, which is not supported"},
		"a line break":     {good + "\n", refused + "it is malformed"},
		"two parts":        {good[:strings.LastIndexByte(good, '.')], "another"},
		"a lone surrogate": {strings.Replace(signJWT(secret, hs256, sessionClaims(nil)), "", "", 1), room + " PUBLISHER none 2026-01-31T13:00:00Z"},
		"too long":         {signJWT(secret, hs256, sessionClaims(map[string]any{"x": strings.Repeat("x", opentok.MaxTokenBytes)})), "another"},
		"empty":            {"", "another"},
	} {
		if got := outcome(t, tokens, c.raw); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	lone := encode([]byte(hs256)) + "." + encode([]byte(`{"iss":"4567890","ist":"project","exp":1769864400,"session_id":"s","scope":"session.connect","connection_data":"\ud800"}`))
	lone += "." + encode(mac(sha256.New, secret, lone))
	if got := outcome(t, tokens, lone); got != refused+"it is malformed" {
		t.Errorf("half of a surrogate pair: %q", got)
	}
}

func TestSessionT1(t *testing.T) {
	tokens := newTokens(t)
	const head, ends = "partner_id=" + key, " 2026-01-31T13:00:00Z"
	const wrong = refused + "its signature is wrong: it is altered, or signed with another secret, or of another API key"
	long := strings.Repeat("字", 1000)
	for name, c := range map[string]struct {
		replaced map[string]string
		want     string
	}{
		"publisher":           {nil, room + " PUBLISHER none" + ends},
		"subscriber":          {map[string]string{"role": "subscriber"}, room + " SUBSCRIBER none" + ends},
		"publisheronly":       {map[string]string{"role": "publisheronly"}, room + " PUBLISHER_ONLY none" + ends},
		"moderator":           {map[string]string{"role": "moderator"}, room + " MODERATOR none" + ends},
		"another role":        {map[string]string{"role": "admin"}, refused + "its role must be subscriber, publisher, publisheronly or moderator"},
		"no role":             {map[string]string{"role": "-"}, room + " PUBLISHER none" + ends},
		"data":                {map[string]string{"connection_data": long + ":&=+%"}, room + " PUBLISHER " + long + ":&=+%" + ends},
		"data of 4,097 bytes": {map[string]string{"connection_data": strings.Repeat("x", 4097)}, refused + "data must be at most 4096 bytes, but is 4097"},
		"broken data":         {map[string]string{"connection_data": "\xff"}, refused + "data must be valid UTF-8"},
		"no session":          {map[string]string{"session_id": "-"}, refused + "it names no session (session_id)"},
		"no expiry":           {map[string]string{"expire_time": "-"}, room + " PUBLISHER none 2026-02-01T12:00:00Z"},
		"empty expiry":        {map[string]string{"expire_time": ""}, room + " PUBLISHER none 2026-02-01T12:00:00Z"},
		"no times":            {map[string]string{"expire_time": "-", "create_time": "-"}, refused + "it must have an expiry (expire_time)"},
		"a fraction":          {map[string]string{"expire_time": "1769864400.75"}, room + " PUBLISHER none" + ends},
		"expired, in leeway":  {map[string]string{"expire_time": "1769860771"}, room + " PUBLISHER none 2026-01-31T11:59:31Z"},
		"expired":             {map[string]string{"expire_time": "1769860770"}, expiredText},
		"no number":           {map[string]string{"expire_time": "soon"}, refused + "its expire_time must be in seconds since 1970"},
		"negative":            {map[string]string{"expire_time": "-1"}, refused + "its expire_time must be in seconds since 1970"},
		"year 10000":          {map[string]string{"expire_time": "253402300800"}, refused + "its expire_time must be in seconds since 1970"},
		"made later":          {map[string]string{"create_time": "1769860831"}, refused + "it is not valid yet (create_time): compare the clocks"},
	} {
		if got := outcome(t, tokens, signT1(head, secret, t1Fields(c.replaced))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	good, fields := room+" PUBLISHER none"+ends, t1Fields(nil)
	signed := url.Values{"session_id": {room}, "expire_time": {"1769864400"}}.Encode()
	sig := hex.EncodeToString(mac(sha1.New, secret, signed))
	raw := func(text string) string { return "T1==" + base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, c := range map[string]struct{ raw, want string }{
		"the older secret":     {signT1(head, older, fields), good},
		"another secret":       {signT1(head, secret+"0", fields), wrong},
		"another key":          {signT1("partner_id=1", secret, fields), wrong},
		"no key":               {signT1("x=1", secret, fields), wrong},
		"the key twice":        {signT1(head+"&"+head, secret, fields), wrong},
		"a library's version":  {signT1(head+"&sdk_version=tbphp-v0.91", secret, fields), good},
		"in capitals":          {raw(head + "&sig=" + strings.ToUpper(sig) + ":" + signed), good},
		"in some capitals":     {raw(head + "&sig=" + strings.ToUpper(sig[:20]) + sig[20:] + ":" + signed), wrong},
		"no signature":         {raw(head + ":" + signed), wrong},
		"two signatures":       {raw(head + "&sig=" + sig + "&sig=" + sig + ":" + signed), wrong},
		"no colon":             {raw(head + "&sig=" + sig), refused + "it is malformed"},
		"Java's alphabet":      {strings.NewReplacer("+", "-", "/", "_").Replace(signT1(head, secret, t1Fields(map[string]string{"connection_data": "~~~~~~"}))), room + " PUBLISHER ~~~~~~" + ends},
		"a line break":         {signT1(head, secret, fields) + "\n", refused + "it is malformed"},
		"no base64":            {"T1==!", refused + "it is malformed"},
		"nothing":              {"T1==", refused + "it is malformed"},
		"a field twice":        {signT1Text(head, secret, signed+"&role=moderator&role=publisher"), refused + "it has role twice"},
		"a broken field":       {signT1Text(head, secret, signed+"&role=%zz"), refused + "its fields can't be read"},
		"too long":             {"T1==" + strings.Repeat("A", opentok.MaxTokenBytes), refused + "it is longer than 54272 bytes"},
		"a token of ChatTok's": {chatTokToken(t), "another"},
	} {
		if got := outcome(t, tokens, c.raw); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func chatTokToken(tb testing.TB) string {
	tb.Helper()
	tokens, err := token.New([]byte(secret), func() time.Time { return start })
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := tokens.MintSession(session.SessionGrant{SessionID: room, Role: session.RoleModerator, ExpiresAt: start.Add(time.Hour)})
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// No token is good with one of its characters altered, whichever that is and whatever it becomes.
func TestAlteredTokens(t *testing.T) {
	tokens := newTokens(t)
	own, err := token.New([]byte(secret), func() time.Time { return start })
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{signJWT(secret, hs256, sessionClaims(nil)), signT1("partner_id="+key, secret, t1Fields(nil))} {
		if _, _, ok, err := tokens.Session(raw); !ok || err != nil {
			t.Fatal(ok, err)
		}
		for i := range raw {
			for _, c := range "Aabz09-_+/=.~ \n" {
				altered := raw[:i] + string(c) + raw[i+1:]
				if altered == raw {
					continue
				}
				if _, _, ok, err := tokens.Session(altered); ok && err == nil {
					t.Errorf("%q at %d: accepted", c, i)
				} else if !ok { // ChatTok's own reader decides
					if _, err := own.Session(t.Context(), altered); err == nil {
						t.Errorf("%q at %d: accepted as ChatTok's", c, i)
					}
				}
			}
		}
	}
}

func TestNewTokensRefusesKeys(t *testing.T) {
	for _, bad := range []string{"", "a~b", "a/b", "ä", " 1", strings.Repeat("1", 49)} {
		if _, err := opentok.NewTokens(bad, [][]byte{[]byte(secret)}, nil); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
	for _, good := range []string{"1", "46000000", "d8c1d8ba-3f5d-4c53-9f6a-1f2f3a4b5c6d", strings.Repeat("1", 48)} {
		if _, err := opentok.NewTokens(good, [][]byte{[]byte(secret)}, nil); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	if _, err := opentok.NewTokens("1", nil, nil); err == nil {
		t.Error("no secret passed")
	}
}
