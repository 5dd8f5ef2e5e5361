// Package edge is the HTTP around everything that the server answers: the hosts and origins it serves, request ids, the
// access log, panics outside GraphQL, and security headers. It knows no operation.
package edge

import (
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Config configures an Edge.
type Config struct {
	// Origins are further origins whose pages may use the server, beside its own and loopback ones, in the form
	// "https://app.example"; "*" stands for any. See NewOrigins.
	Origins []string
	// Hosts are the names that the server is reached by, beside IP addresses, localhost and the hosts of Origins; "*"
	// stands for any. See NewHosts.
	Hosts []string
	// KnownHost is asked for names that are not in Hosts; it may be nil.
	KnownHost func(name string) bool
	// AnyHost are paths that are answered for every host, such as those of health probes.
	AnyHost []string
	// Public is the prefix of paths whose files pages of every origin may read, such as "/sdk/"; none where empty.
	Public string
	// Logger gets the access log, at debug, refused origins, at warn, and panics, at error. Nil stands for slog.Default().
	Logger *slog.Logger
	// Refused is called for each request of a page whose origin is refused; it may be nil.
	Refused func()
	// Bound wraps what is answered, also by this package, save for the access log and the security headers; it may refuse a
	// request. Nil bounds nothing.
	Bound func(next http.Handler) http.Handler
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
}

// Edge wraps handlers in the layers of this package.
type Edge struct {
	*Origins
	hosts   *Hosts
	anyHost []string
	public  string
	bound   func(next http.Handler) http.Handler
	logger  *slog.Logger
}

// New returns an Edge. Errors: an entry of Config.Origins that is not an origin, or of Config.Hosts that is not a host.
func New(config Config) (*Edge, error) {
	origins, err := NewOrigins(config.Origins)
	if err != nil {
		return nil, err
	}
	hosts, err := NewHosts(append(origins.hosts(), config.Hosts...), config.KnownHost)
	if err != nil {
		return nil, err
	}
	logger := config.Logger
	if logger == nil {
		logger = slog.Default()
	}
	refusals := &refusals{log: logger, now: config.Now, told: config.Refused}
	if refusals.now == nil {
		refusals.now = time.Now
	}
	origins.refused = refusals.note
	bound := config.Bound
	if bound == nil {
		bound = func(next http.Handler) http.Handler { return next }
	}
	return &Edge{Origins: origins, hosts: hosts, anyHost: config.AnyHost, public: config.Public, bound: bound, logger: logger}, nil
}

// AllowedHost says whether the server answers for a Host header.
func (e *Edge) AllowedHost(host string) bool { return e.hosts.Allowed(host) }

// open sends requests for public files to next, and all others to guarded.
func (e *Edge) open(next, guarded http.Handler) http.Handler {
	if e.public == "" {
		return guarded
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, e.public) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// Handler wraps next in all layers: Observe outermost, so that requests refused by the others are logged too, then
// SecurityHeaders, Config.Bound, fewHeaders, the hosts' Guard, and the origins'.
func (e *Edge) Handler(next http.Handler) http.Handler {
	next = e.hosts.Guard(e.open(next, e.Guard(next)), e.anyHost)
	return Observe(e.logger, SecurityHeaders(e.bound(fewHeaders(next))))
}
