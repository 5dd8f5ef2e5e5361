package command

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chattok/internal/config"
)

// TestOwnCertificate: a command that asks the server of its settings trusts the certificate of those settings, which is for public
// names, and no other one; a server elsewhere needs a certificate that the machine trusts.
func TestOwnCertificate(t *testing.T) {
	const secret = "a secret of 32 bytes at the least"
	t.Setenv(config.SecretVariable, secret)
	asked := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if got := r.Header.Get("Authorization"); got != "Bearer "+secret {
			t.Errorf("authorization %q", got)
		}
		w.Header().Set("Content-Type", "application/graphql-response+json")
		_, _ = io.WriteString(w, `{"data":{"sessions":{"nodes":[],"pageInfo":{"hasNextPage":false,"endCursor":null}}}}`)
	}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "https://")
	write := func(name string, certificate []byte) (file string) {
		t.Helper()
		file = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	own, other := write("own.pem", server.Certificate().Raw), write("other.pem", []byte("another one"))
	key := filepath.Join(t.TempDir(), "key.pem") // is not read
	for _, c := range []struct {
		what   string
		args   []string
		code   int
		stderr string
	}{
		{"its own", []string{"-addr", address, "-tls-cert", own, "-tls-key", key}, 0, ""},
		{"another", []string{"-addr", address, "-tls-cert", other, "-tls-key", key}, exitUnreachable, "failed to verify certificate: it is another one than that of -tls-cert"},
		{"none", []string{"-addr", address, "-tls-cert", key, "-tls-key", key}, 1, "read the server's certificate"},
		{"by -url", []string{"-url", server.URL, "-tls-cert", own, "-tls-key", key}, exitUnreachable, "certificate"},
	} {
		t.Run(c.what, func(t *testing.T) {
			before := asked
			code, _, stderr := run(t, append([]string{"sessions"}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.stderr) || (asked > before) != (c.code == 0) {
				t.Errorf("exit code %d, %q, the server was asked %d times", code, stderr, asked-before)
			}
		})
	}
}
