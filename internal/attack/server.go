//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Timeouts of a server's start and end.
const (
	readyTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
)

// settings configure a server.
type settings struct {
	env   []string // CHATTOK_…=…
	tls   bool     // with a certificate of its own making
	files int      // limit on open files; 0 for this process's
	group *group   // that bounds its memory; may be nil
}

// server is a process of the program that is attacked.
type server struct {
	host   string // address and port
	dir    string // of its database and log
	secret string // the API secret
	roots  *x509.CertPool
	cmd    *exec.Cmd
	ended  chan struct{}
}

// startServer starts the program with a new database. stop must be called.
func startServer(ctx context.Context, program string, with settings) (*server, error) {
	dir, err := os.MkdirTemp("", "chattok-attack-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, secret: random(32), ended: make(chan struct{})}
	if err := s.start(ctx, program, with); err != nil {
		said := s.said()
		return nil, errors.Join(fmt.Errorf("start %s: %w\n%s", program, err, said[max(0, len(said)-4000):]), s.stop())
	}
	return s, nil
}

func (s *server) start(ctx context.Context, program string, with settings) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.host = net.JoinHostPort(serverAddress().String(), port)
	env := append(plainEnvironment(), "CHATTOK_ADDR="+s.host, "CHATTOK_DATABASE="+filepath.Join(s.dir, "chattok.db"),
		"CHATTOK_API_SECRET="+s.secret)
	if !ownNetwork() {
		env = append(env, "CHATTOK_TRUSTED_PROXIES=127.0.0.0/8")
	}
	if with.tls {
		if s.roots, err = s.writeCertificate(); err != nil {
			return err
		}
		env = append(env, "CHATTOK_TLS_CERT="+s.file("cert.pem"), "CHATTOK_TLS_KEY="+s.file("key.pem"))
	}
	log, err := os.Create(s.file("log"))
	if err != nil {
		return err
	}
	defer log.Close() // the process has a descriptor of its own
	script := `exec "$0"`
	if with.files > 0 {
		script = fmt.Sprintf("ulimit -n %d; ", with.files) + script
	}
	if with.group != nil {
		script = "echo $$ > " + with.group.processes() + " && " + script
	}
	s.cmd = exec.Command("sh", "-c", script, program)
	s.cmd.Env = append(env, with.env...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.begin(); err != nil {
		s.cmd = nil
		return err
	}
	return s.awaitReady(ctx)
}

// begin starts the process from a goroutine that keeps its thread: the kernel kills the process when the thread that started
// it ends.
func (s *server) begin() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // to its end
		err := startOnAll(s.cmd)
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // how it ended is in cmd.ProcessState
			close(s.ended)
		}
	}()
	return <-started
}

func (s *server) awaitReady(ctx context.Context) error {
	c := s.client(address(true, 250))
	defer c.close()
	deadline := time.Now().Add(readyTimeout)
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url()+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := c.http.Do(request)
		if err == nil {
			if _ = resp.Body.Close(); resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		select {
		case <-s.ended:
			return fmt.Errorf("it ended: %v", s.cmd.ProcessState)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it is not ready within %v: %w", readyTimeout, err)
		}
	}
}

func (s *server) url() string {
	if s.roots != nil {
		return "https://" + s.host
	}
	return "http://" + s.host
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// alive reports whether the process runs.
func (s *server) alive() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// kill ends the process at once.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.ended
}

// stop shuts the process down, kills it where that takes too long, and removes its folder.
func (s *server) stop() error {
	if s.cmd != nil && s.alive() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.ended:
		case <-time.After(stopTimeout):
			s.kill()
		}
	}
	return os.RemoveAll(s.dir)
}

func (s *server) file(name string) string { return filepath.Join(s.dir, name) }

// said returns the server's log.
func (s *server) said() []byte {
	text, _ := os.ReadFile(s.file("log"))
	return text
}

// logLines returns the number of lines in the server's log.
func (s *server) logLines() int { return bytes.Count(s.said(), []byte("\n")) }

// writeCertificate writes a self-signed certificate and returns a pool that trusts it.
func (s *server) writeCertificate() (*x509.CertPool, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "attack"}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true,
		IPAddresses: []net.IP{serverAddress().AsSlice()}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name, kind string
		bytes      []byte
	}{{"key.pem", "PRIVATE KEY", key}, {"cert.pem", "CERTIFICATE", certificate}} {
		if err := os.WriteFile(s.file(f.name), pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.bytes}), 0o600); err != nil {
			return nil, err
		}
	}
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool, nil
}

// plainEnvironment returns this process's environment without settings of the server.
func plainEnvironment() (kept []string) {
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "CHATTOK_") && !strings.HasPrefix(pair, "PORT=") {
			kept = append(kept, pair)
		}
	}
	return kept
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(serverAddress().String(), "0"))
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, errors.Join(err, listener.Close())
}

// random returns n random bytes in hexadecimal.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
