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

// watchedConn is a connection with the streams on it whose client's silence ends it: of HTTP/2, several at once.
type watchedConn struct {
	net.Conn
	mu      sync.Mutex
	streams int
}

// WithConn is http.Server's ConnContext for a server with HTTP streams. What a client that has vanished does not
// acknowledge stays in the kernel's buffer, where no write deadline sees it; with the connection at hand, a stream has the
// kernel end it when WriteTimeout passes without an acknowledgement, or, of a client that is there but does not read,
// without room for more. That is known on Linux alone.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, &watchedConn{Conn: c})
}

// limitSilence has the kernel end ctx's connection where its peer acknowledges nothing for this long, until lift is called,
// by the last of its streams.
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
