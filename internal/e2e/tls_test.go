package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/net/dns/dnsmessage"

	"chattok/internal/await"
	"chattok/internal/program"
	"chattok/internal/wsclient"
)

// TestTLSFiles: a certificate in files is read again when the files change, and plain HTTP is redirected.
func TestTLSFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)
	plain := program.FreeAddrT(t)
	b := program.NewT(t, program.Config{Env: []string{"CHATTOK_TLS_CERT=" + cert, "CHATTOK_TLS_KEY=" + key, "CHATTOK_HTTP_ADDR=" + plain}})
	b.LaunchT(t)
	client := trusting(t, cert)
	await.True(t, "the server is ready", func() bool { return status(client, "https://"+b.Addr+"/readyz") == 200 })

	resp, err := client.Get("https://" + b.Addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.TLS.Version < tls.VersionTLS12 {
		t.Errorf("HTTP/%d over TLS %x", resp.ProtoMajor, resp.TLS.Version)
	}
	if out, err := exec.Command(b.Path, "healthcheck", "-addr", b.Addr, "-tls-cert", cert, "-tls-key", key).CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Errorf("healthcheck: %v %s", err, out)
	}
	followOver(t, "wss://"+b.Addr+"/graphql", client)

	for path, want := range map[string]string{"/s/demo?a=1": "https://" + b.Addr + "/s/demo?a=1", "/": "https://" + b.Addr + "/"} {
		resp, err := client.Transport.RoundTrip(must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+plain+path, nil)))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusTemporaryRedirect || resp.Header.Get("Location") != want {
			t.Errorf("plain %s: %d %s, want %s", path, resp.StatusCode, resp.Header.Get("Location"), want)
		}
	}

	writeCertificate(t, cert, key, 2)
	await.True(t, "the new certificate is served", func() bool { return serial(t, b.Addr, "127.0.0.1") == 2 })
	if err := os.WriteFile(key, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // after which a handshake looks at the files again
	if n := serial(t, b.Addr, "127.0.0.1"); n != 2 {
		t.Errorf("with an unreadable key the server serves certificate %d, want the one before, 2", n)
	}
	b.StopT(t)
}

// TestACME: an ACME authority (Pebble, by Let's Encrypt) issues the certificate after a challenge on the server's own listener. A
// second start reads the certificate from its folder, with the authority gone.
func TestACME(t *testing.T) {
	dir := t.TempDir()
	addr, plain := program.FreeAddrT(t), program.FreeAddrT(t)
	authority := startPebble(t, dir, addr, plain)
	b := program.NewT(t, program.Config{Addr: addr, Env: []string{"CHATTOK_DOMAIN=chat.chattok.test, www.chattok.test", "CHATTOK_HTTP_ADDR=" + plain, "SSL_CERT_FILE=" + authority.root,
		"CHATTOK_ACME_DIRECTORY=https://" + authority.addr + "/dir", "CHATTOK_ACME_DIR=" + filepath.Join(dir, "certificates")}})
	b.LaunchT(t)
	const name = "chat.chattok.test"
	var issued int64
	await.Within(t, time.Minute, "a certificate is issued", func() bool {
		issued = serial(t, b.Addr, name)
		return issued != 0
	})
	if n := serial(t, b.Addr, "other.chattok.test"); n != 0 {
		t.Error("a certificate for a name that is not the server's")
	}
	resp, err := http.DefaultTransport.RoundTrip(must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+plain+"/", nil)))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("plain HTTP for another host: %d", resp.StatusCode)
	}
	b.StopT(t)

	authority.stop()
	b.LaunchT(t)
	await.True(t, "the server has its certificate from the folder", func() bool { return serial(t, b.Addr, name) == issued })
	b.StopT(t)
}

// followOver opens a WebSocket, subscribes, posts, and checks that the entry arrives.
func followOver(t *testing.T, url string, client *http.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := wsclient.Dial(ctx, url, &wsclient.Options{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(websocket.StatusNormalClosure, "") }()
	if err := c.Init(ctx, ""); err != nil {
		t.Fatal(err)
	}
	for id, operation := range map[string]string{"1": `subscription{entryAdded(after:"0"){body}}`, "2": `mutation{addChatEntry(connectionId:"ann",body:"hi"){seq}}`} {
		if err := c.Subscribe(ctx, id, operation, nil); err != nil {
			t.Fatal(err)
		}
	}
	for {
		m, err := c.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if m.ID != "1" {
			continue
		}
		if want := `{"data":{"entryAdded":{"body":"hi"}}}`; m.Type != "next" || string(m.Payload) != want {
			t.Errorf("%s %s, want %s", m.Type, m.Payload, want)
		}
		return
	}
}

// serial returns the number of the certificate that the server shows for a name, and 0 where it shows none.
func serial(t *testing.T, addr, name string) int64 {
	t.Helper()
	dialer := &tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}} // the certificate itself is under test
	c, err := dialer.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return 0
	}
	defer c.Close()
	leaf := c.(*tls.Conn).ConnectionState().PeerCertificates[0]
	if err := leaf.VerifyHostname(name); err != nil {
		t.Errorf("the certificate for %s: %v", name, err)
	}
	return new(big.Int).And(leaf.SerialNumber, big.NewInt(1<<62-1)).Int64()
}

func status(client *http.Client, url string) int {
	resp, err := client.Get(url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// trusting returns a client that trusts the certificate in a file, and follows no redirect.
func trusting(t *testing.T, cert string) *http.Client {
	t.Helper()
	raw, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(raw)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// writeCertificate writes a certificate for loopback with a number, signed by itself, and its key.
func writeCertificate(t *testing.T, cert, key string, number int64) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: "loopback"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}}
	der := must(x509.CreateCertificate(rand.Reader, template, template, private.Public(), private))
	raw := must(x509.MarshalPKCS8PrivateKey(private))
	// The key comes first: a server that looks before the certificate is written finds no pair, and keeps the old one.
	for _, f := range []struct{ name, kind, bytes string }{{key, "PRIVATE KEY", string(raw)}, {cert, "CERTIFICATE", string(der)}} {
		if err := os.WriteFile(f.name, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: []byte(f.bytes)}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// pebble is an ACME authority for tests.
type pebble struct {
	addr string
	root string // file with the certificate of its API
	stop func()
}

// startPebble starts an authority that resolves every name to 127.0.0.1, and checks challenges at the two addresses.
func startPebble(t *testing.T, dir, tlsAddr, plainAddr string) *pebble {
	t.Helper()
	path, err := program.Tool("github.com/letsencrypt/pebble/v2/cmd/pebble", "pebble")
	if err != nil {
		t.Fatal(err)
	}
	p := &pebble{addr: program.FreeAddrT(t), root: filepath.Join(dir, "pebble.pem")}
	writeCertificate(t, p.root, filepath.Join(dir, "pebble-key.pem"), 1)
	config := filepath.Join(dir, "pebble.json")
	raw := must(json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": p.addr, "managementListenAddress": program.FreeAddrT(t),
		"certificate": p.root, "privateKey": filepath.Join(dir, "pebble-key.pem"),
		"tlsPort": port(tlsAddr), "httpPort": port(plainAddr),
		"profiles": map[string]any{"default": map[string]any{"description": "default", "validityPeriod": 86400 * 90}},
	}}))
	if err := os.WriteFile(config, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	process := exec.Command(path, "-config", config, "-dnsserver", loopbackDNS(t))
	process.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	output := &strings.Builder{}
	process.Stdout, process.Stderr = output, output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	p.stop = func() {
		if !ended {
			ended = true
			_ = process.Process.Kill()
			_ = process.Wait()
		}
	}
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Log(output)
		}
	})
	client := trusting(t, p.root)
	await.True(t, "the authority is ready", func() bool { return status(client, "https://"+p.addr+"/dir") == 200 })
	return p
}

func port(addr string) (n int) {
	_, p, _ := net.SplitHostPort(addr)
	_, _ = fmt.Sscan(p, &n)
	return n
}

// loopbackDNS answers every question for an address with 127.0.0.1, over TCP, and returns where.
func loopbackDNS(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				for answerDNS(conn) == nil {
				}
			})
		}
	})
	return listener.Addr().String()
}

// answerDNS reads a question and answers it (RFC 1035, section 4.2.2).
func answerDNS(conn net.Conn) error {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	raw := make([]byte, int(size[0])<<8|int(size[1]))
	if _, err := io.ReadFull(conn, raw); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(raw); err != nil {
		return err
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	for _, q := range m.Questions {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}})
		}
	}
	raw, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = conn.Write(append([]byte{byte(len(raw) >> 8), byte(len(raw))}, raw...))
	return err
}
