package edge

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/rs/cors"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport"
	"chattok/session"
)

// preflightSeconds is for how long a browser may remember a preflight's answer; Chromium takes no longer one.
const preflightSeconds = 7200

// Origins says which web pages may use the server, and tells browsers so (CORS). There are no cookies: what a page
// could do with a stranger's server it does with tokens of its own. But a page could reach a server on its reader's
// own machine or network, as the reader, and that is refused.
type Origins struct {
	any    bool
	listed map[string]bool // in lower case
	cors   *cors.Cors
}

// NewOrigins returns the policy that allows the server's own origin, loopback ones, and those listed, as scheme, host
// and port; case and a slash at the end don't matter, and "*" stands for any. Errors: an entry that is no origin.
func NewOrigins(list []string) (*Origins, error) {
	o := &Origins{listed: make(map[string]bool, len(list))}
	for _, entry := range list {
		origin := normalOrigin(strings.TrimSpace(entry))
		switch u, err := url.Parse(origin); {
		case origin == "":
		case origin == "*":
			o.any = true
		case err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.Contains(origin, "*"):
			return nil, fmt.Errorf("%q is not an origin, such as https://app.example or http://app.example:8080", entry)
		default:
			o.listed[origin] = true
		}
	}
	o.cors = cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, _ string) (bool, []string) { return o.AllowedOrigin(r), nil },
		AllowedMethods:             []string{http.MethodGet, http.MethodHead, http.MethodPost},
		AllowedHeaders:             []string{"Accept", "Authorization", "Content-Type", "Last-Event-ID", RequestIDHeader},
		ExposedHeaders:             []string{RequestIDHeader},
		MaxAge:                     preflightSeconds,
	})
	return o, nil
}

// AllowedOrigin says whether the page that sent r, if a page did, may use the server. It is the one rule for CORS and
// for WebSocket. A request without Origin does not come from another site's page and is allowed; Origin null, as
// sandboxed and local pages send it, is refused even where any origin is allowed, since it is nobody in particular.
func (o *Origins) AllowedOrigin(r *http.Request) bool {
	values := r.Header["Origin"]
	if len(values) == 0 {
		return true
	}
	origin := normalOrigin(values[0])
	switch {
	case len(values) > 1 || origin == "" || origin == "null":
		return false
	case o.any || o.listed[origin]:
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != origin {
		return false
	}
	return loopbackHost(u.Host) || hostPort(u.Host, u.Scheme) == hostPort(strings.ToLower(r.Host), u.Scheme)
}

// Guard answers a foreign origin with 403 and an error that GraphQL clients can read, upgrades and preflights too, and
// an allowed one's preflight itself; all else goes on to next, with the headers that let the page read the response.
func (o *Origins) Guard(next http.Handler) http.Handler {
	allowed := o.cors.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Origin"]) == 0 && r.Method != http.MethodOptions {
			w.Header().Add("Vary", "Origin") // no page sent it, so all of CORS comes to this
			next.ServeHTTP(w, r)
			return
		}
		if !o.AllowedOrigin(r) {
			w.Header().Add("Vary", "Origin")
			refuse(w, http.StatusForbidden, "pages of this origin may not use the server; CHATTOK_ORIGINS lists those that may")
			return
		}
		allowed.ServeHTTP(w, r)
	})
}

// hosts returns the hosts of the listed origins; "*" where any origin is.
func (o *Origins) hosts() []string {
	if o.any {
		return []string{"*"}
	}
	var names []string
	for origin := range o.listed {
		if u, err := url.Parse(origin); err == nil && net.ParseIP(u.Hostname()) == nil {
			names = append(names, u.Hostname())
		}
	}
	return names
}

// SameSite answers a GET that a page of another site has made without saying which, as an image or a script of it, with
// 403: what is behind next would run a query for it. Browsers say so themselves (Fetch Metadata); others send nothing. A
// link that is followed counts as such a GET.
func (o *Origins) SameSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		safe := r.Method == http.MethodGet || r.Method == http.MethodHead
		if safe && !o.any && len(r.Header["Origin"]) == 0 && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			refuse(w, http.StatusForbidden, "pages of other sites may not ask this by GET without their origin; CHATTOK_ORIGINS lists those that may use the server")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func normalOrigin(origin string) string { return strings.ToLower(strings.TrimSuffix(origin, "/")) }

// hostPort returns host with its port, which is the scheme's where it has none. A proxy that ends TLS leaves the host
// as the browser sent it, so the page's scheme counts for both sides of a comparison.
func hostPort(host, scheme string) string {
	if _, port, _ := splitHost(host); port != "" {
		return host
	}
	if scheme == "https" {
		return host + ":443"
	}
	return host + ":80"
}

func refuse(w http.ResponseWriter, status int, message string) {
	transport.WriteError(w, status, &gqlerror.Error{
		Message:    message,
		Extensions: map[string]any{"code": string(session.CodeForbidden)},
	})
}
