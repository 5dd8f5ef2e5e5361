package accept

import (
	"crypto/tls"
	"net"
	"slices"
)

// maxHTTP2PerAddress is how many connections of an address may speak HTTP/2, and three times as many of a /48. One has a hundred requests
// under way, of which each may keep 45 KiB of header, and whatever else it asks for, such as PINGs, net/http answers as fast as they come,
// without a limit to be set. A browser opens one.
const (
	maxHTTP2PerAddress = 16
	siteHTTP2          = 3
)

// http2Name and http1Name are the names of the protocols in a TLS handshake (RFC 7301, RFC 9113).
const (
	http2Name = "h2"
	http1Name = "http/1.1"
)

// TLS returns config for connections of a Listener: those of an address that has many that speak HTTP/2 speak HTTP/1.1.
func (c *Connections) TLS(config *tls.Config) *tls.Config {
	plain := config.Clone()
	plain.NextProtos = slices.DeleteFunc(slices.Clone(config.NextProtos), func(name string) bool { return name == http2Name })
	if !slices.Contains(plain.NextProtos, http1Name) {
		plain.NextProtos = append(plain.NextProtos, http1Name)
	}
	limited := config.Clone()
	if certificate := config.GetCertificate; certificate != nil {
		// A certificate may have to be fetched from its authority first, for which nobody else is to wait.
		limited.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			of, ok := hello.Conn.(*conn)
			if !ok {
				return certificate(hello)
			}
			of.exit(parsing)
			of.exit(shaking)
			found, err := certificate(hello)
			if !of.enter(parsing) {
				return nil, net.ErrClosed
			}
			return found, err
		}
		plain.GetCertificate = limited.GetCertificate
	}
	limited.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		of, ok := hello.Conn.(*conn)
		if !ok || !slices.Contains(hello.SupportedProtos, http2Name) || c.mayHTTP2(of) {
			return nil, nil
		}
		return plain, nil
	}
	return limited
}

// mayHTTP2 says whether a connection may speak HTTP/2, and counts it in.
func (c *Connections) mayHTTP2(of *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if of.left || of.http2 {
		return of.http2
	}
	limit := maxHTTP2PerAddress
	for _, network := range of.peers {
		if c.peers[network].http2 >= limit {
			return false
		}
		limit *= siteHTTP2
	}
	of.http2 = true
	for _, network := range of.peers {
		c.peers[network].http2++
	}
	return true
}
