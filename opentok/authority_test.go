package opentok_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chattok/opentok"
	"chattok/session"
)

// failing is a Domain whose calls fail with err, and of which no other method is called.
type failing struct {
	opentok.Domain
	err error
}

func (f failing) In(_ context.Context, c session.Caller, sessionID *string) (session.Caller, error) {
	c.SessionID = *sessionID
	return c, nil
}

func (f failing) SendSignal(context.Context, session.Caller, session.Signal) (*session.Signal, error) {
	return nil, f.err
}

func ask(t *testing.T, h http.Handler, method, path, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for name, value := range header {
		r.Header.Set(name, value)
	}
	if !opentok.Handles(r) {
		t.Fatalf("%s %s is not handled", method, path)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAuthority(t *testing.T) {
	h := opentok.New(opentok.Config{Tokens: newTokens(t)})
	signed := func(replaced map[string]any) map[string]string {
		return map[string]string{"X-OPENTOK-AUTH": signJWT(secret, hs256, authorityClaims(replaced))}
	}
	second := func(n int64) int64 { return start.Unix() + n }
	for name, c := range map[string]struct {
		header map[string]string
		known  bool
	}{
		"a token":                   {signed(nil), true},
		"a number for the key":      {signed(map[string]any{"iss": 4567890}), true},
		"of the older secret":       {map[string]string{"X-OPENTOK-AUTH": signJWT(older, hs256, authorityClaims(nil))}, true},
		"of another secret":         {map[string]string{"X-OPENTOK-AUTH": signJWT(secret+"0", hs256, authorityClaims(nil))}, false},
		"of 300 s":                  {signed(map[string]any{"exp": second(300)}), true},
		"of 301 s":                  {signed(map[string]any{"exp": second(301)}), false},
		"expired, in leeway":        {signed(map[string]any{"iat": second(-329), "exp": second(-29)}), true},
		"expired":                   {signed(map[string]any{"iat": second(-330), "exp": second(-30)}), false},
		"issued later, in leeway":   {signed(map[string]any{"iat": second(30), "exp": second(330)}), true},
		"issued later":              {signed(map[string]any{"iat": second(31), "exp": second(331)}), false},
		"without iat":               {signed(map[string]any{"iat": nil}), false},
		"without exp":               {signed(map[string]any{"exp": nil}), false},
		"without ist":               {signed(map[string]any{"ist": nil}), false},
		"of an account":             {signed(map[string]any{"ist": "account"}), false},
		"of another key":            {signed(map[string]any{"iss": "1"}), false},
		"with a scope":              {signed(map[string]any{"scope": "session.connect"}), false},
		"with an empty scope":       {signed(map[string]any{"scope": ""}), false},
		"with a session":            {signed(map[string]any{"session_id": room}), false},
		"with an audience":          {signed(map[string]any{"aud": "chattok:session"}), false},
		"with a list of audiences":  {signed(map[string]any{"aud": []string{}}), false},
		"a participant's":           {map[string]string{"X-OPENTOK-AUTH": signJWT(secret, hs256, sessionClaims(map[string]any{"exp": second(60)}))}, false},
		"ChatTok's":                 {map[string]string{"X-OPENTOK-AUTH": chatTokToken(t)}, false},
		"a pair":                    {map[string]string{"X-TB-PARTNER-AUTH": key + ":" + secret}, true},
		"a pair of the older":       {map[string]string{"X-TB-PARTNER-AUTH": key + ":" + older}, true},
		"a pair of another":         {map[string]string{"X-TB-PARTNER-AUTH": key + ":" + secret + "0"}, false},
		"a pair with a space":       {map[string]string{"X-TB-PARTNER-AUTH": key + ": " + secret}, false},
		"the secret alone":          {map[string]string{"X-TB-PARTNER-AUTH": secret}, false},
		"nothing":                   {nil, false},
		"a pair beside a bad token": {map[string]string{"X-TB-PARTNER-AUTH": key + ":" + secret, "X-OPENTOK-AUTH": "x"}, false},
		"a pair, from a page":       {map[string]string{"X-TB-PARTNER-AUTH": key + ":" + secret, "Origin": "https://page.example"}, false},
	} {
		// A path that is not here is refused after the caller is known, so 501 says that it is.
		w := ask(t, h, http.MethodGet, "/v2/project/"+key+"/archive", "", c.header)
		want := http.StatusForbidden
		if c.known {
			want = http.StatusNotImplemented
		}
		if w.Code != want {
			t.Errorf("%s: %d, want %d", name, w.Code, want)
		}
		if w := ask(t, h, http.MethodGet, "/v2/project/other/archive", "", c.header); w.Code != http.StatusForbidden {
			t.Errorf("%s, for another key's project: %d", name, w.Code)
		}
	}
}

// Failures of the domain are answered with its message, those of the server itself with none of theirs.
func TestFailures(t *testing.T) {
	pair := map[string]string{"X-TB-PARTNER-AUTH": key + ":" + secret}
	for _, c := range []struct {
		err          error
		status       int
		message, log string
	}{
		{session.Errorf(session.CodeNotFound, "to is not there"), 404, "to is not there", ""},
		{session.Errorf(session.CodeBadUserInput, "bad"), 400, "bad", ""},
		{session.Errorf(session.CodeRateLimited, "later").WithRetryAfter(1500 * time.Millisecond), 429, "later", ""},
		{session.Unavailable(errors.New("a cause")), 503, "the server can't do this right now; try again", "a cause"},
		{errors.New("a cause"), 500, "internal error", "a cause"},
	} {
		var log bytes.Buffer
		h := opentok.New(opentok.Config{Tokens: newTokens(t), Domain: failing{err: c.err}, Log: slog.New(slog.NewTextHandler(&log, nil))})
		w := ask(t, h, http.MethodPost, "/v2/project/"+key+"/session/s/signal", `{"data":"x"}`, pair)
		var body struct {
			Code    int
			Message string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != c.status || body.Code != c.status || body.Message != c.message {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
		if got := w.Header().Get("Retry-After"); (got == "2") != (c.status == 429) {
			t.Errorf("%v: Retry-After %q", c.err, got)
		}
		if !strings.Contains(log.String(), c.log) || (c.log == "") != (log.Len() == 0) || strings.Contains(log.String(), secret) {
			t.Errorf("%v: the log has %s", c.err, &log)
		}
	}
}

// Handles tells the paths of the REST API, whatever stands before them, from all others.
func TestHandles(t *testing.T) {
	for path, want := range map[string]bool{
		"/session/create": true, "/session/create/": true, "//session/create": true, "/hl/session/create": true, "/a/b/session/create": true,
		"/v2/project/1/archive": true, "/v2/partner/1/archive": true, "/chat/v2/project/1/session/s/stream/": true, "//v2/project/1/x": true,
		"/v2/project/1": false, "/v2/project": false, "/v2/project/": false, "/graphql": false, "/session/created": false, "/": false,
	} {
		if got := opentok.Handles(httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil)); got != want {
			t.Errorf("POST %s: %v", path, got)
		}
	}
	if opentok.Handles(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/session/create", nil)) {
		t.Error("GET /session/create is a page's")
	}
}
