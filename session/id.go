package session

import "crypto/rand"

// newID returns a random id that can't be guessed and never occurs twice.
func newID() string { return rand.Text() }

// idLength is how many characters an id of newID has, all of them A-Z and 2-7 (RFC 4648, section 6).
const idLength = 26

// disguisedID says whether a guest's name looks like an id of newID that is written differently: in lower case, or with digits
// that look like letters. A person who compares the two by eye would take the guest for the connection.
func disguisedID(name string) bool {
	if len(name) != idLength {
		return false
	}
	asMade := true
	for _, c := range []byte(name) {
		switch {
		case 'A' <= c && c <= 'Z', '2' <= c && c <= '7':
		case 'a' <= c && c <= 'z', c == '0', c == '1', c == '8':
			asMade = false
		default:
			return false
		}
	}
	return !asMade
}
