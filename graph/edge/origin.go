package edge

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rs/cors"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/net/idna"

	"chattok/graph/transport"
	"chattok/session"
)

// preflightSeconds is how long a browser may cache the answer to a preflight; Chromium's own limit is the same.
const preflightSeconds = 7200

// Origins decides which web pages may use the server, and tells browsers so (CORS). There are no cookies, so a page can
// act on a stranger's server only with tokens of its own. But a page could reach a server on its reader's machine or
// network as the reader, and that is refused.
type Origins struct {
	any    bool
	listed map[string]bool // in lower case
	cors   *cors.Cors

	refused func(*http.Request) // is told of requests that Guard refuses for their origin; may be nil
}

// NewOrigins returns a policy that allows the server's own origin, loopback ones, and the listed ones, given as scheme,
// host and port. Case and a trailing slash don't matter, and "*" stands for any. Errors: an entry that is not an
// origin.
func NewOrigins(list []string) (*Origins, error) {
	o := &Origins{listed: make(map[string]bool, len(list))}
	for _, entry := range list {
		switch entry = strings.TrimSpace(entry); entry {
		case "":
		case "*":
			o.any = true
		default:
			origin, ok := browserOrigin(entry)
			if !ok {
				return nil, fmt.Errorf("%q is not an origin, such as https://app.example or http://app.example:8080", entry)
			}
			o.listed[origin] = true
		}
	}
	o.cors = cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, _ string) (bool, []string) { return o.AllowedOrigin(r), nil },
		AllowedMethods:             []string{http.MethodGet, http.MethodHead, http.MethodPost},
		AllowedHeaders:             []string{"*"}, // there are no cookies; see backendHeaders for the exceptions
		ExposedHeaders:             []string{RequestIDHeader, VersionHeader},
		MaxAge:                     preflightSeconds,
	})
	return o, nil
}

// AllowedOrigin says whether the page that sent r may use the server; it is the one rule for CORS and for WebSocket. A
// request without Origin does not come from another site's page and is allowed. Origin null, which sandboxed and local
// pages send, is refused even where any origin is allowed, since it identifies nobody.
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

// Guard answers a foreign origin with 403 and an error that GraphQL clients can read, also for upgrades and preflights,
// and answers preflights of allowed origins. Everything else goes on to next, with the headers that let the page read
// the response.
func (o *Origins) Guard(next http.Handler) http.Handler {
	allowed := o.cors.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Origin"]) == 0 && r.Method != http.MethodOptions {
			w.Header().Add("Vary", "Origin") // no page sent it, so nothing else of CORS applies
			next.ServeHTTP(w, r)
			return
		}
		if !o.AllowedOrigin(r) {
			if o.refused != nil {
				o.refused(r)
			}
			w.Header().Add("Vary", "Origin")
			refuse(w, r, http.StatusForbidden, "pages of this origin may not use the server; CHATTOK_ORIGINS lists those that may")
			return
		}
		if r.Method == http.MethodOptions && asksForBackendHeader(r.Header) {
			w.Header().Add("Vary", "Origin")
			refuse(w, r, http.StatusForbidden, "pages may not send X-OPENTOK-AUTH and X-TB-PARTNER-AUTH: the API secret is a backend's")
			return
		}
		allowed.ServeHTTP(w, r)
	})
}

// backendHeaders carry the API secret, or a signature made with it. No page may send them.
var backendHeaders = []string{"x-opentok-auth", "x-tb-partner-auth"}

// asksForBackendHeader says whether a preflight asks for one of backendHeaders.
func asksForBackendHeader(header http.Header) bool {
	for _, line := range header.Values("Access-Control-Request-Headers") {
		for name := range strings.SplitSeq(line, ",") {
			if slices.Contains(backendHeaders, strings.ToLower(strings.TrimSpace(name))) {
				return true
			}
		}
	}
	return false
}

// BeyondLoopback says whether a list of origins allows one that is not on this machine.
func BeyondLoopback(list []string) bool {
	for _, entry := range list {
		if entry == "*" {
			return true
		}
		if origin, ok := browserOrigin(entry); ok {
			if _, host, _ := strings.Cut(origin, "://"); !loopbackHost(host) {
				return true
			}
		}
	}
	return false
}

// hostNames converts a host's name to ASCII as browsers do: https://url.spec.whatwg.org/#concept-domain-to-ascii.
var hostNames = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false), idna.BidiRule())

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// browserOrigin returns an origin in the form that browsers send: in lower case, an international name in ASCII,
// without the scheme's default port. ok is false for an entry that no browser would send.
func browserOrigin(entry string) (origin string, ok bool) {
	u, err := url.Parse(strings.TrimSuffix(entry, "/"))
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" ||
		u.ForceQuery || strings.ContainsAny(entry, "*%#?@\\ ") {
		return "", false
	}
	scheme, host, port := strings.ToLower(u.Scheme), u.Hostname(), u.Port()
	own, web := defaultPorts[scheme]
	if !web { // such as capacitor://localhost, which is sent unchanged
		return scheme + "://" + strings.ToLower(u.Host), true
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return "", false
		}
		host = addr.String()
		if addr.Is6() {
			host = "[" + host + "]"
		}
	} else if host, err = hostNames.ToASCII(host); err != nil || host == "" || strings.ContainsAny(host, ":[]<>^|") || numeric(host) {
		return "", false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		port = strconv.FormatUint(n, 10)
	} else if port != "" {
		return "", false
	}
	if port == "" || port == own {
		return scheme + "://" + host, true
	}
	return scheme + "://" + host + ":" + port, true
}

// numeric says whether a host ends in a number, which browsers take for an IPv4 address.
func numeric(host string) bool {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	_, err := strconv.ParseUint(labels[len(labels)-1], 0, 64)
	return err == nil
}

// hosts returns the host names of the listed origins; "*" where any origin is allowed.
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

// SameSite answers 403 to a GET that another site's page makes without an origin, for instance for an image or a
// script: next would run a query for it. Browsers mark such requests (Fetch Metadata); other clients send no mark. A
// link that is followed counts as such a GET.
func (o *Origins) SameSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		safe := r.Method == http.MethodGet || r.Method == http.MethodHead
		if safe && !o.any && len(r.Header["Origin"]) == 0 && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			refuse(w, r, http.StatusForbidden, "pages of other sites may not ask this by GET without their origin; CHATTOK_ORIGINS lists those that may use the server")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func normalOrigin(origin string) string { return strings.ToLower(strings.TrimSuffix(origin, "/")) }

// hostPort returns host with a port, the scheme's default where it has none. A proxy that ends TLS passes on Host as
// the browser sent it, so the page's scheme counts for both sides of a comparison.
func hostPort(host, scheme string) string {
	if _, port, _ := splitHost(host); port != "" {
		return host
	}
	if scheme == "https" {
		return host + ":443"
	}
	return host + ":80"
}

func refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	transport.WriteError(w, r, status, &gqlerror.Error{
		Message:    message,
		Extensions: map[string]any{"code": string(session.CodeForbidden)},
	})
}
