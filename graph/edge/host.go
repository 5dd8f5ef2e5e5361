package edge

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Hosts says for which names in Host the server answers. A page whose own name is made to resolve to the server's address
// (DNS rebinding) is of the same origin as the server to its reader's browser, and could do there all that the reader can:
// on his own machine, or in his office's network. The name in Host gives it away. An IP address in Host can't be
// rebound, and is always answered for; so are the names that mean this machine whatever the resolver says (RFC 6761,
// section 6.3).
type Hosts struct {
	any      bool
	names    map[string]bool // in lower case
	suffixes []string        // with the dot before
	known    func(name string) bool
}

// NewHosts returns the policy that answers for the listed names, "*.example.com" for all below one and "*" for any, beside
// addresses and localhost; with a port or without, which does not matter. known, if it is not nil, is asked for others.
// Errors: an entry that is no name.
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

// plainName writes a name as it is compared.
func plainName(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}

// Guard answers requests for other hosts with 421, save those for exempt paths, which tell nobody anything.
func (h *Hosts) Guard(next http.Handler, exempt []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.Allowed(r.Host) && !slices.Contains(exempt, r.URL.Path) {
			refuse(w, http.StatusMisdirectedRequest,
				"this server does not answer for this host; CHATTOK_HOSTS lists the names that it is reached by, beside IP addresses, localhost, this machine's own name, and the hosts of CHATTOK_DOMAIN and CHATTOK_ORIGINS")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// LoopbackHost says whether host, with or without a port, names this machine whatever the resolver says.
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

// splitHost parts a Host header into name and port, either of which may be missing; an IPv6 address loses its brackets.
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
