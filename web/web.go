// Package web is the browser side: the landing page and the playground (GraphiQL), served from files in the binary.
//
// No page loads anything from another host, and a content security policy holds that. Every address in a page is relative,
// so that all of it works on any host name, over http and https, and behind a path prefix that a proxy strips. The
// playground expects the API at graphql beside itself.
//
// Pages are revalidated by ETag on every visit; what they load has the hash of its content in its name, and browsers may
// keep it for good.
package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Config is what the pages say of the server. Its zero value will do.
type Config struct {
	Version string // shown on the landing page; nothing is shown where empty
}

// What a page may do. Neither allows a script but the server's own files, nor eval, nor another host. The playground's
// editor, Monaco, writes style elements and attributes, which can't be named one by one, and draws with data: images.
const (
	landingPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	playgroundPolicy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; " +
		"style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

const (
	playgroundRoot = "playground/dist"
	gzipSuffix     = ".gz"
)

// Handler serves the landing page at /, the playground at /playground, what they load, the favicon, and the SDK below /sdk/. It answers GET and
// HEAD; every other path is a 404, so it may be mounted at / beside more specific patterns. It panics where the binary was
// built without its files.
func Handler(config Config) http.Handler {
	s := site{}
	s.addLanding(config)
	s.addPlayground()
	s.addSDK()
	return s
}

// site is every file by its path. Paths are looked up as they come and never reach a file system.
type site map[string]file

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/playground/":
		redirect(w, r, "../playground")
		return
	case "/favicon.ico":
		redirect(w, r, "favicon.svg")
		return
	}
	f, ok := s[r.URL.Path]
	switch {
	case !ok:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
	default:
		f.serve(w, r)
	}
}

// redirect goes to a path relative to the request's. http.Redirect would make it absolute and lose a prefix that a proxy
// stripped.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusPermanentRedirect)
}

func (s site) addLanding(config Config) {
	favicon := newFile("favicon.svg", mustRead(landingFiles, "landing/favicon.svg"), landingPolicy)
	s["/favicon.svg"] = favicon
	style := s.addHashed("landing.css")
	script := s.addHashed("landing.js")

	page := template.Must(template.New("index").Parse(string(mustRead(landingFiles, "landing/index.html"))))
	var html bytes.Buffer
	err := page.Execute(&html, struct{ Style, Script, Version string }{style, script, config.Version})
	if err != nil {
		panic(fmt.Sprintf("web: landing page: %v", err))
	}
	s["/"] = newFile("index.html", html.Bytes(), landingPolicy)
}

// addHashed adds a file of the landing page under a name that changes with its content, and returns its path relative to
// the page.
func (s site) addHashed(name string) string {
	content := mustRead(landingFiles, "landing/"+name)
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	hashed := "assets/" + strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:4]) + ext
	f := newFile(hashed, content, landingPolicy)
	f.immutable = true
	s["/"+hashed] = f
	return hashed
}

func (s site) addPlayground() {
	s["/playground"] = newFile("index.html", mustRead(playgroundFiles, playgroundRoot+"/index.html"), playgroundPolicy)
	const assets = "playground/assets"
	entries, err := fs.ReadDir(playgroundFiles, playgroundRoot+"/"+assets)
	if err != nil {
		panic(fmt.Sprintf("web: playground: %v", err))
	}
	for _, entry := range entries {
		name, compressed := strings.CutSuffix(entry.Name(), gzipSuffix)
		f := newFile(name, mustRead(playgroundFiles, path.Join(playgroundRoot, assets, entry.Name())), playgroundPolicy)
		f.immutable = true
		f.compressed = compressed
		s["/"+assets+"/"+name] = f
	}
}

func mustRead(files fs.FS, name string) []byte {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		panic(fmt.Sprintf("web: %v", err))
	}
	return content
}
