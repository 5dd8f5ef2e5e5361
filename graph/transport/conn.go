package transport

import (
	"context"
	"crypto/tls"
	"net"
	"syscall"
	"time"
)

type connKey struct{}

// WithConn is http.Server's ConnContext for a server with HTTP streams. What a client that has vanished does not
// acknowledge stays in the kernel's buffer, where no write deadline sees it; with the connection at hand, a stream has the
// kernel end it when WriteTimeout passes without an acknowledgement, or, of a client that is there but does not read,
// without room for more. That is known on Linux alone.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// limitSilence has the kernel end ctx's connection where its peer acknowledges nothing for this long; 0 lifts that.
func limitSilence(ctx context.Context, d time.Duration) {
	c, _ := ctx.Value(connKey{}).(net.Conn)
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	if plain, ok := c.(syscall.Conn); ok {
		if raw, err := plain.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { setUserTimeout(fd, d) }) // fails for a connection that has ended
		}
	}
}
