package webhooksign

import (
	"net/http"
	"testing"
	"time"
)

// TestSecretsSign: a message carries a signature of each secret, in order.
func TestSecretsSign(t *testing.T) {
	old, next := NewSecret().Text(), NewSecret().Text()
	signature := func(text string) string {
		secrets, err := ParseSecrets(text)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{}
		secrets.Sign(header, "msg_1", time.Unix(1, 0), []byte("body"))
		return header.Get(HeaderSignature)
	}
	if got, want := signature(next+", "+old), signature(next)+" "+signature(old); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for text, want := range map[string]string{"": `a secret must begin with "whsec_"`, old + ",": `a secret must begin with "whsec_"`,
		old + ",whsec_aHVudGVyMg==": "a secret must hold 24 to 64 bytes, but holds 7"} {
		if _, err := ParseSecrets(text); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
