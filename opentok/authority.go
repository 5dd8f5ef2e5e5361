package opentok

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"time"
)

// The headers by which a library shows that it has the API secret.
const (
	authHeader    = "X-Opentok-Auth"    // a JWT
	partnerHeader = "X-Tb-Partner-Auth" // key:secret, of libraries until 2016
)

// maxAuthority is how long a token in authHeader may last, from iat to exp.
const maxAuthority = 300 * time.Second

// errUnknown is the answer to a request that does not show the API secret. It is the same for every fault, so that nobody learns
// how near an attempt was; the documentation says what is asked for.
var errUnknown = refusal{http.StatusForbidden, "Invalid API key or secret"}

// authorize checks that a request comes from the holder of the API secret. Browsers send an Origin with such requests: a page
// has no business with the secret, and is refused whatever it shows.
func (t *Tokens) authorize(r *http.Request, at place) error {
	if len(r.Header["Origin"]) > 0 {
		return refusal{http.StatusForbidden, "requests of web pages are refused: the API secret is for servers alone"}
	}
	if !at.create && at.key != t.key {
		return errUnknown
	}
	tokens, pairs := r.Header[authHeader], r.Header[partnerHeader]
	switch {
	case len(tokens) == 1 && len(pairs) == 0 && t.isAuthority(tokens[0]):
		return nil
	case len(pairs) == 1 && len(tokens) == 0 && t.isPair(pairs[0]):
		return nil
	}
	return errUnknown
}

// isPair says whether a text is the key and a secret. The time it takes reveals nothing of the secret.
func (t *Tokens) isPair(text string) bool {
	found := 0
	given := sha256.Sum256([]byte(text))
	for _, secret := range t.secrets {
		pair := sha256.Sum256([]byte(t.key + ":" + string(secret)))
		found |= subtle.ConstantTimeCompare(given[:], pair[:])
	}
	return found == 1
}
