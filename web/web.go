// Package web is the browser side: the page where people meet, at / and /s/{session}, and the playground (GraphiQL), served
// from files in the binary.
//
// No page loads anything from another host, and a content security policy holds that. Every address in a page is relative,
// so that all of it works on any host name, over http and https, and behind a path prefix that a proxy strips. The pages
// expect the API at graphql below the same root.
//
// Pages are revalidated by ETag on every visit; what they load has the hash of its content in its name, and browsers may
// keep it for good.
package web

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

// Config is what the pages say of the server. Its zero value will do.
type Config struct {
	Version string // shown on the start page; nothing is shown where empty
	// FrameAncestors are the sites that may have the page in a frame, as ParseFrameAncestors gives them; none may where
	// empty. The playground is in no frame.
	FrameAncestors []string
	Theme          Theme
}

// playgroundPolicy is what the playground may do. It allows no script but the server's own files, nor eval, nor another
// host. The playground's editor, Monaco, writes style elements and attributes, which can't be named one by one, and draws
// with data: images.
const playgroundPolicy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; " +
	"style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const (
	playgroundRoot = "playground/dist"
	gzipSuffix     = ".gz"
)

// Handler serves the page at / and /s/{session}, the playground at /playground, what they load, the SDK below /sdk/, and
// the favicon. It answers GET and HEAD; every other path is a 404, so it may be mounted at / beside more specific patterns.
// It panics where the binary was built without its files.
func Handler(config Config) http.Handler {
	p := pages{files: site{}}
	p.app = p.files.addApp(config)
	p.files.addPlayground()
	p.files.addSDK()
	return p
}

// pages is everything that is served: the files, and the sessions' addresses, which are without number.
type pages struct {
	files site
	app   app
}

func (p pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.app.serveSession(w, r) {
		p.files.ServeHTTP(w, r)
	}
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
	if f, ok := s[r.URL.Path]; ok {
		f.serveGet(w, r)
	} else {
		http.NotFound(w, r)
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

func (s site) addPlayground() {
	s["/playground"] = newFile("index.html", mustRead(playgroundFiles, playgroundRoot+"/index.html"), playgroundPolicy)
	s.addAssets(playgroundFiles, playgroundRoot, "playground/assets", playgroundPolicy)
}

// addAssets adds what a page loads: the files of a folder below the build's root, which is also their path.
func (s site) addAssets(files embed.FS, root, folder, policy string) {
	entries, err := fs.ReadDir(files, path.Join(root, folder))
	if err != nil {
		panic(fmt.Sprintf("web: %v", err))
	}
	for _, entry := range entries {
		name, compressed := strings.CutSuffix(entry.Name(), gzipSuffix)
		f := newFile(name, mustRead(files, path.Join(root, folder, entry.Name())), policy)
		f.immutable = true
		f.compressed = compressed
		if compressed {
			content := f.content
			f.unpacked = sync.OnceValue(func() []byte { return unpack(content) })
		}
		s["/"+folder+"/"+name] = f
	}
}

func mustRead(files fs.FS, name string) []byte {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		panic(fmt.Sprintf("web: %v", err))
	}
	return content
}
