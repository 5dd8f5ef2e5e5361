package webhooksign

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Secrets sign a message each, so that a receiver may go over from one secret to the next.
type Secrets []Secret

// ParseSecrets reads secrets as Text writes them, with commas between them. There is one at least. Errors do not quote them.
func ParseSecrets(text string) (all Secrets, err error) {
	for part := range strings.SplitSeq(text, ",") {
		secret, err := Parse(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("a secret %w", err)
		}
		all = append(all, secret)
	}
	return all, nil
}

// Sign is Secret.Sign with the signatures of all secrets, in order.
func (s Secrets) Sign(h http.Header, id string, at time.Time, body []byte) {
	signatures := make([]string, len(s))
	for i, secret := range s {
		secret.Sign(h, id, at, body)
		signatures[i] = h.Get(HeaderSignature)
	}
	h.Set(HeaderSignature, strings.Join(signatures, " "))
}

// NewID returns the id of a new message.
func NewID() string { return "msg_" + rand.Text() }
