package server

import (
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"chattok/graph/edge"
)

// knownHost says whether a name, in lower case, is this machine's own or one that its certificate in files is for. An attacker who
// points a name of theirs at this machine (DNS rebinding) has neither.
func (s *server) knownHost(name string) bool {
	if own, err := os.Hostname(); err == nil {
		own = strings.ToLower(own)
		short, _, _ := strings.Cut(own, ".")
		if name == own || name == short || name == short+".local" { // multicast DNS (RFC 6762)
			return true
		}
	}
	return s.certificates.Named(name)
}

// forwarding are the headers that proxies add to a request.
var forwarding = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via"}

// fromThisMachine passes requests that come from this machine, under a name of loopback and not through a proxy, and refuses all
// others: how busy a server is concerns its operator alone.
func fromThisMachine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		remote, err := netip.ParseAddrPort(r.RemoteAddr)
		forwarded := slices.ContainsFunc(forwarding, func(name string) bool { return len(r.Header.Values(name)) > 0 })
		if err != nil || !remote.Addr().Unmap().IsLoopback() || forwarded || !edge.LoopbackHost(r.Host) {
			http.Error(w, "metrics are for this machine alone; CHATTOK_METRICS_ADDR gives them an address of their own", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
