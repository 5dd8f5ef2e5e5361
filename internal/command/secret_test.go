package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chattok/internal/config"
)

// TestOldSecrets: older secrets that make no sense are refused, by their number and without a letter of them.
func TestOldSecrets(t *testing.T) {
	const present, other, third = "hunter2 hunter2 hunter2 hunter2 1", "hunter2 hunter2 hunter2 hunter2 2", "hunter2 hunter2 hunter2 hunter2 3"
	t.Setenv(config.SecretVariable, present)
	for old, want := range map[string]string{
		"hunter2":                          "CHATTOK_API_SECRET_OLD: secret 1 must be at least 32 bytes, but is 7",
		other + ", hunter2":                "CHATTOK_API_SECRET_OLD: secret 2 must be at least 32 bytes, but is 7",
		present:                            "CHATTOK_API_SECRET_OLD: secret 1 is the present one",
		other + "," + present:              "CHATTOK_API_SECRET_OLD: secret 2 is the present one",
		other + "," + third + ", " + other: "CHATTOK_API_SECRET_OLD: secret 3 is the same as secret 1",
		" , ":                              "CHATTOK_API_SECRET_OLD names no secret",
		strings.Repeat(other+",", 9):       "CHATTOK_API_SECRET_OLD must have at most 8 secrets, but has 9",
	} {
		t.Setenv(config.OldSecretVariable, old)
		code, stdout, stderr := run(t)
		if code != 1 || !strings.Contains(stderr, want) || strings.Contains(stdout+stderr, "hunter2") {
			t.Errorf("exit %d, %q, %q; want %q", code, stdout, stderr, want)
		}
	}
	t.Setenv(config.OldSecretVariable, other+", "+third)
	if code, stdout, stderr := run(t, "secret", "-database", filepath.Join(t.TempDir(), "none.db")); code != 0 || stdout != present+"\n" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

// TestOldSecretOfTheDatabase: the secret that the database keeps can't be present and old at once either.
func TestOldSecretOfTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if code, _, stderr := run(t, "migrate", "-database", path); code != 0 {
		t.Fatal(stderr)
	}
	_, made, _ := run(t, "secret", "-database", path)
	made = strings.TrimSpace(made)
	t.Setenv(config.OldSecretVariable, made)
	code, stdout, stderr := run(t, "-database", path, "-addr", "127.0.0.1:0")
	if code != 1 || !strings.Contains(stderr, "CHATTOK_API_SECRET_OLD: secret 1 is the present one") || strings.Contains(stdout+stderr, made) {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

// TestTokenKeysFile: a server does not start with a file of keys that it can't use, and shows nothing of it.
func TestTokenKeysFile(t *testing.T) {
	folder := t.TempDir()
	start := func(file string) (code int, stdout, stderr string) {
		return run(t, "-database", filepath.Join(folder, "a.db"), "-addr", "127.0.0.1:0", "-token-keys", file)
	}
	if code, _, stderr := start(filepath.Join(folder, "none.json")); code != 1 || !strings.Contains(stderr, "CHATTOK_TOKEN_KEYS: stat ") || !strings.Contains(stderr, "none.json: no such file") {
		t.Errorf("exit %d, %q", code, stderr)
	}
	for text, want := range map[string]string{
		"hunter2":                                "CHATTOK_TOKEN_KEYS: it is not JSON",
		`{"keys":[{"kty":"oct","k":"hunter2"}]}`: "CHATTOK_TOKEN_KEYS: it has no usable key, which is RSA of 2048 bits at least, P-256 or Ed25519: key 1 is a shared secret (oct)",
	} {
		file := filepath.Join(folder, "keys.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, stdout, stderr := start(file); code != 1 || !strings.Contains(stderr, want) || strings.Contains(stdout+stderr, "hunter2") {
			t.Errorf("exit %d, %q, %q; want %q", code, stdout, stderr, want)
		}
	}
}
