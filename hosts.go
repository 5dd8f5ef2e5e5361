package main

import (
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"chattok/graph/edge"
)

// knownHost says whether a name, in lower case, is this machine's own, or one that the server's certificate is for: nobody
// else has a certificate for a name that is made to lead here.
func (s *server) knownHost(name string) bool {
	if own, err := os.Hostname(); err == nil {
		own = strings.ToLower(own)
		short, _, _ := strings.Cut(own, ".")
		if name == own || name == short || name == short+".local" { // as multicast DNS has it
			return true
		}
	}
	return s.secured != nil && s.secured.named != nil && s.secured.named(name)
}

// forwarding are the headers by which proxies say that they are some.
var forwarding = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via"}

// fromThisMachine answers what comes from this machine itself, by a name of loopback and not by a proxy, and nothing else:
// how much a server has to do is not for the world.
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
