package opentok

import (
	"crypto/hmac"
	"crypto/sha1" // #nosec G505: HMAC-SHA1 is what these tokens are signed with
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chattok/session"
	"chattok/token"
)

// sentinel begins a participant's token of the older form. After it comes, in base64,
//
//	partner_id=KEY&sig=HEX:session_id=…&create_time=…&expire_time=…&role=…&connection_data=…
//
// where HEX is the HMAC-SHA1 of everything after the first colon.
const sentinel = "T1=="

// t1Lifetime is how long after its create_time a token without an expire_time lasts.
const t1Lifetime = 24 * time.Hour

// sessionT1 returns the grant of a token of the older form, and its signed part.
func (t *Tokens) sessionT1(raw string) (grant session.SessionGrant, signed string, err error) {
	head, signed, ok := decodeT1(raw)
	if !ok {
		return grant, "", invalid("it is malformed")
	}
	if !t.signedT1(head, signed) {
		return grant, "", invalid("its signature is wrong: it is altered, or signed with another secret, or of another API key")
	}
	fields, err := url.ParseQuery(signed)
	if err != nil {
		return grant, "", invalid("its fields can't be read")
	}
	for _, name := range []string{"session_id", "role", "connection_data", "create_time", "expire_time"} {
		if len(fields[name]) > 1 {
			return grant, "", invalid("it has %s twice", name)
		}
	}
	if !fields.Has("session_id") {
		return grant, "", invalid("it names no session (session_id)")
	}
	end, err := t.timesT1(fields)
	if err != nil {
		return grant, "", err
	}
	role, err := roleOf(fields.Get("role"))
	if err != nil {
		return grant, "", err
	}
	return session.SessionGrant{SessionID: fields.Get("session_id"), Role: role, Data: dataOf(fields.Get("connection_data")), ExpiresAt: end}, signed, nil
}

// decodeT1 returns the two parts of a token. Java's library writes the alphabet for URLs (RFC 4648, section 5).
func decodeT1(raw string) (head, signed string, ok bool) {
	encoded := strings.TrimPrefix(raw, sentinel)
	if strings.ContainsAny(encoded, "\r\n") { // the decoder would skip them
		return "", "", false
	}
	alphabet := base64.StdEncoding
	if strings.ContainsAny(encoded, "-_") {
		alphabet = base64.URLEncoding
	}
	decoded, err := alphabet.Strict().DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(decoded), ":")
}

// signedT1 says whether head has this key, and the signature of signed. Other members of it, such as sdk_version, say nothing.
func (t *Tokens) signedT1(head, signed string) bool {
	key, sig := 0, ""
	for member := range strings.SplitSeq(head, "&") {
		name, value, _ := strings.Cut(member, "=")
		switch name {
		case "partner_id":
			if value != t.key {
				return false
			}
			key++
		case "sig":
			if sig != "" {
				return false
			}
			sig = value
		}
	}
	matches := false
	for _, secret := range t.secrets {
		mac := hmac.New(sha1.New, secret)
		mac.Write([]byte(signed))
		written := hex.EncodeToString(mac.Sum(nil))
		if hmac.Equal([]byte(written), []byte(sig)) || hmac.Equal([]byte(strings.ToUpper(written)), []byte(sig)) {
			matches = true
		}
	}
	return matches && key == 1
}

// timesT1 checks the times of a token and returns when it ends.
func (t *Tokens) timesT1(fields url.Values) (end time.Time, err error) {
	created, hasCreated, err := seconds(fields, "create_time")
	if err != nil {
		return time.Time{}, err
	}
	if hasCreated && created.After(t.now().Add(token.Leeway)) {
		return time.Time{}, invalid("it is not valid yet (create_time): compare the clocks")
	}
	end, hasEnd, err := seconds(fields, "expire_time")
	switch {
	case err != nil:
		return time.Time{}, err
	case !hasEnd && !hasCreated:
		return time.Time{}, invalid("it must have an expiry (expire_time)")
	case !hasEnd:
		end = created.Add(t1Lifetime)
	}
	return end, t.checkExpiry(end)
}

// seconds returns a field that is a time in seconds since 1970, of which a fraction is cut off; ok is false where the field is
// absent or empty.
func seconds(fields url.Values, name string) (at time.Time, ok bool, err error) {
	written := fields.Get(name)
	if written == "" {
		return time.Time{}, false, nil
	}
	whole, fraction, _ := strings.Cut(written, ".")
	const lastSecond = 253402300799 // 9999-12-31T23:59:59Z
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 || n > lastSecond || strings.Trim(fraction, "0123456789") != "" {
		return time.Time{}, false, invalid("its %s must be in seconds since 1970", name)
	}
	return time.Unix(n, 0).UTC(), true, nil
}
