package certificates

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
)

// leaving is a connection that says when it is gone.
type leaving struct {
	net.Conn
	gone chan struct{}
}

func (c leaving) Gone() <-chan struct{} { return c.gone }

// TestTogether: while the authority takes its time, all handshakes for one name and kind of key wait for one call, one whose connection is
// closed waits no longer, and the authority's own handshake waits for none.
func TestTogether(t *testing.T) {
	ask, answer := make(chan bool, 10), make(chan error)
	certificate := new(tls.Certificate)
	get := together(func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if len(hello.SupportedProtos) > 0 {
			return certificate, nil
		}
		ask <- slices.Contains(hello.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
		return certificate, <-answer
	})
	hello := func(name string, scheme tls.SignatureScheme) *tls.ClientHelloInfo {
		return &tls.ClientHelloInfo{ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13}, SupportedCurves: []tls.CurveID{tls.CurveP256},
			SignatureSchemes: []tls.SignatureScheme{scheme}, Conn: leaving{gone: make(chan struct{})}}
	}
	var waiting, left sync.WaitGroup
	wait := func(name string, scheme tls.SignatureScheme) {
		waiting.Go(func() {
			if got, err := get(hello(name, scheme)); got != certificate || err != nil {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		})
	}
	wait("chat.example", tls.ECDSAWithP256AndSHA256)
	if !<-ask {
		t.Error("a client that takes ECDSA is given RSA")
	}
	for range 20 {
		goes := hello("Chat.example", tls.ECDSAWithP256AndSHA256)
		left.Go(func() {
			if _, err := get(goes); !errors.Is(err, net.ErrClosed) {
				t.Errorf("one that is gone: %v", err)
			}
		})
		close(goes.Conn.(leaving).gone)
	}
	left.Wait()
	both := hello("chat.example", tls.ECDSAWithP256AndSHA256) // the authority asks for its own protocol alone
	both.SupportedProtos = []string{"h2", "acme-tls/1"}
	close(both.Conn.(leaving).gone)
	if _, err := get(both); !errors.Is(err, net.ErrClosed) {
		t.Errorf("one that names the authority's protocol and is gone: %v", err)
	}
	wait("chat.example", tls.PSSWithSHA256)
	if <-ask {
		t.Error("a client that takes RSA alone is given ECDSA")
	}
	challenge := hello("chat.example", tls.PSSWithSHA256)
	challenge.SupportedProtos = []string{"acme-tls/1"}
	if got, err := get(challenge); got != certificate || err != nil {
		t.Errorf("the authority: %v, %v", got, err)
	}
	close(answer)
	waiting.Wait()
	if len(ask) > 0 {
		t.Errorf("%d further calls", len(ask))
	}
}

// TestTakesECDSA: a client of TLS 1.2 says by its cipher suites which keys it takes, one of TLS 1.3 does not.
func TestTakesECDSA(t *testing.T) {
	curves, schemes := []tls.CurveID{tls.X25519, tls.CurveP256}, []tls.SignatureScheme{tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256}
	for name, c := range map[string]struct {
		hello tls.ClientHelloInfo
		want  bool
	}{
		"TLS 1.3":             {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS13}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}, SupportedCurves: curves, SignatureSchemes: schemes}, true},
		"TLS 1.3, no scheme":  {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS13}, SupportedCurves: curves, SignatureSchemes: schemes[:1]}, false},
		"TLS 1.3, no P-256":   {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS13}, SupportedCurves: curves[:1], SignatureSchemes: schemes}, false},
		"TLS 1.2":             {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS12}, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}, SupportedCurves: curves, SignatureSchemes: schemes}, true},
		"TLS 1.2, RSA suites": {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS12}, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}, SupportedCurves: curves, SignatureSchemes: schemes}, false},
	} {
		if got := takesECDSA(&c.hello); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
