// Package media names the ICE servers that browsers reach each other by, and is one: a STUN and TURN server (RFC 8656)
// on pion/turn, over UDP and TCP, that relays UDP for connections of the domain.
//
// # Who may relay, and where to
//
// Credentials are those of the TURN REST scheme: the user name is an expiry and a connection's id, the password an HMAC
// of it under a key that is derived from the API secret, so that every node that knows the secret accepts them and
// nothing is stored. A new allocation needs one that has not expired and a connection that is not known to have ended;
// what is allocated can be refreshed after the expiry too, so that a long call goes on.
//
// No packet goes to an address that is of no use on the public internet (loopback, private and the like), unless
// AllowPrivate; and to this machine's own addresses only at ports where it relays, so that the relay is no way around a
// firewall.
//
// # Quotas
//
// A connection has so many allocations, and so much bandwidth over all of them in both directions; packets above it are
// dropped, as a narrow line would. TCP sockets are bounded, in all and for one address, and closed where nothing is
// allocated on them soon.
//
// # Shutdown
//
// Close closes every socket, and returns when pion's goroutines on them have ended.
package media
