package transport

import (
	"net/http"
	"net/netip"
	"strconv"
)

// RequestLimits bound the requests under way of one kind.
type RequestLimits struct {
	Max           int                              // 0 for DefaultMaxRequests
	MaxPerAddress int                              // of one client address; 0 for DefaultMaxRequestsPerAddress
	Client        func(r *http.Request) netip.Addr // the address that a request comes from
}

// LimitRequests returns a function that wraps handlers, such as those for pages, and bounds the requests under way at all of them: each
// keeps its header for as long as its client takes the response. Above a limit they are refused with status 503 or 429 and Retry-After.
func LimitRequests(l RequestLimits) func(next http.Handler) http.Handler {
	setDefault(&l.Max, DefaultMaxRequests)
	setDefault(&l.MaxPerAddress, DefaultMaxRequestsPerAddress)
	under := requests{max: l.Max, maxPerAddress: l.MaxPerAddress, byAddress: make(networkCounts[int])}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			client := limited(l.Client(r))
			if why := under.enter(client); why != "" {
				// Without a body, for which the client would have to make room: until then its request would be kept.
				w.Header().Set("Retry-After", strconv.Itoa(int(comeBackAfter.Seconds())))
				w.Header().Set("Content-Length", "0")
				w.WriteHeader(why.status())
				leaveBody(w, r)
				return
			}
			defer under.leave(client)
			next.ServeHTTP(w, r)
			untilTaken(w, r, false)
		})
	}
}
