// Package token mints and verifies ChatTok's signed tokens: session tokens, which connect trades for a connection, and
// access tokens, which say which connection their holder is.
package token
