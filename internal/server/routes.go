package server

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"chattok/graph/edge"
	"chattok/graph/transport"
	"chattok/internal/certificates"
	"chattok/internal/config"
	"chattok/internal/memory"
	"chattok/opentok"
	"chattok/rails"
	"chattok/web"
)

// probes are answered under every host name: a load balancer asks by an address of its own.
var probes = []string{"/healthz", "/readyz"}

// apiPaths are those of the API. gqlgen's projects serve on the second, and their clients expect it; some frameworks add the slash.
var apiPaths = []string{"/graphql", "/graphql/", "/query", "/query/"}

// handler returns the routes of the server, and, where it serves HTTPS, the handler for plain HTTP beside it.
func (s *server) handler() (handler, plain http.Handler, err error) {
	bounded := s.bounded(mostRequests(s.Limits.Requests, s.Limits.RequestsPerAddress, memory.Requests()))
	c := edge.Config{Origins: config.List(s.Origins), Hosts: append(config.List(s.Hosts), config.List(s.Domain)...), KnownHost: s.knownHost,
		AnyHost: probes, Public: web.SDKRoot, Logger: s.Log, Refused: s.metrics.OriginRefused,
		Bound: func(next http.Handler) http.Handler { return s.count(next, bounded) }}
	e, err := edge.New(c)
	if err != nil {
		return nil, nil, fmt.Errorf("CHATTOK_ORIGINS or CHATTOK_HOSTS: %w", err)
	}
	others := http.NewServeMux()
	if s.RailsRoutes {
		others.Handle(rails.Root, edge.Versioned(s.Version, rails.New(s.graph)))
	}
	others.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answerProbe(w, nil, nil) })
	others.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		answerProbe(w, s.service.Ready(r.Context()), s.service.Degraded())
	})
	if s.MetricsAddr == "" {
		others.Handle("GET /metrics", fromThisMachine(s.metrics.Handler()))
	}
	others.Handle("/", edge.PageHeaders(web.Handler(s.Page(s.Version))))
	if s.certificates != nil {
		allowed := e.AllowedHost
		if domains, err := edge.NewHosts(s.certificates.Domains, nil); err == nil && len(s.certificates.Domains) > 0 {
			allowed = domains.Named // only these have certificates
		}
		plain = bounded(s.certificates.Plain(certificates.Redirect(s.Addr, allowed)))
	}
	api, pages := edge.Versioned(s.Version, e.SameSite(s.graph)), libraries(edge.Versioned(s.Version, s.opentok), cleaned(others))
	return e.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(apiPaths, r.URL.Path) {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})), plain, nil
}

// count bounds the requests under way at next by bounded, save for those of the API, which counts its own, preflights aside, and for probes,
// which are answered however many others ask.
func (s *server) count(next http.Handler, bounded func(http.Handler) http.Handler) http.Handler {
	probed, others := s.bounded(math.MaxInt, s.Limits.RequestsPerAddress)(next), bounded(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case slices.Contains(apiPaths, r.URL.Path) && r.Method != http.MethodOptions:
			next.ServeHTTP(w, r)
		case slices.Contains(probes, r.URL.Path):
			probed.ServeHTTP(w, r)
		default:
			others.ServeHTTP(w, r)
		}
	})
}

// cleaned redirects a request with an unclean path, such as //sdk/, to the clean one, as http.ServeMux does, but without a body: ServeMux
// writes the whole address into one, each quotation mark as five bytes.
func cleaned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clean := path.Clean("/" + r.URL.Path)
		if clean != "/" && strings.HasSuffix(r.URL.Path, "/") {
			clean += "/"
		}
		if clean == r.URL.Path || r.Method == http.MethodConnect {
			next.ServeHTTP(w, r)
			return
		}
		to := url.URL{Path: clean, RawQuery: r.URL.RawQuery}
		w.Header().Set("Location", to.String())
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
}

// libraries sends the requests of OpenTok's server libraries to rest, and all others to next.
func libraries(rest, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if opentok.Handles(r) {
			rest.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bounded returns a function that wraps handlers, and bounds the requests under way at all of them, and the time for a client to take a
// response. It goes around everything that answers but the API, since a redirect or a refusal keeps its request for as long as its client
// takes none of it. The API counts its own requests, and its responses have deadlines of their own, since streams last.
func (s *server) bounded(most, ofAddress int) func(next http.Handler) http.Handler {
	proxies := trustedProxies(s.Limits)
	limits := transport.RequestLimits{Max: most, MaxPerAddress: ofAddress, Client: func(r *http.Request) netip.Addr {
		client, _ := proxies.Client(r)
		return client
	}}
	limit := transport.LimitRequests(limits)
	return func(next http.Handler) http.Handler {
		return limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
			next.ServeHTTP(w, r)
		}))
	}
}
