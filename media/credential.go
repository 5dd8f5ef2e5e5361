package media

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the TURN REST scheme's
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// credentials makes time-limited credentials: draft-uberti-behave-turn-rest-00, section 2.2.
type credentials struct {
	key []byte
	// mark is the end of a user name, by which the key is known among others; empty where there are no others.
	mark string
}

// deriveKey derives the key for credentials from the API secret. Neither reveals the other.
func deriveKey(secret []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("chattok TURN credentials"))
	return mac.Sum(nil)
}

// make returns a user name and a password for a connection.
func (c credentials) make(connectionID string, expiresAt time.Time) (username, password string) {
	username = strconv.FormatInt(expiresAt.Unix(), 10) + ":" + connectionID
	if c.mark != "" {
		username += ":" + c.mark
	}
	return username, c.password(username)
}

func (c credentials) password(username string) string {
	mac := hmac.New(sha1.New, c.key)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// keyring has the credentials of several secrets, the present one first.
type keyring []credentials

// markBytes is the size of a mark: enough to tell a few keys apart, and too little to find one by.
const markBytes = 4

func newKeyring(secret []byte, old [][]byte) (all keyring) {
	for _, one := range append([][]byte{secret}, old...) {
		key := deriveKey(one)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("chattok: the mark of a key"))
		all = append(all, credentials{key, hex.EncodeToString(mac.Sum(nil)[:markBytes])})
	}
	return all
}

// present returns the credentials of the present secret.
func (k keyring) present() credentials { return k[0] }

// parse returns the expiry and the connection in a user name, and the credentials that its password must be of. The password alone
// proves that they are true. A user name without a mark was made by an older version of this server, which knew one secret: the
// newest of the old ones, or the present one where there is no other.
func (k keyring) parse(username string) (connectionID string, expiresAt time.Time, by credentials, ok bool) {
	expiry, rest, ok := strings.Cut(username, ":")
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	connectionID, mark, marked := strings.Cut(rest, ":")
	if !ok || err != nil || connectionID == "" {
		return "", time.Time{}, credentials{}, false
	}
	if !marked {
		return connectionID, time.Unix(seconds, 0), k[min(1, len(k)-1)], true
	}
	for _, one := range k {
		if one.mark == mark {
			return connectionID, time.Unix(seconds, 0), one, true
		}
	}
	return "", time.Time{}, credentials{}, false
}
