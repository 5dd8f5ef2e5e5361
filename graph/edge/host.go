package edge

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Hosts decides for which names in the Host header the server answers. By DNS rebinding, a page can make its own name
// resolve to the server's address. To the reader's browser the page and the server then have the same origin, and the
// page could do on the reader's machine or network whatever the reader can. The name in Host reveals it. An IP address
// in Host can't be rebound and is always served, and so are the names that stand for this machine by definition (RFC
// 6761, section 6.3).
type Hosts struct {
	any      bool
	names    map[string]bool // in lower case
	suffixes []string        // with the dot in front
	known    func(name string) bool
}

// NewHosts returns a policy that serves the listed names, "*.example.com" for every name below one and "*" for any,
// beside addresses and localhost. A port in an entry is ignored. known is asked for other names; it may be nil. Errors:
// an entry that is not a name.
func NewHosts(list []string, known func(name string) bool) (*Hosts, error) {
	h := &Hosts{names: make(map[string]bool, len(list)), known: known}
	for _, entry := range list {
		name := plainName(entry)
		below, wild := strings.CutPrefix(name, "*.")
		switch {
		case name == "":
		case name == "*":
			h.any = true
		case strings.ContainsAny(below, "*/:@ ?#[]"):
			return nil, fmt.Errorf("%q is not a host's name, such as chat.example.com or *.example.com", entry)
		case wild:
			h.suffixes = append(h.suffixes, "."+below)
		default:
			h.names[name] = true
		}
	}
	return h, nil
}

// Allowed says whether the server answers for a Host header.
func (h *Hosts) Allowed(host string) bool {
	if h.any || loopbackHost(host) {
		return true
	}
	if name, _, ok := splitHost(host); ok {
		if addr, err := netip.ParseAddr(name); err == nil {
			return addr.Zone() == ""
		}
	}
	return h.Named(host)
}

// Named says whether a Host header has one of the names: listed, below one, or known.
func (h *Hosts) Named(host string) bool {
	name, _, ok := splitHost(host)
	if !ok {
		return false
	}
	name = plainName(name)
	if h.names[name] {
		return true
	}
	for _, suffix := range h.suffixes {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return h.known != nil && h.known(name)
}

// plainName returns a name in the form that is compared.
func plainName(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}

// Guard answers requests for other hosts with 421, save those for exempt paths, which reveal nothing.
func (h *Hosts) Guard(next http.Handler, exempt []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.Allowed(r.Host) && !slices.Contains(exempt, r.URL.Path) {
			refuse(w, r, http.StatusMisdirectedRequest,
				"this server does not answer for this host; CHATTOK_HOSTS lists the names that it is reached by, beside IP addresses, localhost, this machine's own name, and the hosts of CHATTOK_DOMAIN and CHATTOK_ORIGINS")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// LoopbackHost says whether host, with or without a port, is a name of this machine by definition.
func LoopbackHost(host string) bool { return loopbackHost(host) }

func loopbackHost(host string) bool {
	name, _, ok := splitHost(host)
	if !ok {
		return false
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Unmap().IsLoopback()
	}
	name = plainName(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// splitHost splits a Host header into name and port, either of which may be missing. An IPv6 address loses its
// brackets.
func splitHost(host string) (name, port string, ok bool) {
	if rest, ok := strings.CutPrefix(host, "["); ok {
		name, port, found := strings.Cut(rest, "]")
		if !found || port != "" && port[0] != ':' {
			return "", "", false
		}
		return name, strings.TrimPrefix(port, ":"), true
	}
	name, port, _ = strings.Cut(host, ":")
	return name, port, name != "" && !strings.Contains(port, ":")
}
