package token_test

import (
	"strings"
	"testing"
	"time"

	"chattok/session"
	"chattok/token"
)

const (
	older  = "the secret before, 32 bytes at least"
	oldest = "the one before that, 32 bytes as well"
)

// rotated returns Tokens of secret, beside which older and oldest count.
func rotated(t *testing.T) *token.Tokens {
	t.Helper()
	tokens, err := token.NewTokens(token.Config{Secret: []byte(secret), Old: [][]byte{[]byte(older), []byte(oldest)}, Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// TestOldSecrets: all that a secret verifies, an older one verifies too, and no other does.
func TestOldSecrets(t *testing.T) {
	const wrong = "'s signature is wrong: it is altered, or signed with another secret"
	for name, c := range map[string]struct {
		secret string
		good   bool
	}{
		"present": {secret, true}, "older": {older, true}, "oldest": {oldest, true}, "another": {strings.ToUpper(older), false},
	} {
		tokens := rotated(t)
		if got := tokens.IsSecret(c.secret); got != c.good {
			t.Errorf("%s: IsSecret says %v", name, got)
		}
		if _, isSecret, _ := tokens.Bearer(c.secret); isSecret != c.good {
			t.Errorf("%s: Bearer says %v", name, isSecret)
		}
		wantAccess, wantSession := "", ""
		if !c.good {
			wantAccess, wantSession = "TOKEN_INVALID: the access token"+wrong, "TOKEN_INVALID: the session token"+wrong
		}
		access := sign(c.secret, hs256, accessWith(nil))
		for range 2 { // the second time from memory, where it is good
			if _, err := tokens.Access(access); outcome(t, err) != wantAccess {
				t.Errorf("%s: access: %v", name, err)
			}
		}
		if _, err := tokens.Session(t.Context(), sign(c.secret, hs256, sessionWith(nil))); outcome(t, err) != wantSession {
			t.Errorf("%s: session: %v", name, err)
		}
		expired := sign(c.secret, hs256, accessWith(map[string]any{"exp": 1}))
		if _, err := tokens.Access(expired); c.good && !strings.HasPrefix(outcome(t, err), token.ReasonExpired) {
			t.Errorf("%s: expired: %v", name, err)
		}
	}
}

// TestNewTokensAreOfThePresentSecret: an older secret signs nothing, and changes no digest.
func TestNewTokensAreOfThePresentSecret(t *testing.T) {
	tokens := rotated(t)
	alone, _ := mustNew(t)
	access, err := tokens.MintAccess(session.AccessGrant{SessionID: "s", ConnectionID: "c", Role: session.RolePublisher, ExpiresAt: start.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	admitted, err := tokens.MintSession(session.SessionGrant{SessionID: "s", Role: session.RolePublisher, ExpiresAt: start.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alone.Access(access); err != nil {
		t.Error(err)
	}
	if _, err := alone.Session(t.Context(), admitted); err != nil {
		t.Error(err)
	}
	if tokens.SessionDigest(admitted) != alone.SessionDigest(admitted) {
		t.Error("the digest is of another secret")
	}
}

func TestOldSecretsAreLongToo(t *testing.T) {
	_, err := token.NewTokens(token.Config{Secret: []byte(secret), Old: [][]byte{[]byte(older), []byte(oldest[:31])}})
	if want := "CHATTOK_API_SECRET_OLD: secret 2 must be at least 32 bytes, but is 31"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestOverlapOnManyNodes: while the secret is replaced node by node, each node accepts what every other signs, at each step.
func TestOverlapOnManyNodes(t *testing.T) {
	with := func(present string, old ...string) *token.Tokens {
		t.Helper()
		c := token.Config{Secret: []byte(present), Now: func() time.Time { return start }}
		for _, one := range old {
			c.Old = append(c.Old, []byte(one))
		}
		tokens, err := token.NewTokens(c)
		if err != nil {
			t.Fatal(err)
		}
		return tokens
	}
	// Before, after each of the steps of docs/operations.md, and in the end.
	steps := []*token.Tokens{with(older), with(older, secret), with(secret, older), with(secret)}
	for i, signer := range steps {
		raw, err := signer.MintAccess(session.AccessGrant{SessionID: "s", ConnectionID: "c", Role: session.RolePublisher, ExpiresAt: start.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		for j, verifier := range steps {
			_, err := verifier.Access(raw)
			if beside := i-j >= -1 && i-j <= 1; beside && err != nil {
				t.Errorf("signed in step %d, verified in step %d: %v", i, j, err)
			}
		}
	}
	if first, err := steps[0].MintAccess(session.AccessGrant{SessionID: "s", ConnectionID: "c", Role: session.RolePublisher, ExpiresAt: start.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	} else if _, err := steps[2].Access(first); err != nil {
		t.Error(err)
	} else if _, err := steps[3].Access(first); err == nil {
		t.Error("the old secret counts in the end")
	}
}
