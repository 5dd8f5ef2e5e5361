package web

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

const (
	release = "1.2.3"
	commit  = "1.2.3-dev+0123456789ab"
)

// Below the server's version are the same files as under the names that stay, and a browser may keep them where the version
// names one build.
func TestSDKBelowItsVersion(t *testing.T) {
	for version, cached := range map[string]string{
		release:              immutable,
		commit:               immutable,
		commit + ".modified": "no-cache",
		"1.2.3-dev":          "no-cache",
	} {
		h := Handler(Config{Version: version})
		for _, name := range []string{"chattok.js", "chattok.js.map", "chattok.d.ts", "opentok.js", "opentok.css", "integrity.json"} {
			plain := get(t, h, http.MethodGet, "/sdk/"+name)
			below := get(t, h, http.MethodGet, "/sdk/"+version+"/"+name, "Origin", "https://elsewhere.example")
			if plain.StatusCode != http.StatusOK || below.StatusCode != http.StatusOK || body(t, below) != body(t, plain) {
				t.Errorf("%s %s: %d and %d, or other content", version, name, plain.StatusCode, below.StatusCode)
			}
			if got := plain.Header.Get("Cache-Control"); got != "no-cache" {
				t.Errorf("%s: Cache-Control %q under the name that stays", name, got)
			}
			for header, want := range map[string]string{"Cache-Control": cached, "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"} {
				if got := below.Header.Get(header); got != want {
					t.Errorf("%s %s: %s %q, want %q", version, name, header, got, want)
				}
			}
			if packed := get(t, h, http.MethodGet, "/sdk/"+version+"/"+name, "Accept-Encoding", "gzip"); packed.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("%s %s: not packed", version, name)
			}
		}
	}
}

func TestIntegrity(t *testing.T) {
	h := Handler(Config{Version: release})
	for _, path := range []string{"/sdk/integrity.json", "/sdk/" + release + "/integrity.json"} {
		var list struct {
			Version string
			Files   map[string]string
		}
		if err := json.Unmarshal([]byte(body(t, get(t, h, http.MethodGet, path))), &list); err != nil {
			t.Fatal(err)
		}
		if list.Version != release || len(list.Files) != 7 {
			t.Errorf("%s: version %q, %d files", path, list.Version, len(list.Files))
		}
		for name, integrity := range list.Files {
			sum := sha512.Sum384([]byte(body(t, get(t, h, http.MethodGet, "/sdk/"+release+"/"+name))))
			if want := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); integrity != want {
				t.Errorf("%s: %s, want %s", name, integrity, want)
			}
		}
	}
}

func TestOtherVersions(t *testing.T) {
	on := map[string]http.Handler{release: Handler(Config{Version: release}), commit: Handler(Config{Version: commit})}
	for _, test := range []struct {
		version, path, location string
	}{
		{release, "/sdk/1.2.2/chattok.js", ""},
		{release, "/sdk/1.2.2/", ""},
		{release, "/sdk/v1.2.3/chattok.js", ""},
		{commit, "/sdk/1.2.4/chattok.js", ""},
		{commit, "/sdk/1.2.3-dev/chattok.js", ""},
		{commit, "/sdk/1.2.3/nothing.js", ""},
		{commit, "/sdk/1.2.3/chattok.js", "../" + commit + "/chattok.js"},
	} {
		resp := get(t, on[test.version], http.MethodGet, test.path, "Origin", "https://elsewhere.example")
		want := http.StatusNotFound
		if test.location != "" {
			want = http.StatusTemporaryRedirect
		}
		if resp.StatusCode != want || resp.Header.Get("Location") != test.location {
			t.Errorf("%s on %s: %d to %q", test.path, test.version, resp.StatusCode, resp.Header.Get("Location"))
		}
		if resp.Header.Get("Cache-Control") != "no-cache" || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s on %s: %v", test.path, test.version, resp.Header)
		}
		said := "this server has version " + test.version + " of the SDK, and no other: its files are below /sdk/" + test.version + "/, "
		if text := body(t, resp); want == http.StatusNotFound && !strings.HasPrefix(text, said) {
			t.Errorf("%s on %s: %s", test.path, test.version, text)
		}
	}
	for _, path := range []string{"/sdk/1.2.3/nothing.js", "/sdk/1.2.3/", "/sdk/1.2.3", "/sdk//chattok.js", "/sdk/"} {
		if resp := get(t, on[release], http.MethodGet, path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

// The package has the version that the source leads to, everywhere where a version stands.
func TestPackageVersion(t *testing.T) {
	want := strings.TrimSpace(string(read(t, "../VERSION")))
	var manifest, lock struct {
		Version  string
		License  string
		Private  bool
		Packages map[string]struct{ Version string }
	}
	for file, into := range map[string]any{"sdk/package.json": &manifest, "sdk/package-lock.json": &lock} {
		if err := json.Unmarshal(read(t, file), into); err != nil {
			t.Fatal(file, err)
		}
	}
	if manifest.Private || manifest.License != "MIT" || !bytes.Equal(read(t, "sdk/LICENSE"), read(t, "../LICENSE")) {
		t.Error("the package can't be published, or has another licence than the server")
	}
	source := regexp.MustCompile(`version = '(.*)';`).FindSubmatch(read(t, "sdk/src/version.ts"))
	if source == nil {
		t.Fatal("src/version.ts has no version")
	}
	for place, version := range map[string]string{"package.json": manifest.Version, "package-lock.json": lock.Version,
		"package-lock.json, the package itself": lock.Packages[""].Version, "src/version.ts": string(source[1])} {
		if version != want {
			t.Errorf("%s: version %s, want %s as in VERSION", place, version, want)
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
