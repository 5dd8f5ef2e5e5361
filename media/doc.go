// Package media names the ICE servers through which browsers reach each other, and holds a built-in one: a STUN and TURN
// server (RFC 8656) on pion/turn, over UDP and TCP, that relays UDP for connections of the domain.
//
// # Permissions
//
// Credentials are those of the TURN REST scheme: the user name is an expiry and a connection's id, the password an HMAC of
// it under a key that is derived from the API secret, so that every node that knows the secret accepts them and nothing is
// stored. A mark at the end of the user name tells which secret, since TURN (RFC 8489, section 9.2.4) asks for one password of a user,
// and older secrets may count beside the present one. A new allocation needs a credential that has not expired and a connection that is not
// known to have ended. An allocation can be refreshed after the expiry too, so that a long call goes on.
//
// No packet goes to a loopback, private or other special address, unless AllowPrivate is set. Of this machine's own
// addresses, only the ports of relays are reached, so that the relay is no way around a firewall.
//
// # Quotas
//
// A connection has a number of allocations, and a bandwidth for all of them in both directions; packets above it are
// dropped, as on a narrow line. TCP sockets are bounded, in all and for one address, and closed when no allocation is made
// on them soon.
//
// # Shutdown
//
// Close closes every socket, and returns when pion's goroutines on them have ended.
package media
