// Package faultproxy is a TCP proxy that treats connections as badly as a test wants: it delays them, drops what they
// carry, ends one direction, or cuts them. Each direction is set by itself, so that a request can arrive and its answer
// not.
//
// Bytes in a blackhole are kept, up to a bound, and beyond it the sender is slowed down, as TCP does. When the
// blackhole ends, they arrive late, unless the connection was cut meanwhile: then they never do.
//
// Reading order: proxy.go, pipe.go.
package faultproxy
