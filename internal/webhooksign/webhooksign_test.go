package webhooksign

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSign signs the example that the specification's own libraries are tested with.
func TestSign(t *testing.T) {
	secret, err := Parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	secret.Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	for name, want := range map[string]string{HeaderID: "msg_p5jXN8AQM9LWM0D4loKWxJek", HeaderTimestamp: "1614265330",
		HeaderSignature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestSecret: a new secret is read back, two differ, and every other text is refused without being quoted.
func TestSecret(t *testing.T) {
	secret, other := NewSecret(), NewSecret()
	if read, err := Parse(secret.Text()); err != nil || read.Text() != secret.Text() || secret.Text() == other.Text() {
		t.Errorf("%v, %v", read.Text() == secret.Text(), err)
	}
	for text, want := range map[string]string{
		"":                                   `begin with "whsec_"`,
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":   `begin with "whsec_"`,
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2Là": "base64",
		"whsec_" + strings.Repeat("A", 28):   "24 to 64 bytes, but holds 21",
		"whsec_" + strings.Repeat("A", 88):   "24 to 64 bytes, but holds 66",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestSecretIsHidden: no way to print or log a secret shows it.
func TestSecretIsHidden(t *testing.T) {
	secret := NewSecret()
	hidden := strings.TrimPrefix(secret.Text(), "whsec_")
	var b bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&b, nil))
	log.Info("x", "secret", secret)
	for _, format := range []string{"%v", "%+v", "%s", "%#v", "%q"} {
		fmt.Fprintf(&b, format, secret)
		fmt.Fprintf(&b, format, struct{ Secret Secret }{secret})
	}
	if strings.Contains(b.String(), hidden[:8]) || strings.Contains(b.String(), "0x") {
		t.Errorf("%s is in %s", hidden, b.String())
	}
}
