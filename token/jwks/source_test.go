package jwks

import (
	"bytes"
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chattok/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keyServer starts an HTTPS server and returns a source that trusts it.
func keyServer(t *testing.T, answer http.HandlerFunc) (*server, *httptest.Server) {
	t.Helper()
	s := httptest.NewTLSServer(answer)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return newServer(s.URL+"/keys?key=hunter2", roots), s
}

func TestServer(t *testing.T) {
	var asked *http.Request
	source, _ := keyServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		_, _ = w.Write([]byte(setOf(edJWK + `}`)))
	})
	text, err := source.read(t.Context())
	if err != nil || string(text) != setOf(edJWK+`}`) {
		t.Fatalf("%q, %v", text, err)
	}
	if asked.Method != http.MethodGet || asked.URL.RequestURI() != "/keys?key=hunter2" || asked.Header.Get("Accept") != "application/jwk-set+json, application/json" {
		t.Errorf("asked %s %s, %v", asked.Method, asked.URL, asked.Header)
	}
	if strings.Contains(source.name(), "hunter2") || !strings.HasSuffix(source.name(), "/keys") {
		t.Errorf("the log would show %s", source.name())
	}
}

// TestBadServers: whatever a server does instead of answering, it costs a bounded time and memory, and the error shows no query.
func TestBadServers(t *testing.T) {
	elsewhere, reached := "", atomic.Bool{}
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer other.Close()
	elsewhere = other.URL
	var sent atomic.Int64
	compressed := bomb(t)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) },
			"the server answers 302, and redirects are not followed"},
		"an error": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hunter2", http.StatusInternalServerError) }, "the server answers 500"},
		"nothing":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "the server answers 204"},
		"a gigabyte": {func(w http.ResponseWriter, _ *http.Request) {
			block := bytes.Repeat([]byte(" "), 1<<16)
			for range 1 << 14 {
				n, err := w.Write(block)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		}, "it is larger than 1048576 bytes"},
		"a bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(compressed)
		}, "it is larger than 1048576 bytes"},
		"a header of a megabyte": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, "header"},
		"an end in the middle": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, "EOF"},
	} {
		source, _ := keyServer(t, c.answer)
		text, err := source.read(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || text != nil {
			t.Errorf("%s: %d bytes, %v; want %q", name, len(text), err, c.want)
		}
	}
	if reached.Load() {
		t.Error("the redirect was followed")
	}
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("%d bytes of the gigabyte were sent", n)
	}
}

// TestServerAway: a server that is not there, is not the one that is named, or never ends its answer is an error.
func TestServerAway(t *testing.T) {
	source, s := keyServer(t, func(http.ResponseWriter, *http.Request) {})
	stranger := newServer(s.URL+"/keys?key=hunter2", x509.NewCertPool())
	if _, err := stranger.read(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a stranger: %v", err)
	}
	s.Close()
	if _, err := source.read(t.Context()); err == nil || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("not there: %v", err)
	}

	released := make(chan struct{})
	slow, _ := keyServer(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"keys":[`))
		_ = http.NewResponseController(w).Flush()
		<-released
	})
	defer close(released)
	if slow.client.Timeout != 10*time.Second {
		t.Errorf("a server has %v", slow.client.Timeout)
	}
	slow.client.Timeout = 50 * time.Millisecond
	if _, err := slow.read(t.Context()); err == nil || !strings.Contains(err.Error(), "Timeout") {
		t.Errorf("an answer that does not end: %v", err)
	}
}

// TestSetOfAServer: a set asks its server at the start, and finds keys by the first answer.
func TestSetOfAServer(t *testing.T) {
	answer := make(chan string)
	source, _ := keyServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(<-answer)) })
	s := newSet(source, slog.New(slog.DiscardHandler))
	run(t, s)
	found := make(chan string)
	go func() {
		keys, err := s.Find(t.Context(), "a")
		if err != nil {
			t.Error(err)
		}
		found <- algorithms(keys)
	}()
	answer <- setOf(rsaJWK + `,"kid":"a"}`)
	if got := <-found; got != "RS256" {
		t.Errorf("found %q", got)
	}
}

// run runs a set until the test ends.
func run(t *testing.T, s *Set) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFile: a file is read again when it changes; while it is broken or away, the keys from before go on.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	write(t, path, setOf(edJWK+`,"kid":"a"}`))
	s, err := New(Config{Source: path})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "a", "EdDSA", "") // before Run
	run(t, s)
	holds := func(what, kid, keys string) {
		t.Helper()
		await.True(t, what, func() bool {
			found, err := s.Find(t.Context(), kid)
			return err == nil && algorithms(found) == keys
		})
	}
	write(t, path, setOf(edJWK+`,"kid":"a"}`, ecJWK+`,"kid":"b"}`))
	holds("a key is added", "b", "ES256")
	write(t, path, setOf(ecJWK+`,"kid":"b"}`))
	holds("a key is removed", "a", "")
	for _, broken := range []func(){func() { write(t, path, `{"keys":[`) }, func() { _ = os.Remove(path) }, func() { _ = os.Mkdir(path, 0o700) }} {
		broken()
		await.True(t, "the fault is seen", func() bool {
			_, err := s.Find(t.Context(), "c")
			return err != nil
		})
		want(t, s, "b", "ES256", "")
	}
	_ = os.Remove(path)
	write(t, path, setOf(rsaJWK+`,"kid":"c"}`))
	holds("the file is back", "c", "RS256")
	// A secret of Kubernetes is replaced by a link that leads elsewhere.
	next := filepath.Join(t.TempDir(), "next.json")
	write(t, next, setOf(edJWK+`,"kid":"d"}`))
	if err := os.Symlink(next, path+".link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".link", path); err != nil {
		t.Fatal(err)
	}
	holds("a link in the file's place", "d", "EdDSA")
}

// TestFileAtStart: a file must be there, and have a usable key.
func TestFileAtStart(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "keys.json")
	for text, fault := range map[string]string{
		"{":                                   "it is not JSON",
		`{"keys":[]}`:                         "it has no key",
		setOf(`{"kty":"oct","k":"c2VjcmV0"}`): "it has no usable key, which is RSA of 2048 bits at least, P-256 or Ed25519: key 1 is a shared secret (oct)",
		strings.Repeat(" ", maxBytes+1):       "it is larger than 1048576 bytes",
	} {
		write(t, path, text)
		if _, err := New(Config{Source: path}); err == nil || !strings.HasPrefix(err.Error(), fault) || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%.40q: %v, want %q", text, err, fault)
		}
	}
	if _, err := New(Config{Source: folder}); err == nil || err.Error() != "it is no file that can be read" {
		t.Errorf("a folder: %v", err)
	}
	if _, err := New(Config{Source: path + ".none"}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("none: %v", err)
	}
	if _, err := New(Config{Source: "https://127.0.0.1:1/keys"}); err != nil {
		t.Errorf("a server that is away holds up the start: %v", err)
	}
}

func TestValidate(t *testing.T) {
	for source, want := range map[string]string{
		"keys.json":                     "",
		"/etc/chattok/keys.json":        "",
		"https://id.example/keys":       "",
		"HTTPS://id.example/keys?v=1":   "",
		"https://[::1]:8443/jwks.json":  "",
		"":                              "must name a file, or be a URL https://…",
		"http://id.example/keys":        "must be a file, or a URL that begins with https://",
		"file:///etc/keys.json":         "must be a file, or a URL that begins with https://",
		"https:///keys":                 "must name a host",
		"https://me:hunter2@id.example": "must have no user and no password: the keys are public",
		"https://id.example/keys#a":     "must have no part after #",
		"https://id.example/%zz":        "must be a file, or a URL https://host/path",
	} {
		err := Validate(source)
		if got := ""; err != nil {
			got = err.Error()
			if got != want {
				t.Errorf("%s: %q, want %q", source, got, want)
			}
		} else if want != "" {
			t.Errorf("%s is accepted, want %q", source, want)
		}
	}
}
