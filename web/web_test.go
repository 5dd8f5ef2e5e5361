package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

const immutable = "public, max-age=31536000, immutable"

func get(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = path // unchanged by clients or routers
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPages(t *testing.T) {
	h := Handler(Config{Version: "1.2.3", Admin: true})
	for _, tt := range []struct {
		path, contentType, policy, cache string
	}{
		{"/", "text/html; charset=utf-8", appPolicy, "no-cache"},
		{"/s/demo", "text/html; charset=utf-8", appPolicy, "no-cache"},
		{"/playground", "text/html; charset=utf-8", playgroundPolicy, "no-cache"},
		{"/admin", "text/html; charset=utf-8", adminPolicy, "no-store"},
		{"/favicon.svg", "image/svg+xml", appPolicy, "no-cache"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			resp := get(t, h, http.MethodGet, tt.path)
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("status %d, want 200", resp.StatusCode)
			}
			for name, want := range map[string]string{
				"Content-Type":            tt.contentType,
				"Content-Security-Policy": tt.policy,
				"Cache-Control":           tt.cache,
				"X-Content-Type-Options":  "nosniff",
				"Referrer-Policy":         "no-referrer",
			} {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}

			head := get(t, h, http.MethodHead, tt.path)
			if got := body(t, head); got != "" || head.StatusCode != http.StatusOK {
				t.Errorf("HEAD: status %d and %d bytes, want 200 and none", head.StatusCode, len(got))
			}
			if got, want := head.Header.Get("Content-Length"), resp.Header.Get("Content-Length"); got != want {
				t.Errorf("HEAD: Content-Length %q, want %q", got, want)
			}

			etag := resp.Header.Get("ETag")
			again := get(t, h, http.MethodGet, tt.path, "If-None-Match", etag)
			if etag == "" || again.StatusCode != http.StatusNotModified {
				t.Errorf("with ETag %q: status %d, want 304", etag, again.StatusCode)
			}
		})
	}
}

func TestPoliciesAllowNoForeignCode(t *testing.T) {
	for name, policy := range map[string]string{"admin": adminPolicy, "app": appPolicy, "playground": playgroundPolicy} {
		directives := map[string]string{}
		for directive := range strings.SplitSeq(policy, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(directive), " ")
			directives[key] = value
		}
		for key, want := range map[string]string{"default-src": "'none'", "script-src": "'self'", "frame-ancestors": "'none'"} {
			if directives[key] != want {
				t.Errorf("%s: %s %q, want %q", name, key, directives[key], want)
			}
		}
		if strings.Contains(policy, "unsafe-eval") || strings.Contains(policy, "http") {
			t.Errorf("%s: %q allows eval or another host", name, policy)
		}
	}
}

func TestStartPageHasTheVersion(t *testing.T) {
	for version, want := range map[string]string{
		"1.2.3": `<meta name="chattok-version" content="1.2.3">`,
		`1"<b>`: `<meta name="chattok-version" content="1&#34;&lt;b&gt;">`,
		"":      `<meta name="chattok-version" content="">`,
	} {
		for _, path := range []string{"/", "/s/demo"} {
			if got := body(t, get(t, Handler(Config{Version: version}), http.MethodGet, path)); !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in the page", path, want)
			}
		}
	}
}

// TestSessionPages checks that every name below /s/ gets the same page, with addresses one folder up.
func TestSessionPages(t *testing.T) {
	h := Handler(Config{})
	page := body(t, get(t, h, http.MethodGet, "/s/demo"))
	for _, path := range []string{"/s/a", "/s/A-z_~.9", "/s/\xff", "/s/" + strings.Repeat("x", 4096), "/s/<script>"} {
		resp := get(t, h, http.MethodGet, path)
		if got := body(t, resp); resp.StatusCode != http.StatusOK || got != page {
			t.Errorf("%.40q: status %d, or another page", path, resp.StatusCode)
		}
	}
	if resp := get(t, h, http.MethodPost, "/s/demo"); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d, want 405", resp.StatusCode)
	}
	if got := get(t, h, http.MethodGet, "/").Header.Get("Permissions-Policy"); !strings.Contains(got, "camera=(self)") {
		t.Errorf("Permissions-Policy %q does not give the page the camera", got)
	}
}

// links matches the addresses that a page loads or links to.
var links = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

func TestPagesNameOnlyWhatIsThere(t *testing.T) {
	h := Handler(Config{Admin: true})
	// Addresses served by other packages.
	elsewhere := map[string]bool{"graphql": true, "../graphql": true}
	for _, page := range []string{"/", "/s/demo", "/playground", "/admin"} {
		found := links.FindAllStringSubmatch(body(t, get(t, h, http.MethodGet, page)), -1)
		if len(found) < 4 {
			t.Fatalf("%s names %d addresses: the pattern misses some", page, len(found))
		}
		for _, match := range found {
			link, _, _ := strings.Cut(strings.TrimPrefix(match[1], "./"), "#")
			if strings.HasPrefix(link, "/") || strings.Contains(link, ":") {
				t.Errorf("%s: %q is not relative", page, match[1])
			}
			if elsewhere[link] {
				continue
			}
			resp := get(t, h, http.MethodGet, path.Join(path.Dir(page), link))
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %q: status %d", page, match[1], resp.StatusCode)
			}
			if strings.Contains(link, "assets/") && resp.Header.Get("Cache-Control") != immutable {
				t.Errorf("%s: %q: Cache-Control %q", page, match[1], resp.Header.Get("Cache-Control"))
			}
		}
	}
}

// hashed matches a name that contains a hash of the content.
var hashed = regexp.MustCompile(`-[\w-]{8}\.(js|css|ttf)$`)

func TestAssets(t *testing.T) {
	h := Handler(Config{Admin: true}).(pages).files
	assets := 0
	for path, f := range h {
		if !strings.Contains(path, "/assets/") {
			continue
		}
		assets++
		if !hashed.MatchString(path) {
			t.Errorf("%s: the name has no hash", path)
		}
		packed := get(t, h, http.MethodGet, path, "Accept-Encoding", "gzip, br")
		plain := get(t, h, http.MethodGet, path)
		for _, resp := range []*http.Response{packed, plain} {
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != immutable {
				t.Errorf("%s: status %d, Cache-Control %q", path, resp.StatusCode, resp.Header.Get("Cache-Control"))
			}
			if want := contentTypes[path[strings.LastIndex(path, "."):]]; resp.Header.Get("Content-Type") != want {
				t.Errorf("%s: Content-Type %q, want %q", path, resp.Header.Get("Content-Type"), want)
			}
			if resp.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s: no policy, which a worker takes from its own script", path)
			}
		}
		if !f.compressed {
			continue
		}
		if packed.Header.Get("Content-Encoding") != "gzip" || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: Content-Encoding %q and %q", path, packed.Header.Get("Content-Encoding"), plain.Header.Get("Content-Encoding"))
		}
		if packed.Header.Get("Vary") != "Accept-Encoding" || plain.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: a cache is not told that the answer varies", path)
		}
		if plain.ContentLength <= 0 {
			t.Errorf("%s: it is unpacked anew for each that takes no gzip", path)
		}
		unpacked, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		content, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if got := body(t, plain); !bytes.Equal(content, []byte(got)) {
			t.Errorf("%s: %d bytes packed, %d plain", path, len(content), len(got))
		}
		for _, header := range []string{"gzip", "identity"} {
			if got := body(t, get(t, h, http.MethodHead, path, "Accept-Encoding", header)); got != "" {
				t.Errorf("%s: HEAD with %s sends %d bytes", path, header, len(got))
			}
		}
	}
	if assets < 10 {
		t.Errorf("%d assets: the playground is not built", assets)
	}
}

// TestNothingIsLeftOver follows all names from the pages on. A file that no other file names is left over from an older
// build.
func TestNothingIsLeftOver(t *testing.T) {
	h := Handler(Config{Admin: true})
	named := map[string]bool{}
	queue := []string{"/", "/s/demo", "/playground", "/admin"}
	for len(queue) > 0 {
		text := body(t, get(t, h, http.MethodGet, queue[0]))
		queue = queue[1:]
		for _, path := range Paths() {
			if !named[path] && strings.Contains(text, path[strings.LastIndex(path, "/")+1:]) {
				named[path] = true
				queue = append(queue, path)
			}
		}
	}
	for _, path := range Paths() {
		if strings.Contains(path, "/assets/") && !named[path] {
			t.Errorf("%s: nothing names it", path)
		}
	}
}

func TestPathsThatAreNotThere(t *testing.T) {
	h := Handler(Config{})
	for _, path := range []string{
		"", "//", "/index.html", "/playground/index.html", "/playground/assets", "/playground/assets/", "/assets/",
		"/playground/assets/../index.html", "/playground/assets/../../../web.go", "/assets/../../go.mod",
		"/..", "/../web.go", "/app/dist/index.html", "/s", "/s/a/b", "/s/a//", "/s/a/../b", "/s//a", "/playground/dist/index.html", `/playground\..\web.go`,
		"/favicon.svg/", "/playground/assets/none.js", "/nothing\x00",
	} {
		if resp := get(t, h, http.MethodGet, path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%q: status %d, want 404", path, resp.StatusCode)
		}
	}
}

func TestRedirectsStayBelowThePrefix(t *testing.T) {
	h := Handler(Config{Admin: true})
	for path, want := range map[string]string{
		"/admin/": "../admin", "/playground/": "../playground", "/favicon.ico": "favicon.svg", "/s/": "../", "/s/demo/": "../demo",
	} {
		resp := get(t, h, http.MethodGet, path)
		if resp.StatusCode != http.StatusPermanentRedirect || resp.Header.Get("Location") != want {
			t.Errorf("%s: status %d to %q, want 308 to %q", path, resp.StatusCode, resp.Header.Get("Location"), want)
		}
	}
}

func TestOtherMethods(t *testing.T) {
	h := Handler(Config{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "NONSENSE"} {
		resp := get(t, h, method, "/playground")
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"":                        false,
		"gzip":                    true,
		"GZIP":                    true,
		"x-gzip":                  true,
		"br, gzip":                true,
		"br,gzip;q=0.1":           true,
		"gzip;q=0":                false,
		"gzip; q=0.000, *":        false,
		"gzip;q=none":             false,
		"*":                       true,
		"*;q=0":                   false,
		"*;q=0, gzip":             true,
		"identity, deflate":       false,
		"gzipped":                 false,
		"br;q=1.0, gzip; Q=0.5,*": true,
	} {
		h := http.Header{}
		if header != "" {
			h.Set("Accept-Encoding", header)
		}
		if got := acceptsGzip(h); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
