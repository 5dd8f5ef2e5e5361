package natsbus_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"chattok/bus/natsbus"
	"chattok/internal/natstest"
)

// authority signs certificates and keeps them in files.
type authority struct {
	t           *testing.T
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, folder: t.TempDir()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.certificate, a.key, a.file, _ = a.issue("ca", template)
	return a
}

// issue creates a certificate and its key, as files. The first certificate signs itself.
func (a *authority) issue(name string, template *x509.Certificate) (c *x509.Certificate, key *ecdsa.PrivateKey, certFile, keyFile string) {
	a.t.Helper()
	must := func(err error) {
		a.t.Helper()
		if err != nil {
			a.t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	must(err)
	c, err = x509.ParseCertificate(der)
	must(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	write := func(file, kind string, der []byte) string {
		path := filepath.Join(a.folder, file)
		must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	return c, key, write(name+".pem", "CERTIFICATE", der), write(name+".key", "PRIVATE KEY", private)
}

// leaf issues a certificate for 127.0.0.1.
func (a *authority) leaf(name string) (certFile, keyFile string) {
	_, _, certFile, keyFile = a.issue(name, &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	return certFile, keyFile
}

// TestTLS: nodes and server know each other by certificates. Without the right ones there is no connection.
func TestTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	serverCert, serverKey := ours.leaf("server")
	cert, key := ours.leaf("node")
	server := natstest.Start(t, natstest.TLS(), natstest.Config(fmt.Sprintf(
		"tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }", serverCert, serverKey, ours.file)))
	talks(t, natsbus.Config{URL: server.URL(), CAFile: ours.file, CertFile: cert, KeyFile: key})

	otherCert, otherKey := others.leaf("other")
	for name, c := range map[string]natsbus.Config{
		"no certificate":      {URL: server.URL(), CAFile: ours.file},
		"another's":           {URL: server.URL(), CAFile: ours.file, CertFile: otherCert, KeyFile: otherKey},
		"an unknown server's": {URL: server.URL(), CAFile: others.file, CertFile: cert, KeyFile: key},
	} {
		if b := mustOpen(t, c); b.Err() == nil {
			t.Errorf("%s: connected", name)
		}
	}
	plain := natstest.Start(t)
	for _, c := range []natsbus.Config{{URL: plain.URL(), CAFile: ours.file}, {URL: strings.Replace(plain.URL(), "nats:", "tls:", 1)}} {
		if b := mustOpen(t, c); b.Err() == nil {
			t.Errorf("connected without TLS, though %+v asks for it", c)
		}
	}
}

// TestCredentials: a node logs in by a file with a user's JWT and key, at a server that knows users by their account's
// signature.
func TestCredentials(t *testing.T) {
	operator, account, user := newSigner(t, nkeys.CreateOperator), newSigner(t, nkeys.CreateAccount), newSigner(t, nkeys.CreateUser)
	stranger := newSigner(t, nkeys.CreateAccount)
	operatorJWT := operator.sign("operator", operator.public, nil)
	limits := map[string]any{"subs": -1, "data": -1, "payload": -1, "conn": -1, "imports": -1, "exports": -1, "wildcards": true, "leaf": -1}
	accountJWT := operator.sign("account", account.public, map[string]any{"limits": limits})
	userOf := func(signer *signer) string {
		return user.credentials(signer.sign("user", user.public, map[string]any{"subs": -1, "data": -1, "payload": -1}))
	}
	server := natstest.Start(t, natstest.Config(fmt.Sprintf("operator: %s\nresolver: MEMORY\nresolver_preload: { %s: %s }",
		operatorJWT, account.public, accountJWT)))
	talks(t, natsbus.Config{URL: server.URL(), CredentialsFile: userOf(account)})
	if b := mustOpen(t, natsbus.Config{URL: server.URL(), CredentialsFile: userOf(stranger)}); b.Err() == nil {
		t.Error("connected as a user of an account that the server does not know")
	}
}

// signer is a NATS identity.
type signer struct {
	t      *testing.T
	pair   nkeys.KeyPair
	public string
}

func newSigner(t *testing.T, create func() (nkeys.KeyPair, error)) *signer {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return &signer{t, pair, public}
}

// sign returns a NATS JWT, version 2, about a subject.
func (s *signer) sign(kind, subject string, claims map[string]any) string {
	s.t.Helper()
	nats := map[string]any{"type": kind, "version": 2}
	for name, value := range claims {
		nats[name] = value
	}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := text(map[string]any{"typ": "JWT", "alg": "ed25519-nkey"}) + "." +
		text(map[string]any{"jti": "x", "iat": time.Now().Unix(), "iss": s.public, "name": kind, "sub": subject, "nats": nats})
	signature, err := s.pair.Sign([]byte(signed))
	if err != nil {
		s.t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// credentials writes a user's file as nsc does.
func (s *signer) credentials(jwt string) (path string) {
	s.t.Helper()
	seed, err := s.pair.Seed()
	if err != nil {
		s.t.Fatal(err)
	}
	path = filepath.Join(s.t.TempDir(), "user.creds")
	text := fmt.Sprintf("-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n"+
		"-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n", jwt, seed)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
