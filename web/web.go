// Package web serves the browser side: the chat page at / and /s/{session}, the playground (GraphiQL), the SDK, and, where it is
// switched on, the admin page. All files are embedded in the binary.
//
// No page loads anything from another host; a Content-Security-Policy enforces that. All addresses in pages are relative, so
// that the pages work on any host name, over http and https, and behind a proxy that strips a path prefix. The pages expect
// the API at graphql below the same root.
//
// Browsers revalidate pages by ETag on every visit. Assets have a hash of their content in their names, and may be cached
// forever. The SDK's files are there twice: under names that stay the same, which browsers revalidate too, and below the server's
// version, forever as well.
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

// Config holds the settings of the pages. The zero value is valid.
type Config struct {
	// Version is shown on the start page, and the SDK is also served below it; both unless it is empty.
	Version string
	// FrameAncestors are the origins that may show the page in a frame, as returned by ParseFrameAncestors. If empty, no site
	// may. The playground and the admin page can never be framed.
	FrameAncestors []string
	Theme          Theme
	// Admin says whether there is the admin page at /admin. It has no access of its own: whoever opens it needs the API secret.
	Admin bool
}

// playgroundPolicy is the playground's Content-Security-Policy. It allows scripts from this server only, and no eval. The
// editor, Monaco, needs inline styles, which can't be listed one by one, and data: images.
const playgroundPolicy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; " +
	"style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const (
	playgroundRoot = "playground/dist"
	gzipSuffix     = ".gz"
)

// Handler serves the page at / and /s/{session}, the playground at /playground, the admin page at /admin where Config says so, their
// assets, the SDK below /sdk/, and the favicon. It answers GET and HEAD, and 404 for unknown paths, so it can be mounted at / beside more
// specific patterns. It panics if the binary was built without these files.
func Handler(config Config) http.Handler {
	p := pages{files: site{}, version: config.Version}
	p.app = p.files.addApp(config)
	p.files.addPlayground()
	if config.Admin {
		p.files.addAdmin()
	}
	p.files.addSDK(config.Version)
	return p
}

// pages serves the fixed files and, for any session id, the page of a session.
type pages struct {
	files   site
	app     app
	version string
}

func (p pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.app.serveSession(w, r) && !p.serveVersion(w, r) {
		p.files.ServeHTTP(w, r)
	}
}

// site maps URL paths to files. A request path is only looked up in the map and never reaches a file system.
type site map[string]file

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/admin/":
		if _, ok := s["/admin"]; ok {
			redirect(w, r, "../admin")
			return
		}
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

// redirect redirects to a path relative to the request's. http.Redirect would make it absolute, without the prefix that a
// proxy stripped.
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

// addAssets adds the files of a folder below root. The folder's path is also their URL path.
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
