package transport

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"syscall"
	"time"
)

type connKey struct{}

// watchedConn is a connection that the kernel ends when its client is silent; HTTP/2 has several streams on one.
type watchedConn struct {
	net.Conn
	mu      sync.Mutex
	streams int
}

// WithConn is http.Server's ConnContext for a server with HTTP streams. Bytes that a vanished client does not
// acknowledge stay in the kernel's buffer, where no write deadline notices it. With the connection at hand, a stream
// asks the kernel to end it when WriteTimeout passes without an acknowledgement, or without room for more where the
// client is there but does not read. Only Linux can do that.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, &watchedConn{Conn: c})
}

// limitSilence asks the kernel to end ctx's connection where the peer acknowledges nothing for this long, until the
// last of the connection's streams has called lift.
func limitSilence(ctx context.Context, d time.Duration) (lift func()) {
	c, _ := ctx.Value(connKey{}).(*watchedConn)
	if c == nil {
		return func() {}
	}
	c.count(1, d)
	return sync.OnceFunc(func() { c.count(-1, d) })
}

// count adds streams; the first and the last one set and lift the limit.
func (c *watchedConn) count(n int, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.streams += n; {
	case n > 0 && c.streams == 1:
		c.setSilence(d)
	case c.streams == 0:
		c.setSilence(0)
	}
}

func (c *watchedConn) setSilence(d time.Duration) {
	plain := c.Conn
	if secured, ok := plain.(*tls.Conn); ok {
		plain = secured.NetConn()
	}
	if plain, ok := plain.(syscall.Conn); ok {
		if raw, err := plain.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { setUserTimeout(fd, d) }) // fails for a connection that has ended
		}
	}
}
