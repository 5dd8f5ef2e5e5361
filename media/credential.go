package media

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the TURN REST scheme's
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// credentials makes and reads time-limited ones: draft-uberti-behave-turn-rest-00, section 2.2.
type credentials struct{ key []byte }

// deriveKey makes a key for credentials of the API secret, so that neither can be told from the other.
func deriveKey(secret []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("chattok TURN credentials"))
	return mac.Sum(nil)
}

// make returns a user name and a password for a connection.
func (c credentials) make(connectionID string, expiresAt time.Time) (username, password string) {
	username = strconv.FormatInt(expiresAt.Unix(), 10) + ":" + connectionID
	return username, c.password(username)
}

func (c credentials) password(username string) string {
	mac := hmac.New(sha1.New, c.key)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// parse returns what a user name says; whether it is true, the password proves.
func parse(username string) (connectionID string, expiresAt time.Time, ok bool) {
	expiry, connectionID, ok := strings.Cut(username, ":")
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	if !ok || err != nil || connectionID == "" {
		return "", time.Time{}, false
	}
	return connectionID, time.Unix(seconds, 0), true
}
