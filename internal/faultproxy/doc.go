// Package faultproxy is a TCP proxy that passes connections on as badly as a test wants: late, not at all, half, or until
// it cuts them. Each direction is set by itself, so that a request can arrive whose answer does not.
//
// What is blackholed is kept, up to a bound, and the sender is slowed down beyond it, as TCP would: when the blackhole
// ends, it arrives late, unless the connection was cut meanwhile, and then it never does.
package faultproxy
