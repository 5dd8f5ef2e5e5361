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
		AllowedHeaders:             []string{"*"}, // there are no cookies; see backendHeaders for those that are not
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
		if r.Method == http.MethodOptions && asksForBackendHeader(r.Header) {
			w.Header().Add("Vary", "Origin")
			refuse(w, http.StatusForbidden, "pages may not send X-OPENTOK-AUTH and X-TB-PARTNER-AUTH: the API secret is a backend's")
			return
		}
		allowed.ServeHTTP(w, r)
	})
}

// backendHeaders carry the API secret, or what it signed, which is no page's to have.
var backendHeaders = []string{"x-opentok-auth", "x-tb-partner-auth"}

// asksForBackendHeader says whether a preflight is for one of them.
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

// BeyondLoopback says whether a list of origins has one that is not of this machine, or all.
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

// hostNames is how browsers turn a host's name into ASCII: https://url.spec.whatwg.org/#concept-domain-to-ascii.
var hostNames = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false), idna.BidiRule())

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// browserOrigin returns an origin as browsers send it: in lower case, an international name in ASCII, and without the
// scheme's own port. ok is false for what no browser sends.
func browserOrigin(entry string) (origin string, ok bool) {
	u, err := url.Parse(strings.TrimSuffix(entry, "/"))
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" ||
		u.ForceQuery || strings.ContainsAny(entry, "*%#?@\\ ") {
		return "", false
	}
	scheme, host, port := strings.ToLower(u.Scheme), u.Hostname(), u.Port()
	own, web := defaultPorts[scheme]
	if !web { // such as capacitor://localhost, which is sent as it is
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

// numeric says whether a host ends in a number, which browsers take for an IPv4 address in some spelling.
func numeric(host string) bool {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	_, err := strconv.ParseUint(labels[len(labels)-1], 0, 64)
	return err == nil
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
