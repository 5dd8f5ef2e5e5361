package web

import (
	"html"
	"net/http"
	"strings"
)

// appPolicy is the page's Content-Security-Policy: scripts, styles and connections of this server only, and no conversion of
// strings to code or markup (require-trusted-types-for). Camera pictures are not loaded from an address, so no directive
// applies to them.
const appPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// appPermissions is the page's Permissions-Policy. It allows the features that the page uses, for its own origin only, and
// denies the others.
const appPermissions = "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), " +
	"clipboard-write=(self), fullscreen=(self), geolocation=(), payment=(), usb=(), serial=(), hid=()"

const (
	appRoot       = "app/dist"
	sessionPrefix = "/s/"
	noVersion     = `<meta name="chattok-version" content="">`
)

// app holds the page for / and for /s/{session}. The latter is one folder deeper, so its relative addresses begin with
// "../".
type app struct {
	start, session file
}

func (s site) addApp(config Config) app {
	page := string(mustRead(appFiles, appRoot+"/index.html"))
	if strings.Count(page, noVersion) != 1 {
		panic("web: the page has no place for the version")
	}
	version := strings.Replace(noVersion, `""`, `"`+html.EscapeString(config.Version)+`"`, 1)
	page = strings.Replace(page, noVersion, version, 1)
	for _, name := range []string{"favicon.svg", "favicon-unread.svg"} {
		s["/"+name] = newFile(name, mustRead(appFiles, appRoot+"/"+name), appPolicy)
	}
	s.addAssets(appFiles, appRoot, "assets", appPolicy)
	if !config.Theme.empty() {
		s["/theme.css"] = newFile("theme.css", []byte(config.Theme.sheet()), appPolicy)
		page = strings.Replace(page, "</head>", `<link rel="stylesheet" href="./theme.css"></head>`, 1)
	}

	policy := appPolicy
	if len(config.FrameAncestors) > 0 {
		policy = framed(appPolicy, config.FrameAncestors)
	}
	start := newFile("index.html", []byte(page), policy)
	session := newFile("index.html", []byte(strings.ReplaceAll(page, `="./`, `="../`)), policy)
	for _, f := range []*file{&start, &session} {
		f.permissions = appPermissions
		f.framed = policy != appPolicy
	}
	s["/"] = start
	return app{start: start, session: session}
}

// serveSession serves the page for any single name below /s/; the page and the API decide whether the name is a session's.
// It reports whether it handled the request.
func (a app) serveSession(w http.ResponseWriter, r *http.Request) bool {
	name, ok := strings.CutPrefix(r.URL.Path, sessionPrefix)
	switch {
	case !ok:
		return false
	case name == "":
		redirect(w, r, "../")
	case strings.HasSuffix(name, "/") && strings.Count(name, "/") == 1:
		redirect(w, r, "../"+strings.TrimSuffix(name, "/"))
	case strings.Contains(name, "/"):
		return false
	default:
		a.session.serveGet(w, r)
	}
	return true
}
