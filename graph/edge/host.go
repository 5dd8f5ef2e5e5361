package edge

import (
	"net/http"
	"net/netip"
	"strings"
)

// LoopbackHosts answers requests for loopback hosts (localhost, *.localhost, 127.0.0.0/8 and ::1, with any port) and
// for those of the listed origins, as a proxy on this machine forwards them, and others with 421. A page that has its own
// name resolve to 127.0.0.1 (DNS rebinding) would be of the same origin as a server on its reader's machine; the name in
// Host gives it away.
func (o *Origins) LoopbackHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !o.any && !loopbackHost(r.Host) && !o.listedHost(r.Host) {
			refuse(w, http.StatusMisdirectedRequest,
				"this server listens on loopback only, and answers only for localhost and loopback addresses; behind a proxy, CHATTOK_ORIGINS names its origin, and CHATTOK_ADDR makes it listen elsewhere")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// listedHost says whether host is that of a listed origin.
func (o *Origins) listedHost(host string) bool {
	host = strings.ToLower(host)
	return o.listed["https://"+strings.TrimSuffix(host, ":443")] || o.listed["http://"+strings.TrimSuffix(host, ":80")]
}

// loopbackHost says whether host, with or without a port, names this machine whatever the resolver says (RFC 6761,
// section 6.3).
func loopbackHost(host string) bool {
	name, _, ok := splitHost(host)
	if !ok {
		return false
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Unmap().IsLoopback()
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
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
