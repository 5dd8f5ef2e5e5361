// Package edge is the HTTP around everything the server answers: which hosts and origins are served, request ids, the
// access log, panics outside GraphQL, and security headers. It knows no operation.
package edge

import (
	"log/slog"
	"net/http"
	"strings"
)

// Config says how the edge is to be.
type Config struct {
	// Origins are further origins whose pages may use the server, beside its own and loopback ones, as
	// "https://app.example" each; "*" stands for any. See NewOrigins.
	Origins []string
	// Hosts are the names that the server is reached by, beside IP addresses, localhost, and the hosts of Origins; "*"
	// stands for any. See NewHosts.
	Hosts []string
	// KnownHost, if it is not nil, is asked for names that are not among Hosts.
	KnownHost func(name string) bool
	// AnyHost are paths that are answered whatever the host, such as those of health probes.
	AnyHost []string
	// Public is the beginning of paths whose files pages of every origin may read, such as "/sdk/"; none where empty.
	Public string
	// Logger has the access log, at debug, and panics, at error. Nil stands for slog.Default().
	Logger *slog.Logger
}

// Edge puts the layers of this package around handlers.
type Edge struct {
	*Origins
	hosts   *Hosts
	anyHost []string
	public  string
	logger  *slog.Logger
}

// New returns an Edge. Errors: an entry of Config.Origins that is no origin, or of Config.Hosts that is no host.
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
	return &Edge{Origins: origins, hosts: hosts, anyHost: config.AnyHost, public: config.Public, logger: logger}, nil
}

// AllowedHost says whether the server answers for a Host header.
func (e *Edge) AllowedHost(host string) bool { return e.hosts.Allowed(host) }

// open has files that are for everybody's pages answered by next, and all else by guarded.
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

// Handler puts all layers around next: Observe outermost, so that what the others refuse is logged too, then
// SecurityHeaders, the hosts' Guard, and the origins'.
func (e *Edge) Handler(next http.Handler) http.Handler {
	next = e.hosts.Guard(e.open(next, e.Guard(next)), e.anyHost)
	return Observe(e.logger, SecurityHeaders(next))
}
